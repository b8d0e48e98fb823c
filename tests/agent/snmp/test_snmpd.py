"""A real SNMP agent, Debian's snmpd, in a network namespace with real interfaces and traffic."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.root

PAIRS = 24
USER, AUTH_KEY, PRIVACY_KEY = "gauge", "authkey-of-the-test", "privkey-of-the-test"
PORT = 1161
_START_S = 20.0


@dataclass(frozen=True)
class Namespace:
    """A namespace with an snmpd in it."""

    name: str
    folder: Path

    def command(self, *words: str) -> list[str]:
        """Return a command that runs inside."""
        return ["ip", "netns", "exec", self.name, *words]

    def once(self, probe: str, settings: str) -> list[dict[str, Any]]:
        """Run `once` for a probe, as a technician does, and return its readings."""
        config = self.folder / "agent.toml"
        config.write_text(settings)
        command = self.command(sys.executable, "-m", "agent", "once", probe)
        command += ["--config", str(config), "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        for secret in (AUTH_KEY, PRIVACY_KEY):
            assert secret not in done.stdout + done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


def run(*command: str) -> None:
    """Run a command that has to work."""
    subprocess.run(command, check=True, capture_output=True, timeout=20)


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    """Make a namespace with pairs of interfaces and start snmpd in it."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    program = shutil.which("snmpd", path=path)
    if program is None:
        pytest.skip("snmpd is not installed: tools/system_packages.py installs it")
    folder = tmp_path_factory.mktemp("snmpd")
    space = Namespace(f"cg-snmp-{os.getpid()}", folder)
    run("ip", "netns", "add", space.name)
    inside = ("ip", "-n", space.name)
    try:
        run(*inside, "link", "set", "lo", "up")
        for number in range(PAIRS):
            run(*inside, "link", "add", f"ge{number}", "type", "veth", "peer", "name", f"p{number}")
        for number in range(PAIRS - 4):  # the last four stay down
            run(*inside, "link", "set", f"ge{number}", "up")
            run(*inside, "link", "set", f"p{number}", "up")
        run(*inside, "addr", "add", "198.51.100.1/24", "dev", "ge0")
        run(*inside, "neigh", "add", "198.51.100.2", "lladdr", "02:00:00:00:00:02", "dev", "ge0")
        process = start_snmpd(space, program)
        try:
            yield space
        finally:
            process.terminate()
            process.wait(10)
    finally:
        run("ip", "netns", "delete", space.name)


def start_snmpd(space: Namespace, program: str) -> subprocess.Popen[bytes]:
    """Start snmpd in the namespace and wait until it listens."""
    config = space.folder / "snmpd.conf"
    config.write_text(
        f"agentaddress udp:127.0.0.1:{PORT}\n"
        "rocommunity public 127.0.0.1\n"
        f'createUser {USER} SHA-256 "{AUTH_KEY}" AES "{PRIVACY_KEY}"\n'
        f"rouser {USER} priv\n"
        "sysName school-core\n"
    )
    log = (space.folder / "snmpd.log").open("wb")
    with log:
        process = subprocess.Popen(
            space.command(program, "-f", "-Lo", "-C", "-c", str(config)),
            env={**os.environ, "SNMP_PERSISTENT_DIR": str(space.folder / "state")},
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + _START_S
    while b"NET-SNMP version" not in (space.folder / "snmpd.log").read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail((space.folder / "snmpd.log").read_text()[-1000:])
        time.sleep(0.05)
    return process


def credentials(space: Namespace) -> str:
    """Write the file of credentials and return the setting that names it."""
    path = space.folder / "snmp.toml"
    path.write_text(
        f'[default]\nversion = "3"\nuser = "{USER}"\nauth_protocol = "SHA256"\n'
        f'auth_key = "{AUTH_KEY}"\nprivacy_protocol = "AES"\nprivacy_key = "{PRIVACY_KEY}"\n'
        '[open]\nversion = "2c"\ncommunity = "public"\n'
        '[oldest]\nversion = "1"\ncommunity = "public"\n'
    )
    path.chmod(0o600)
    return f'credentials_file = "{path}"\n'


@pytest.mark.parametrize("credential", ["default", "open", "oldest"])
def test_links_of_a_real_agent(namespace: Namespace, credential: str) -> None:
    """All three versions, from the command line: the settings, the file of keys, the child."""
    readings = namespace.once(
        "switch_links",
        f"[probes.switch_links]\n{credentials(namespace)}"
        f'devices = [{{ name = "core", address = "127.0.0.1", port = {PORT},'
        f' credential = "{credential}", ports = {{ ge0 = "backbone", ge23 = "backbone",'
        ' ge30 = "backbone" } }]\n',
    )
    links = {reading["target"]: reading for reading in readings}
    assert links["core"]["details"]["system_name"] == "school-core"
    assert links["core"]["values"]["ports_up_count"] == 2 * (PAIRS - 4)
    assert links["core/ge0"]["values"] == {"speed_mbps": 10_000, "up": 1}
    assert links["core/ge23"]["values"] == {"up": 0}
    assert links["core/ge30"]["reason"] == "switch_port_missing"


def test_traffic_of_a_real_interface(namespace: Namespace) -> None:
    """A known number of octets goes out of the port while the probe watches."""
    settings = (
        f"[probes.wan_counters]\n{credentials(namespace)}watch_s = 8.0\nwatch_step_s = 4.0\n"
        f'devices = [{{ name = "gw", address = "127.0.0.1", port = {PORT},'
        ' uplinks = { telecom = "ge0" }, capacity_mbps = { telecom = 100.0 } }]\n'
    )
    command = namespace.command(sys.executable, __file__, "198.51.100.2", "20", "11")
    with subprocess.Popen(command) as sender:
        (reading,) = namespace.once("wan_counters", settings)
        sender.wait(30)
    assert reading["details"]["counter_bits"] == 64
    # snmpd refreshes its counters now and then, so the edges of the watch are not sharp.
    assert 10 < reading["values"]["upload_mbps"] < 40
    assert reading["values"]["download_mbps"] < 1


def send(address: str, mbps: float, seconds: float) -> None:
    """Send datagrams at a rate in Mbit/s; runs inside the namespace, as a program."""
    payload = bytes(1400)
    pause_s = (len(payload) + 42) * 8 / (mbps * 1e6)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        started = time.monotonic()
        sent = 0
        while (now := time.monotonic() - started) < seconds:
            while sent * pause_s <= now:
                sock.sendto(payload, (address, 9))
                sent += 1
            time.sleep(0.005)


if __name__ == "__main__":
    send(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))

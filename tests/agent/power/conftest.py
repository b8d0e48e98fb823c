"""A real upsd with the project's own dummy driver."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

UPSD, DRIVER = Path("/lib/nut/upsd"), Path("/lib/nut/dummy-ups")
ON_MAINS = {
    "battery.charge": "100",
    "battery.runtime": "30600",
    "ups.load": "35",
    "ups.status": "OL",
    "ups.test.date": "2026/11/01",
    "ups.test.result": "Done and passed",
}


@dataclass(frozen=True)
class Upsd:
    """The running server, and the file that stands for the device."""

    port: int
    device_file: Path

    def show(self, **changed: str) -> None:
        """Let the device show these variables (dots as two underscores) and wait until it does."""
        variables = {**ON_MAINS, **{k.replace("__", "."): v for k, v in changed.items()}}
        write_device(self.device_file, variables)
        deadline = time.monotonic() + 10
        wanted = f'"{variables["ups.status"]}"'.encode()
        while wanted not in self.say(b"GET VAR school ups.status\n"):
            assert time.monotonic() < deadline, "the driver did not take the new values"
            time.sleep(0.05)

    def say(self, command: bytes) -> bytes:
        """Return upsd's first answer to a command."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as sock:
            sock.sendall(command)
            return sock.recv(4096)


def write_device(path: Path, variables: Mapping[str, str]) -> None:
    """Write the driver's file of values; it reads again when the whole second has changed."""
    changed_s = int(path.stat().st_mtime) + 2 if path.exists() else 1
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{name}: {value}\n" for name, value in variables.items()))
    os.utime(fresh, (changed_s, changed_s))
    fresh.replace(path)


@pytest.fixture
def upsd(running_upsd: Upsd) -> Upsd:
    """Return the server, its device charged and on mains."""
    if b'"OL"' not in running_upsd.say(b"GET VAR school ups.status\n"):
        running_upsd.show()
    return running_upsd


@pytest.fixture(scope="module")
def running_upsd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upsd]:
    """Start upsd with one supply that runs (`school`) and one whose driver does not (`second`)."""
    if not UPSD.exists() or not DRIVER.exists() or os.geteuid() != 0:
        pytest.skip("needs root and Debian's nut-server")
    tmp_path = tmp_path_factory.mktemp("nut")
    conf = tmp_path / "conf"
    conf.mkdir()
    state = Path(tempfile.mkdtemp(prefix="cg-nut-"))  # short: the driver's socket is in it
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    device = conf / "school.dev"
    write_device(device, ON_MAINS)
    drivers = "".join(
        f'[{name}]\ndriver = dummy-ups\nport = {device}\nmode = dummy-once\ndesc = "{text}"\n'
        for name, text in (("school", "server room"), ("second", "not connected"))
    )
    (conf / "ups.conf").write_text(f"maxretry = 1\npollinterval = 1\n{drivers}")
    (conf / "nut.conf").write_text("MODE=netserver\n")
    (conf / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {port}\n")
    (conf / "upsd.users").write_text('[view]\npassword = "s3cret word"\n')
    for file in conf.iterdir():
        file.chmod(0o600)
    places = ("NUT_STATEPATH", "NUT_ALTPIDPATH", "NUT_PIDPATH")
    environment = {**os.environ, "NUT_CONFPATH": str(conf), **dict.fromkeys(places, str(state))}
    log = (tmp_path / "nut.log").open("wb")
    started: list[subprocess.Popen[bytes]] = []
    with log:
        for command in (
            [str(DRIVER), "-F", "-a", "school", "-u", "root"],
            [str(UPSD), "-F", "-u", "root"],
        ):
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            time.sleep(0.3)
    server = Upsd(port, device)
    deadline = time.monotonic() + 15
    while True:
        try:
            if b'"OL"' in server.say(b"GET VAR school ups.status\n"):
                break
        except OSError:
            pass
        assert time.monotonic() < deadline, (tmp_path / "nut.log").read_text()
        time.sleep(0.05)
    yield server
    for process in reversed(started):
        process.terminate()
        process.wait(10)
    shutil.rmtree(state)


@pytest.fixture
def tls_files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Return a certificate for localhost that is its own authority: authority, certificate, key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upsd")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(key, SHA256())
    )
    certificate, private = tmp_path / "upsd.pem", tmp_path / "upsd.key"
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, certificate, private

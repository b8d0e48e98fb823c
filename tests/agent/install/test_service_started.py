"""The unit, started by systemd itself: as its own user, without a privilege, measuring.

Systemd runs as the first process of its own PID, mount, network and control group namespaces. It
knows no other unit of this machine and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.install import service
from agent.spool_salvage import unseal

ROOT = Path(__file__).parents[3]
STATE = Path("/var/lib/campusgauge-agent")
USER_ID = 64_991
WAIT_S = 60.0
PROBES = {"server_headroom", "storage_volumes", "host_uptime"}
"""What every host can tell, whatever its network is."""
SYSTEMD = Path("/lib/systemd/systemd")

APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--cgroup", "--net", "--ipc",
         "--uts")  # fmt: skip
BOOT = f"""
set -eu
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
if mountpoint -q /sys/fs/cgroup/systemd; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
mount --bind "$FOLDER/passwd" /etc/passwd
mount --bind "$FOLDER/group" /etc/group
mount --bind "$FOLDER/opt" /opt
mount --bind "$PYTHON" /opt/python
mount --bind "$PACKAGES" /opt/packages
mount --bind "$PROJECT" /opt/project
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir {STATE} && mount --bind "$FOLDER/state" {STATE}
mkdir /run/units /run/none && cp -r "$FOLDER/units/." /run/units
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lxc SYSTEMD_UNIT_PATH=/run/units \
    SYSTEMD_GENERATOR_PATH=/run/none SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/run/none \
    {SYSTEMD} --system --unit=multi-user.target --log-target=console
"""
PROGRAM = """#!/bin/sh
export PYTHONPATH=/opt/project:/opt/packages LD_LIBRARY_PATH=/opt/python/lib
export CAMPUSGAUGE_AGENT_EXPOSITION_ENABLED=false
exec /opt/python/bin/python3 -m agent "$@"
"""
"""The interpreter of the tests may be in a home that no other user may enter."""


@dataclass
class Booted:
    """A running systemd and the folder that holds its files."""

    process: subprocess.Popen[bytes]
    folder: Path

    def inside(self, *command: str) -> str:
        """Run a command in its namespaces and return what that printed."""
        pid = self.process.pid
        (first,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        enter = ["nsenter", "--target", first, "--pid", "--mount", "--cgroup"]
        done = subprocess.run([*enter, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def property(self, name: str) -> str:
        """Return one property of the unit."""
        return self.inside("systemctl", "show", service.UNIT.name, "--value", "-p", name).strip()

    def log(self) -> str:
        """Return what systemd said, and the agent."""
        files = (self.folder / "boot.log", self.folder / "state" / "log")
        return "\n".join(file.read_text() for file in files if file.exists())


def write_units(folder: Path) -> None:
    """Write the unit as `install` does, what it refers to, and where its log goes."""
    plan = service.linux_install(
        Path("/opt/campusgauge-agent"), STATE, STATE / "agent.toml", raw_sockets=False
    )
    folder.mkdir()
    (folder / service.UNIT.name).write_text(plan.write[service.UNIT])
    drop_in = folder / f"{service.UNIT.name}.d"
    drop_in.mkdir()
    (drop_in / "log.conf").write_text(f"[Service]\nStandardError=append:{STATE}/log\n")
    wanted = folder / "multi-user.target.wants"
    wanted.mkdir()
    (wanted / service.UNIT.name).symlink_to(f"../{service.UNIT.name}")
    for name in ("sysinit", "basic", "shutdown", "multi-user", "network-online"):
        (folder / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")


@pytest.fixture
def booted(tmp_path: Path) -> Iterator[Booted]:
    """Start systemd with the unit; kill all of it by its first process."""
    write_units(tmp_path / "units")
    user = {"passwd": f"x:{USER_ID}:{USER_ID}::/nonexistent:/bin/false", "group": f"x:{USER_ID}:"}
    for name, line in user.items():
        known = Path("/etc", name).read_text().rstrip()
        (tmp_path / name).write_text(f"{known}\n{service.NAME}:{line}\n")
    state, opt = tmp_path / "state", tmp_path / "opt"
    state.mkdir(mode=0o700)
    (state / "agent.toml").touch()
    os.chown(state, USER_ID, USER_ID)
    for part in ("python", "packages", "project"):
        (opt / part).mkdir(parents=True)
    (opt / "campusgauge-agent").write_text(PROGRAM)
    (opt / "campusgauge-agent").chmod(0o755)
    own = own_control_group()
    own.mkdir()
    places = {"FOLDER": tmp_path, "PYTHON": sys.base_prefix, "PROJECT": ROOT}
    places["PACKAGES"] = sysconfig.get_path("purelib")
    join = ["bash", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(own)]
    with (tmp_path / "boot.log").open("wb") as log:
        process = subprocess.Popen(
            [*join, *APART, "bash", "-c", BOOT],
            env={**os.environ, **{name: str(place) for name, place in places.items()}},
            stdout=log,
            stderr=log,
        )
    yield Booted(process, tmp_path)
    process.send_signal(signal.SIGKILL)  # --kill-child: the whole namespace ends
    process.wait()
    remove_control_groups(own)


def own_control_group() -> Path:
    """Return a control group for this test, of systemd's hierarchy or of the only one there is."""
    systemd = Path("/sys/fs/cgroup/systemd")
    return (systemd if systemd.is_dir() else systemd.parent) / f"campusgauge-{os.getpid()}"


def remove_control_groups(top: Path) -> None:
    """Remove an empty tree of control groups, waiting for the kernel to end its processes."""
    deadline_s = time.monotonic() + WAIT_S
    while top.exists() and time.monotonic() < deadline_s:
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        time.sleep(0.05)
    assert not top.exists()


def measured(booted: Booted) -> dict[str, str]:
    """Wait for the probes of every host, and return how each ended the first time."""
    file = f"file:{booted.folder}/state/spool/spool.db?mode=ro"
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        assert booted.process.poll() is None, booted.log()
        with suppress(sqlite3.Error), closing(sqlite3.connect(file, uri=True)) as database:
            rows = database.execute("SELECT body FROM queue ORDER BY sequence DESC")
            found = [json.loads(unseal(body) or "{}") for (body,) in rows]
            outcomes = {reading["probe"]: reading["outcome"] for reading in found}
            if outcomes.keys() >= PROBES:
                return {probe: outcomes[probe] for probe in PROBES}
        time.sleep(0.1)
    raise AssertionError(booted.log())


@pytest.mark.root
def test_systemd_runs_the_unit_as_its_own_user_without_a_privilege(booted: Booted) -> None:
    """It measures under all its protection, holds no capability, and stops cleanly when told."""
    assert measured(booted) == dict.fromkeys(PROBES, "ok")
    assert booted.property("ActiveState") == "active"
    status = booted.inside("cat", f"/proc/{booted.property('MainPID')}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert fields["Uid"].split() == [str(USER_ID)] * 4
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert [int(fields[name], 16) for name in sets] == [0] * 5
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    booted.inside("systemctl", "stop", service.UNIT.name)
    assert booted.property("Result") == "success"
    assert booted.log().rstrip().endswith("event=stopped")

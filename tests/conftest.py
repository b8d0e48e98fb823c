"""Rules for the whole suite: what CI may not skip, and where the recordings of real devices are."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
MEMORY_DISK = Path("/dev/shm")  # noqa: S108  # looked at, and used by pytest with names of its own
ROOM_BYTES = 4 * 2**30
"""What a memory disk must have free before temporary folders go there."""


def pytest_configure() -> None:
    """Spend less on bookkeeping: thousands of tests write small databases and make many objects.

    Temporary folders go to memory where there is enough of it, because SQLite and DuckDB wait for
    the disk at every commit. The garbage collector looks less often: each wired collector is
    tens of thousands of objects, which the usual thresholds walk through again and again.
    """
    if hasattr(os, "statvfs") and MEMORY_DISK.is_dir():
        disk = os.statvfs(MEMORY_DISK)
        runs_programs = not disk.f_flag & os.ST_NOEXEC
        if runs_programs and disk.f_bavail * disk.f_frsize > ROOM_BYTES:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY_DISK))
    gc.set_threshold(20_000, 10, 20)


def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of every later garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the interpreter take everything down; extension modules tell of what is left."""
    gc.unfreeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    """Turn every skip under CI into a failure, except those that need Windows.

    A suite that skips what it cannot run looks green on a machine that tested nothing.
    """
    report = yield
    reason = str(call.excinfo.value) if call.excinfo else ""
    if report.skipped and os.environ.get("CI") and "Windows" not in reason:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped under CI: {reason}"
    return report


TIMED = (
    "tests/agent/bandwidth/",
    "tests/agent/test_footprint.py",
    "tests/agent/wireless/test_rate.py",
    "tests/collector/scoring/test_limited_lines.py",
    "tests/collector/speedtest/slots/test_real_agents.py",
    "tests/e2e/web/",
)
"""Tests that measure rates over shaped lines, memory and time, or drive a county of browsers. They
run one at a time (`-m timed`), and where others use the machine as well, a starved lab measures the
machine: two more tries, which the report counts."""

TRIED_AGAIN = ("tests/agent/snmp/", "tests/agent/sweep/", "tests/collector/speedtest/")
"""Simulators and servers that have to answer within the time limits of the probes. They run beside
other tests, with two more tries."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark timed tests, give more tries, skip `root` where namespaces cannot be made."""
    for item in items:
        if item.nodeid.startswith(TIMED):
            item.add_marker(pytest.mark.timed)
        if item.nodeid.startswith((*TIMED, *TRIED_AGAIN)):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=2))
    if sys.platform == "linux" and os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root on Linux for network namespaces"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of official documents and device recordings; skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder shared/ with official documents and recordings is not here")
    return SHARED


@dataclass
class PostgreSQL:
    """A real PostgreSQL of this test session: local socket without, TCP with a password."""

    folder: Path
    port: int
    _made: list[str] = field(default_factory=list)

    def new_database(self, like: str = "template1") -> str:
        """Make a database, empty or a copy; return its URL over the local socket, for `--records`.

        `like` is such a URL; nobody may be connected to its database.
        """
        name = f"county_{len(self._made)}"
        self._made.append(name)
        model = like.partition("?")[0].rpartition("/")[2]
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{model}"')
        return f"postgresql://postgres@/{name}?host={self.folder}&port={self.port}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the database's owner."""
        import psycopg

        where = f"host={self.folder} port={self.port} user=postgres dbname={database}"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Yield a running PostgreSQL of our own; skip where the Debian package is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("PostgreSQL is not installed here: apt-get install postgresql")
    # Not below pytest's own folder: a socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="cg-pg-"))
    # PostgreSQL refuses to run as root.
    owner = "postgres" if os.geteuid() == 0 else None
    if owner:
        shutil.chown(folder, owner)
    port = 20000 + os.getpid() % 40000
    data = folder / "data"
    subprocess.run(
        [
            *(str(found[-1].with_name("initdb")), "-D", str(data), "-U", "postgres", "--no-sync"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--no-locale"),
        ],
        check=True,
        capture_output=True,
        user=owner,
        cwd=folder,
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [str(found[-1].with_name("pg_ctl")), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run(
        [*control, "-o", options, "start"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=owner,
        cwd=folder,
    )
    yield PostgreSQL(folder, port)
    subprocess.run(
        [*control, "-m", "immediate", "stop"],
        check=True,
        stdout=subprocess.DEVNULL,
        user=owner,
        cwd=folder,
    )
    shutil.rmtree(folder)

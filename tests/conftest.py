"""Rules for the whole suite: what CI may not skip, and where the recordings of real devices are."""

from __future__ import annotations

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
    "tests/agent/snmp/",
    "tests/agent/sweep/",
    "tests/agent/test_footprint.py",
    "tests/agent/wireless/test_rate.py",
    "tests/collector/scoring/test_limited_lines.py",
    "tests/collector/speedtest/",
    "tests/e2e/web/",
)
"""Tests that measure real time over shaped lines, simulators and processes. They run one at a time
(`-m timed`), and where others use the machine as well, a starved lab measures the machine: two more
tries, which the report counts."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark timed tests and give them more tries; skip `root` where namespaces cannot be made."""
    for item in items:
        if item.nodeid.startswith(TIMED):
            item.add_marker(pytest.mark.timed)
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

    def new_database(self) -> str:
        """Make an empty database; return its URL over the local socket, as `--records` takes it."""
        name = f"county_{len(self._made)}"
        self._made.append(name)
        self.run(f'CREATE DATABASE "{name}"')
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

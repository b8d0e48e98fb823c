"""Backups: real files, a real restic repository, Windows' own list, and what is no backup."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.backups.files import BackupFile, judge_files
from agent.backups.programs import read_snapshots, read_versions
from agent.probes.backups import Backups, BackupsSettings, Job, JobKind
from agent.probes.base import Context
from agent.reading import Outcome, Reading
from agent.trouble import TroubleError

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
DAY_S = 86_400


def ask(job: Job, now: datetime = NOW) -> Reading:
    """Run the probe once for one job."""
    settings = BackupsSettings(jobs=(job,), answer_within_s=20.0)
    (reading,) = Backups().collect(settings, Context(now=lambda: now))
    return reading


def put(folder: Path, name: str, size: int, age_days: float) -> None:
    """Write a backup file of an age."""
    path = folder / name
    path.write_bytes(b"x" * size)
    changed_s = NOW.timestamp() - age_days * DAY_S
    os.utime(path, (changed_s, changed_s))


def test_the_newest_good_file(tmp_path: Path) -> None:
    """Age, size and number of good ones; other files in the folder are none."""
    for day in range(1, 6):
        put(tmp_path, f"db-{day}.sql.gz", 5000 + day, day)
    put(tmp_path, "readme.txt", 9000, 0.1)
    reading = ask(Job(name="db", folder=tmp_path, pattern="*.sql.gz"))
    assert (reading.outcome, reading.reason) == (Outcome.OK, None)
    assert dict(reading.values) == {"age_days": 1, "size_bytes": 5001, "good_count": 5}
    assert reading.details["file"] == "db-1.sql.gz"


@pytest.mark.parametrize(
    ("size", "age_days", "warning"),
    [
        (0, 0.5, "backup_too_small"),
        (2200, 0.5, "backup_shrunk"),
        (5000, 0.0, None),  # a run under way
        (5000, -3, "backup_in_the_future"),
    ],
)
def test_a_newer_file_that_is_not_good(
    tmp_path: Path, size: int, age_days: float, warning: str | None
) -> None:
    """The age is that of the newest good one, and why the newer does not count stands beside."""
    for day in range(1, 8):
        put(tmp_path, f"db-{day}", 5000, day)
    put(tmp_path, "db-0", size, age_days)
    reading = ask(Job(name="db", folder=tmp_path))
    assert (reading.outcome, reading.reason) == (Outcome.OK, warning)
    assert reading.values["age_days"] == 1


def test_nothing_that_counts(tmp_path: Path) -> None:
    """No folder, an empty one, and only empty files: three different reasons."""
    assert ask(Job(name="db", folder=tmp_path / "gone")).reason == "backup_folder_missing"
    assert ask(Job(name="db", folder=tmp_path)).reason == "backup_none"
    put(tmp_path, "db", 0, 1)
    reading = ask(Job(name="db", folder=tmp_path))
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "backup_too_small")


def test_a_backup_beside_its_source_is_void(tmp_path: Path) -> None:
    """On the same file system it is lost with what it backs up; on another it counts."""
    put(tmp_path, "db", 5000, 1)
    reading = ask(Job(name="db", folder=tmp_path, source=tmp_path))
    assert (reading.outcome, reading.limited_by) == (Outcome.LIMITED, ("same_disk",))
    assert ask(Job(name="db", folder=tmp_path, source=Path("/proc"))).outcome is Outcome.OK
    gone = ask(Job(name="db", folder=tmp_path, source=tmp_path / "gone"))
    assert gone.reason == "backup_source_missing"


def test_a_real_restic_repository(tmp_path: Path) -> None:
    """The newest snapshot of the tag is read; a wrong password is restic's own words."""
    restic = shutil.which("restic")
    if restic is None:
        pytest.skip("restic is not installed")
    password, wrong = tmp_path / "password", tmp_path / "wrong"
    password.write_text("correct horse\n")
    wrong.write_text("battery staple\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "grades.csv").write_text("1,2,3\n")
    repository = str(tmp_path / "repository")
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY": repository,
        "RESTIC_PASSWORD_FILE": str(password),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    for command in (
        ["init"],
        ["backup", "--tag", "files", "--time", "2026-11-17 01:00:00", str(tmp_path / "data")],
    ):
        subprocess.run([restic, *command], env=environment, check=True, capture_output=True)
    job = Job(
        name="files",
        kind=JobKind.RESTIC,
        repository=repository,
        password_file=password,
        tag="files",
        program=restic,
        source=Path("/proc"),
    )
    reading = ask(job)
    assert reading.outcome is Outcome.OK
    assert 2.4 < reading.values["age_days"] < 3.6  # restic takes --time in the host's own zone
    assert reading.values["good_count"] == 1
    refused = ask(Job(**{**vars(job), "password_file": wrong}))
    assert (refused.outcome, refused.reason) == (Outcome.FAILED, "backup_program_failed")
    assert "wrong password" in str(refused.details["detail"])


def test_programs_that_are_not_there_or_hang(tmp_path: Path) -> None:
    """A missing program and one that does not end are told apart."""
    job = Job(
        name="files",
        kind=JobKind.RESTIC,
        repository="/nowhere",
        password_file=tmp_path,
        program=str(tmp_path / "restic"),
    )
    assert ask(job).reason == "backup_program_missing"
    (tmp_path / "restic").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "restic").chmod(0o755)
    settings = BackupsSettings(jobs=(job,), answer_within_s=1.0)
    (reading,) = Backups().collect(settings, Context())
    assert reading.reason == "backup_program_timeout"


ENGLISH = """wbadmin 1.0 - Backup command-line tool

Backup time: 11/18/2026 4:00 PM
Backup location: Network Share labeled \\\\192.0.2.9\\backup
Version identifier: 11/18/2026-08:00
Can recover: Volume(s), File(s)

Backup time: 11/19/2026 4:00 PM
Version identifier: 11/19/2026-08:00
"""
CHINESE = """wbadmin 1.0 - 备份命令行工具

备份时间: 2026/11/18 16:00
备份目标: 网络共享
版本标识符: 11/18/2026-08:00
可以恢复: 卷、文件

备份时间: 2026/11/19 16:00
版本标识符: 11/19/2026-08:00
"""


@pytest.mark.parametrize("output", [ENGLISH.encode(), CHINESE.encode(), CHINESE.encode("gb18030")])
def test_windows_server_backup_in_any_language(output: bytes) -> None:
    """Read by the identifier's shape, which is not translated, and is in UTC."""
    found = read_versions(output)
    assert found.finished_at == datetime(2026, 11, 19, 8, tzinfo=UTC)
    assert found.count == 2


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"wbadmin 1.0\nERROR - no backup", "backup_none"),
        (b"\xff\x00", "backup_output_unreadable"),
        (b"wbadmin Version identifier: 31/12/2026-08:00", "backup_output_unreadable"),
    ],
)
def test_windows_output_without_a_backup(output: bytes, reason: str) -> None:
    """No backup and no sense are told apart; a date that cannot be is not guessed."""
    with pytest.raises(TroubleError) as raised:
        read_versions(output)
    assert raised.value.reason == reason


@pytest.mark.parametrize("output", [b"", b"[1]", b"{}", b'[{"time": 5}]', b'[{"time": "soon"}]'])
def test_restic_output_that_is_none(output: bytes) -> None:
    """Whatever a program prints, the reason says what to look at."""
    with pytest.raises(TroubleError) as raised:
        read_snapshots(output)
    assert raised.value.reason in {"backup_output_unreadable", "backup_none"}


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.floats(-1, 400)), max_size=30),
    st.integers(1, 10**6),
)
def test_a_counted_file_is_always_large_enough_and_settled(
    shown: list[tuple[int, float]], min_bytes: int
) -> None:
    """For any folder: what counts is large enough, not of the future and not being written."""
    files = [
        BackupFile(f"/b/{n}", size, NOW.timestamp() - age_days * DAY_S)
        for n, (size, age_days) in enumerate(shown)
    ]
    files.sort(key=lambda file: -file.changed_s)
    try:
        found = judge_files(files, min_bytes, NOW)
    except TroubleError:
        return
    assert found.size_bytes is not None
    assert found.size_bytes >= min_bytes
    assert NOW - found.finished_at >= timedelta(seconds=119)

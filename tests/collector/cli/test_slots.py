"""`campusgauge slots`: exit codes, and that what is set is what the collector will read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collector.cli.main import app
from collector.domain import Occasion, School, SchoolKind, SlotSettings
from collector.storage.sql_records import SqlRecordStore, open_records

Slots = Callable[..., Any]
SOON = (datetime.now(UTC) + timedelta(days=10)).date()


@pytest.fixture
def slots(tmp_path: Path, migrated: Path) -> Slots:
    """Return how to run `campusgauge slots …` on a data directory with one school."""
    shutil.copyfile(migrated, tmp_path / "records.sqlite3")
    store = stored(tmp_path)
    store.put_school(School("zx-001", "示例", SchoolKind.GENERAL))
    store.close()

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["slots", *words, "--data", str(tmp_path)])

    return run


def stored(data: Path) -> SqlRecordStore:
    """Open the records as a collector does."""
    return open_records(f"sqlite:///{data / 'records.sqlite3'}", lambda _: None)


def test_an_exam_covers_whole_days_in_china_until_it_is_ended(slots: Slots, tmp_path: Path) -> None:
    """The last day counts; ending works once; wrong times and schools are exit code 2."""
    made = slots("exam", "add", "--from", f"{SOON}", "--until", f"{SOON}", "--note", "高考")
    assert made.exit_code == 0, made.output
    (exam,) = json.loads(slots("exam", "list", "--format", "json").stdout)
    length = datetime.fromisoformat(exam["until"]) - datetime.fromisoformat(exam["since"])
    assert (length, exam["note"], exam["school"]) == (timedelta(days=1), "高考", None)
    assert datetime.fromisoformat(exam["since"]).hour == 16  # midnight in China, in UTC
    store = stored(tmp_path)
    assert len(store.slot_pauses(datetime.now(UTC))) == 1
    store.close()
    assert slots("exam", "end", "--id", str(exam["id"])).exit_code == 0
    assert slots("exam", "end", "--id", str(exam["id"])).exit_code == 1
    past = slots("exam", "add", "--from", "2020-01-01", "--until", "2020-01-02", "--note", "x")
    assert past.exit_code == 2
    assert "until" in past.output
    nobody = ["--from", f"{SOON}", "--until", f"{SOON}", "--note", "x", "--school", "none"]
    assert slots("exam", "add", *nobody).exit_code == 2


def test_a_school_gets_its_rules_and_a_retest(slots: Slots, tmp_path: Path) -> None:
    """Hours, need and data are kept exactly; a second re-test is refused while one waits."""
    rules = ["--quiet", "09:00-09:45", "--needed-mbps", "614.4", "--daily-gb", "8"]
    assert slots("school", "--school", "zx-001", *rules).exit_code == 0
    assert slots("school", "--school", "zx-001", "--quiet", "morning").exit_code == 2
    assert slots("retest", "--school", "zx-001").exit_code == 0
    assert slots("retest", "--school", "zx-001").exit_code == 2
    store = stored(tmp_path)
    expected = SlotSettings("zx-001", ((time(9), time(9, 45)),), 614.4, 8_000_000_000)
    assert store.slot_settings() == {"zx-001": expected}
    store.close()
    shown = json.loads(slots("show", "--format", "json").stdout)
    assert [(test["occasion"], test["state"]) for test in shown["tests"]] == [
        (Occasion.RETEST.value, "open")
    ]
    assert "zx-001" in slots("show").stdout

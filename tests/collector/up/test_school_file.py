"""The school file: the sample is good, mistakes are named, only changes are recorded."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from collector.domain import Stage
from collector.errors import UnprocessableError
from collector.storage.ports import RecordStore
from collector.up.samples import AGENT, SCHOOL, write_sample
from collector.up.school_file import read_school_file, record
from rubrics.loader import load_rubric

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
RUBRIC = "zhongxian-smart-campus-general"


def test_sample_is_complete_and_marked_as_an_example(tmp_path: Path, records: RecordStore) -> None:
    """The file a first run writes can be recorded as it is, and says that it is an example."""
    path = tmp_path / "school.toml"
    assert write_sample(SCHOOL, path)
    assert record(read_school_file(path), records, NOW) == "example"
    school = records.school("example")
    assert school is not None
    assert school.is_example
    assert (school.heads, school.stages) == (1290, (Stage.PRIMARY,))
    assert records.facts("example")["contracted_mbps"].value == "1000"


def test_every_entry_of_the_sample_exists_in_the_rubric(tmp_path: Path) -> None:
    """Switching on the commented entries gives entries that the rubric knows."""
    path = tmp_path / "school.toml"
    write_sample(SCHOOL, path)
    text = path.read_text(encoding="utf-8")
    start = text.index("# [entries.")
    switched_on = "\n".join(line.removeprefix("# ") for line in text[start:].splitlines())
    path.write_text(text[:start] + switched_on, encoding="utf-8")
    given = read_school_file(path).entries[RUBRIC]
    assert given
    known = {item.id: set(item.entries) for item in load_rubric(RUBRIC).items()}
    for item_id, values in given.items():
        assert set(values) <= known[item_id]


def test_a_file_that_people_edited_is_never_overwritten(tmp_path: Path) -> None:
    """A second run keeps what was typed."""
    path = tmp_path / "school.toml"
    path.write_text("mine", encoding="utf-8")
    assert not write_sample(SCHOOL, path)
    assert path.read_text(encoding="utf-8") == "mine"


def test_only_changes_are_recorded(tmp_path: Path, records: RecordStore) -> None:
    """Ten starts without an edit leave one fact; an edit adds one and keeps the old."""
    path = tmp_path / "school.toml"
    write_sample(SCHOOL, path)
    for _ in range(10):
        record(read_school_file(path), records, NOW)
    assert len(records.fact_history("example", "contracted_mbps")) == 1
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("value = 1000", "value = 2000"), encoding="utf-8")
    record(read_school_file(path), records, NOW)
    history = records.fact_history("example", "contracted_mbps")
    assert [fact.value for fact in history] == ["1000", "2000"]
    assert history[1].as_of == date(2026, 9, 1)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("students = 1200", "students = -1"),
        ("students = 1200", "pupils = 1200"),
        ('kind = "general"', 'kind = "kindergarten"'),
        ("as_of = 2026-09-01              #", "as_of = yesterday #"),
    ],
)
def test_mistakes_are_named_with_file_and_place(tmp_path: Path, wrong: str, named: str) -> None:
    """A negative count, an unknown key, an unknown kind and a broken line are all refused."""
    path = tmp_path / "school.toml"
    write_sample(SCHOOL, path)
    text = path.read_text(encoding="utf-8")
    assert wrong in text
    path.write_text(text.replace(wrong, named), encoding="utf-8")
    with pytest.raises(UnprocessableError, match=r"school\.toml: .+"):
        read_school_file(path)


def test_agent_sample_loads_and_its_hints_too(tmp_path: Path) -> None:
    """The agent takes the file as it is, and with every commented hint switched on."""
    path = tmp_path / "agent.toml"
    write_sample(AGENT, path)
    text = path.read_text(encoding="utf-8")
    hints = re.sub(r"^# (?=[\[\]]|[a-z]+ = | +{)", "", text, flags=re.MULTILINE)
    assert hints != text
    for content in (text, hints):
        path.write_text(content, encoding="utf-8")
        listed = subprocess.run(
            [sys.executable, "-P", "-m", "agent", "list", "--config", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert listed.returncode == 0, listed.stderr

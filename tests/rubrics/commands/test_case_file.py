"""`campusgauge score --case`: how the file is read before anything is scored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
RUBRIC = "zhongxian-inspection"
THREE_MISSING = '{"school": {"kind": "general"}, "entries": {"C4": {"rooms_missing": 3}}}'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            '{"entries": {"C4": {"rooms_missing": 3}, "C4": {"rooms_missing": 0}}}',
            "C4",
        ),
        ('{"entries": {"C4": {"rooms_missing": 3, "rooms_missing": 0}}}', "rooms_missing"),
    ],
)
def test_a_key_given_twice_is_refused(run: Run, tmp_path: Path, text: str, key: str) -> None:
    """Keeping the last of two would score 3 points or 1.5 by the order of the lines."""
    path = tmp_path / "twice.json"
    path.write_text(text, encoding="utf-8")
    done = run("score", RUBRIC, "--case", path, "--format", "json")
    assert (done.code, done.out) == (2, "")
    assert f"`{key}` is given twice" in done.err


def test_a_file_saved_by_a_windows_editor_is_read(run: Run, tmp_path: Path) -> None:
    """Such editors put a byte order mark before the first brace."""
    path = tmp_path / "case.json"
    path.write_text(THREE_MISSING, encoding="utf-8-sig")
    sheet = run("score", RUBRIC, "--case", path, "--format", "json").json
    assert sheet["items"]["C4"]["proven"] == "1.5"


def test_a_missing_file_is_called_missing(run: Run, tmp_path: Path) -> None:
    """A wrong path is not reported as broken JSON."""
    done = run("score", RUBRIC, "--case", tmp_path / "nowhere.json")
    assert done.code == 2
    assert "no such file" in done.err


def test_a_file_nested_beyond_reason_is_refused(run: Run, tmp_path: Path) -> None:
    """Deep nesting ends with a sentence at any depth, not with a traceback."""
    path = tmp_path / "deep.json"
    for depth in (600, 100_000):
        path.write_text('{"x":' * depth + "1" + "}" * depth, encoding="utf-8")
        done = run("score", RUBRIC, "--case", path, "--format", "json")
        assert (done.code, done.out) == (2, "")
        assert "deep.json" in done.err

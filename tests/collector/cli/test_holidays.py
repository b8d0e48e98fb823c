"""`campusgauge holidays`: the form, the check, and what the year looks like then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from collector.cli.main import app


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def run(*words: str | Path, code: int = 0) -> Result:
    """Run `campusgauge holidays` and check its exit code."""
    done = CliRunner().invoke(app, ["holidays", *map(str, words)])
    assert done.exit_code == code, done.output
    return done


def test_a_year_is_filled_in_checked_and_used(data: Path, tmp_path: Path) -> None:
    """An empty form names each line to fill in; the filled one makes the year known."""
    assert "2027" in run("show", "2027", "--data", data, code=1).stderr
    form = run("form", "2027").stdout
    file = tmp_path / "2027.yaml"
    file.write_text(form, encoding="utf-8")
    refused = run("add", file, "--data", data, code=2).stderr
    assert "首日" in refused
    assert not (data / "holidays").exists()
    filled = "".join(line for line in form.splitlines(keepends=True) if "首日" not in line)
    filled = filled.replace("[上班日]", "[2027-05-08]", 1).replace(", work: [上班日]", "")
    file.write_text(filled, encoding="utf-8")
    assert "已启用" in run("add", file, "--data", data).stdout
    shown = json.loads(run("show", "2027", "--data", data, "--format", "json").stdout)
    assert shown["known"]
    assert shown["off"][1] == ["2027-05-01", "2027-05-02"]
    assert shown["work"] == ["2027-05-08"]
    assert "2027.yaml sha256:" in shown["source"]


def test_a_year_of_the_release_is_shown(data: Path) -> None:
    """2026 needs no table: its spring holiday and a Sunday worked for it."""
    text = run("show", "2026", "--data", data).stdout
    assert "2026-02-15 – 2026-02-23" in text
    assert "2026-02-28" in text

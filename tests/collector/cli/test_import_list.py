"""`school import` and `user import`: a preview, and the same core as the page behind it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from collector.cli.main import app


def run(*words: str, code: int = 0) -> tuple[str, str]:
    """Run `campusgauge` in this process; return standard output and standard error."""
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


def test_a_list_is_previewed_and_then_committed(migrated_data: Path, tmp_path: Path) -> None:
    """Nothing is written before `--commit`; wrong rows are named and end in exit code 1."""
    data, file = str(migrated_data), tmp_path / "list.csv"
    file.write_text("编号,校名,学段,学生数\nzx-001,甲校,小学,800\nzx-002,乙校,幼儿园,1\n", "gbk")
    wanted = ("school", "import", str(file), "--data", data)
    assert "第 3 行 C列 学段" in run(*wanted, code=1)[0]
    assert "还没有学校" in run("school", "list", "--data", data)[1]
    shown, said = run(*wanted, "--commit", code=2)
    assert (shown, "import_has_errors" in said) == ("", True)
    told = json.loads(run(*wanted, "--commit", "--skip-errors", "--format", "json")[0])
    assert told["counts"] == {"new": 1, "changed": 0, "same": 0, "error": 1}
    assert "甲校" in run("school", "list", "--data", data)[0]


def test_people_get_their_codes_on_standard_output(migrated_data: Path, tmp_path: Path) -> None:
    """The template teaches the heads; each new person has one line with the code."""
    data, file = str(migrated_data), tmp_path / "people.csv"
    run("user", "template", str(file))
    with file.open("a", encoding="utf-8") as people:
        people.write("zhou,周督学,督查人员,,\n")
    shown, _ = run("user", "import", str(file), "--data", data, "--commit")
    assert "zhou\t" in shown
    run("school", "template", str(tmp_path / "schools.csv"))
    assert "学校编号" in (tmp_path / "schools.csv").read_text("utf-8-sig")

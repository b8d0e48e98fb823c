"""`campusgauge rubric lint` and `test`: errors, warnings and examples of rubric files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from collector.cli.options import FormatOption
from collector.cli.output import EXIT_NOT_SO, Format, explain, show, show_json, wrong_use
from collector.cli.rubric_source import one_rubric

if TYPE_CHECKING:
    from rubrics.lint import LintWarning
    from rubrics.model import Rubric
    from rubrics.yaml_source import Document

CLAUSE_CHARACTERS = 90
LINT_HELP = """检查细则文件：错误和提醒。Check rubric files: errors and warnings.

错误（语法、引用、单位、算例不符）：退出码 1，写明 文件:行:列 和怎样改。
提醒（合计不符、扣分超过分值、原文有歧义……）：退出码 0，写明后果；“已处理”的是文件自己已经回答的。
Errors end with 1 and say where and how to mend; warnings end with 0 and say what follows.
"""
TEST_HELP = """运行细则自带的算例。Run the examples inside rubrics; 1 if one does not come out."""

Files = Annotated[list[str] | None, typer.Argument(help="YAML 文件或细则编号 files or ids")]
Every = Annotated[bool, typer.Option("--all", help="全部内置细则 all official rubrics")]


@dataclass
class Checked:
    """What was found in one file."""

    file: str
    rubric: Rubric | None = None
    document: Document | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[LintWarning] = field(default_factory=list)

    def place(self, warning: LintWarning) -> str:
        """Write `file:line:column` of a warning."""
        if self.document is None:
            return self.file
        found = self.document.problem(warning.place, "")
        return f"{self.file}:{found.line}:{found.column}"

    def to_json(self) -> dict[str, Any]:
        """Write everything as plain JSON data."""
        shown = [{"place": self.place(one), **one.to_json()} for one in self.warnings]
        rubric = None if self.rubric is None else self.rubric.id
        return {
            "file": self.file,
            "rubric": rubric,
            "problems": self.problems,
            "warnings": shown,
        }


def lint(files: Files = None, every: Every = False, output: FormatOption = Format.TEXT) -> None:
    """Check rubrics; exit 1 if any has an error."""
    from rubrics.lint import lint_rubric

    checked = [_checked(path) for path in _paths(files, every)]
    beside = {one.rubric.id: one.rubric for one in checked if one.rubric is not None}
    for one in checked:
        if one.rubric is not None:
            one.warnings = list(lint_rubric(one.rubric, beside))
    if output is Format.JSON:
        show_json([one.to_json() for one in checked])
    else:
        for one in checked:
            _show(one)
    if any(one.problems for one in checked):
        explain("有细则有错误，须先改正。At least one rubric has errors.")
        raise typer.Exit(EXIT_NOT_SO)


def run_tests(
    files: Files = None, every: Every = False, output: FormatOption = Format.TEXT
) -> None:
    """Run the examples of rubrics; exit 1 if one does not come out."""
    from rubrics.examples import run_example

    ran: list[dict[str, Any]] = []
    for path in _paths(files, every):
        rubric = one_rubric(str(path))
        for example in rubric.examples:
            failures = [
                {"path": failure.path, "expected": failure.expected, "found": failure.found}
                for failure in run_example(rubric, example)
            ]
            ran.append({"rubric": rubric.id, "example": example.name, "failures": failures})
    if output is Format.JSON:
        show_json(ran)
    else:
        for one in ran:
            _show_example(one)
    failed = sum(1 for one in ran if one["failures"])
    explain(f"{len(ran)} 个算例，{failed} 个不符。{len(ran)} examples, {failed} failed.")
    if failed:
        raise typer.Exit(EXIT_NOT_SO)
    if not ran:
        explain("没有算例：请在 examples 里写手算的结果。Write hand-worked results under examples.")


def _show_example(one: Mapping[str, Any]) -> None:
    show(f"{'✗' if one['failures'] else '✓'} {one['rubric']}  {one['example']}")
    for failure in one["failures"]:
        show(
            f"    {failure['path']}: 应为 expected {failure['expected']}，"
            f"算得 found {failure['found']}"
        )


def _paths(files: list[str] | None, every: bool) -> list[Path]:
    from rubrics.loader import official_paths

    if bool(files) == every:
        raise wrong_use("给出 YAML 文件或编号，或者用 --all。Give files or ids, or --all.")
    known = official_paths()
    if every:
        return list(known.values())
    return [known.get(name, Path(name)) for name in files or []]


def _checked(path: Path) -> Checked:
    from rubrics.examples import run_examples
    from rubrics.loader import RubricError, parse_rubric
    from rubrics.yaml_source import parse

    checked = Checked(str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise wrong_use(f"{path}: 读不出 cannot be read ({error})") from error
    try:
        checked.rubric = parse_rubric(text, file=str(path))
    except RubricError as error:
        checked.problems = [f"{error.file}:{problem}" for problem in error.problems]
        return checked
    checked.document = parse(text)
    names = [example.name for example in checked.rubric.examples]
    for failure in run_examples(checked.rubric):
        place = ("examples", names.index(failure.example))
        problem = checked.document.problem(place, str(failure))
        checked.problems.append(f"{path}:{problem}")
    return checked


def _show(checked: Checked) -> None:
    open_ones = [one for one in checked.warnings if one.settled_by is None]
    settled = len(checked.warnings) - len(open_ones)
    state = "有错误 errors" if checked.problems else "通过 ok"
    show(
        f"{checked.file}: {state}；提醒 warnings {len(open_ones)}，"
        f"已由文件回答 settled by the file {settled}"
    )
    for problem in checked.problems:
        show(f"  {problem}")
    for warning in sorted(checked.warnings, key=lambda one: one.settled_by is not None):
        _show_warning(checked, warning)


def _show_warning(checked: Checked, warning: LintWarning) -> None:
    mark = "提醒 warning" if warning.settled_by is None else "已处理 settled"
    show(f"  {checked.place(warning)} {mark} [{warning.code}]")
    show(f"    {warning.zh}\n    {warning.en}")
    if warning.clause:
        show(f"    原文 text: {shorten(warning.clause, CLAUSE_CHARACTERS, placeholder='…')}")
    if warning.settled_by is None:
        show(f"    → {warning.follows_zh}\n    → {warning.follows_en}")
    else:
        show(f"    ← {warning.settled_by}")

"""`campusgauge rubric`: list, read, start and compare rubrics; thin over the rubrics package."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli import rubric_diff, rubric_lint
from collector.cli.options import FormatOption
from collector.cli.output import Format, explain, show, show_json, wrong_use
from collector.cli.rubric_source import one_rubric

if TYPE_CHECKING:
    from rubrics.model import Rubric
    from rubrics.model.rubric import Section

app = typer.Typer(
    help="""评分细则 rubrics：查看、检查、新建、比较。

    从纸表到可用的细则 from a paper table to a tested rubric (docs/rubrics.md):\n
      campusgauge rubric new my-county-2026      写出带注释的样板 a commented skeleton\n
      campusgauge rubric lint my-county-2026.yaml    找错和提醒 errors and warnings\n
      campusgauge rubric test my-county-2026.yaml    运行算例 run its examples\n
      campusgauge rubric show my-county-2026.yaml --format html > table.html
    """,
    no_args_is_help=True,
)
app.command("lint", help=rubric_lint.LINT_HELP)(rubric_lint.lint)
app.command("test", help=rubric_lint.TEST_HELP)(rubric_lint.run_tests)
app.command("diff", help=rubric_diff.HELP)(rubric_diff.diff)

RubricArgument = Annotated[str, typer.Argument(help="细则编号或 YAML 文件 id or YAML file")]


class ShowFormat(StrEnum):
    """`html` is the official table as a page of its own."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@app.command("list", help="列出内置的官方细则。List the official rubrics.")
def list_rubrics(output: FormatOption = Format.TEXT) -> None:
    """Show id, version, kinds and title of every official rubric."""
    from rubrics.loader import official_paths

    rubrics = [one_rubric(name) for name in official_paths()]
    listed = [
        {
            "id": rubric.id,
            "version": rubric.version,
            "title": rubric.title.zh,
            "title_en": rubric.title.en,
            "authority": rubric.authority.zh,
            "kinds": list(rubric.applies_to.kinds),
            "items": sum(1 for _ in rubric.items()),
            "content_hash": rubric.content_hash,
        }
        for rubric in rubrics
    ]
    if output is Format.JSON:
        show_json(listed)
        return
    for entry in listed:
        show(f"{entry['id']}\t{entry['version']}\t{entry['items']} 项\t{entry['title']}")


@app.command("show", help="查看细则：原文、分值和程序的算法。Show a rubric; html is the table.")
def show_rubric(
    rubric: RubricArgument,
    output: Annotated[
        ShowFormat, typer.Option("--format", help="text 给人看，json 给程序读，html 是官方表格")
    ] = ShowFormat.TEXT,
) -> None:
    """Show every item with its official words, its points and what the rule computes."""
    found = one_rubric(rubric)
    if output is ShowFormat.JSON:
        show_json(found.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    elif output is ShowFormat.HTML:
        from collector.cli.rubric_page import rubric_page

        show(rubric_page(found))
    else:
        for line in _as_text(found):
            show(line)


def _as_text(rubric: Rubric) -> Iterator[str]:
    yield f"{rubric.title.zh}"
    if rubric.title.en:
        yield rubric.title.en
    yield f"{rubric.id} {rubric.version}  {rubric.authority.zh}  {rubric.content_hash}"
    for section in rubric.sections:
        yield from _section_text(rubric, section, 0)
    for name, choice in rubric.readings.items():
        yield f"\n口径 reading {name}: {choice.question.zh}"
        for label, alternative in choice.alternatives.items():
            mark = "（默认 default）" if label == choice.default else ""
            yield f"    {label}: {alternative.meaning.zh}{mark}"


def _section_text(rubric: Rubric, section: Section, depth: int) -> Iterator[str]:
    from rubrics.describe import Words
    from rubrics.exact import decimal_text

    printed = section.printed_max
    points = "" if printed is None else f"（{decimal_text(printed)} 分）"
    yield f"\n{'#' * (depth + 1)} {section.id} {section.title.zh}{points}"
    for inner in section.sections:
        yield from _section_text(rubric, inner, depth + 1)
    for item in section.items:
        points = "" if item.max is None else f"（{decimal_text(item.max)} 分）"
        yield f"{item.id}{points} {item.text}"
        if item.scoring_text is not None:
            yield f"    评分说明: {item.scoring_text}"
        for line in Words(rubric, item).rule():
            yield f"    · {line}"


@app.command("schema", help="细则文件的 JSON Schema，供编辑器补全和检查。The schema for editors.")
def schema(
    out: Annotated[
        Path | None, typer.Option("--out", help="写入文件；省略时写到标准输出", dir_okay=False)
    ] = None,
) -> None:
    """Write the JSON Schema that editors complete and check rubric files with."""
    from rubrics.schema import rubric_schema

    if out is None:
        show_json(rubric_schema())
        return
    _write(out, json.dumps(rubric_schema(), ensure_ascii=False, indent=2) + "\n")
    show(f"已写入 written: {out}")


@app.command("new", help="新建一份细则：带注释、能通过检查的样板。Start a rubric from a skeleton.")
def new(
    name: Annotated[str, typer.Argument(metavar="ID", help="细则编号，如 my-county-2026")],
    out: Annotated[
        Path | None, typer.Option("--out", help="写入的文件；省略时为 ID.yaml", dir_okay=False)
    ] = None,
) -> None:
    """Write ID.yaml and, beside it, the schema that its first line names."""
    from rubrics.loader import official_paths
    from rubrics.schema import SCHEMA_FILE, rubric_schema, skeleton

    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,63}", name):
        raise wrong_use("编号用小写英文、数字和连字符。Use lower-case letters, digits and hyphens.")
    if name in official_paths():
        raise wrong_use(f"{name} 是内置细则的编号，请换一个。This id is an official rubric's.")
    path = out or Path(f"{name}.yaml")
    if path.exists():
        raise wrong_use(f"{path} 已存在，不覆盖。It exists and is not overwritten.")
    _write(path, skeleton(name, str(path)))
    schema_path = path.with_name(SCHEMA_FILE)
    if not schema_path.exists():
        _write(schema_path, json.dumps(rubric_schema(), ensure_ascii=False, indent=2) + "\n")
    show(str(path))
    explain(f"下一步 next: campusgauge rubric lint {path}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise wrong_use(f"{path}: 写不进 cannot be written ({error})") from error

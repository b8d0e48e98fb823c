"""`campusgauge rubric`: list, show and check rubrics; thin over the rubrics package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from collector.cli.options import FormatOption
from collector.cli.output import EXIT_NOT_SO, Format, explain, show, show_json, wrong_use
from collector.cli.rubric_source import one_rubric

app = typer.Typer(help="评分细则：列出、查看、检查 list, show, lint rubrics", no_args_is_help=True)


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


@app.command("show", help="查看一份细则的条目。Show a rubric.")
def show_rubric(
    rubric: Annotated[str, typer.Argument(help="细则编号或 YAML 文件")],
    output: FormatOption = Format.TEXT,
) -> None:
    """Show every item with its points and official text."""
    found = one_rubric(rubric)
    if output is Format.JSON:
        show_json(found.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        return
    show(f"{found.id} {found.version}  {found.title.zh}")
    for item in found.items():
        points = "" if item.max is None else f"（{item.max} 分）"
        show(f"{item.id}{points}\t{item.text or ''}")


@app.command("lint", help="检查细则文件：语法、引用、单位、分值、自带的算例。Check rubric files.")
def lint(
    files: Annotated[list[Path] | None, typer.Argument(help="YAML 文件")] = None,
    every: Annotated[bool, typer.Option("--all", help="检查全部内置细则")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Check rubrics; exit 1 if any has a problem."""
    from rubrics.loader import official_paths

    if bool(files) == every:
        raise wrong_use("给出 YAML 文件，或者用 --all 检查全部内置细则。Give files, or --all.")
    paths = list(official_paths().values()) if every else (files or [])
    results = [{"file": str(path), "problems": _problems(path)} for path in paths]
    if output is Format.JSON:
        show_json(results)
    for result in results if output is Format.TEXT else []:
        show(f"{result['file']}: {'有问题 problems' if result['problems'] else '通过 ok'}")
        for problem in result["problems"]:
            show(f"  {problem}")
    if any(result["problems"] for result in results):
        explain("有细则未通过检查 at least one rubric has problems")
        raise typer.Exit(EXIT_NOT_SO)


def _problems(path: Path) -> list[Any]:
    from rubrics.examples import run_examples
    from rubrics.loader import RubricError, load_rubric

    try:
        rubric = load_rubric(path)
    except RubricError as error:
        return [f"{error.file}:{problem}" for problem in error.problems]
    except (OSError, UnicodeDecodeError) as error:
        raise wrong_use(f"{path}: 读不出 cannot be read ({error})") from error
    return [str(failure) for failure in run_examples(rubric)]

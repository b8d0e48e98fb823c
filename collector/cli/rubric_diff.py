"""`campusgauge rubric diff`: two versions of a rubric, and what the change does to schools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from collector.cli.options import FormatOption, read_settings
from collector.cli.output import Format, explain, explained_errors, show, show_json, wrong_use
from collector.cli.rubric_source import one_rubric

if TYPE_CHECKING:
    from rubrics.diff import Change, Effect
    from rubrics.model import Rubric

HELP = """比较两份细则，并试算对各校得分的影响。Compare two rubrics and their effect on schools.

--cases DIR   目录中每个案卷文件（*.json）用两份细则各算一次 every case file in DIR, scored by both
--data DIR    采集服务数据目录中的每所学校 every school in the collector's data directory
只比较，不改动任何数据。Nothing is changed.
"""
Cases = Iterator[tuple[str, Mapping[str, Any]]]


def diff(
    before: Annotated[str, typer.Argument(help="原来的细则：编号或文件 the old one")],
    after: Annotated[str, typer.Argument(help="新的细则：编号或文件 the new one")],
    cases: Annotated[
        Path | None, typer.Option("--cases", help="案卷文件所在目录", file_okay=False, exists=True)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="采集服务的数据目录", file_okay=False, exists=True),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show every difference and, where cases are given, each school under both versions."""
    from rubrics.diff import compare, effects

    old, new = one_rubric(before), one_rubric(after)
    if cases is not None and data is not None:
        raise wrong_use("--cases 和 --data 只用一个。Give one of --cases and --data.")
    changes = compare(old, new)
    found: list[Effect] = []
    if cases is not None:
        found = list(effects(old, new, _case_files(cases)))
    elif data is not None:
        found = list(effects(old, new, _stored_cases(data, old)))
    if output is Format.JSON:
        show_json(
            {
                "before": _named(old),
                "after": _named(new),
                "changes": [change.to_json() for change in changes],
                "effects": [effect.to_json() for effect in found],
                "summary": summary(found),
            }
        )
        return
    _show_changes(changes)
    if cases is not None or data is not None:
        _show_effects(found)


def summary(found: list[Effect]) -> dict[str, int]:
    """Count the schools by what the change does to them."""
    gains = [effect.gain for effect in found if effect.gain is not None]
    return {
        "schools": len(found),
        "same": sum(1 for effect in found if effect.same),
        "higher": sum(1 for gain in gains if gain > 0),
        "lower": sum(1 for gain in gains if gain < 0),
        "other_grade": sum(1 for effect in found if _grade(effect.before) != _grade(effect.after)),
        "not_scored": sum(1 for effect in found if effect.problem is not None),
    }


def _grade(result: Mapping[str, Any] | None) -> tuple[Any, Any]:
    return (None, None) if result is None else (result["band"], result["vetoed"])


def _named(rubric: Rubric) -> dict[str, str]:
    return {
        "id": rubric.id,
        "version": rubric.version,
        "content_hash": rubric.content_hash,
    }


def _case_files(folder: Path) -> Cases:
    files = sorted(folder.glob("*.json"))
    if not files:
        raise wrong_use(f"{folder}: 没有 *.json 案卷文件 no case files")
    for file in files:
        try:
            case = json.loads(file.read_text(encoding="utf-8"), parse_float=str)
        except (OSError, ValueError, RecursionError) as error:
            raise wrong_use(f"{file}: 读不出 JSON cannot be read as JSON ({error})") from error
        if not isinstance(case, dict) or "school" not in case:
            raise wrong_use(f"{file}: 不是案卷（没有 school）not a case file: it has no `school`")
        yield file.stem, case


def _stored_cases(data: Path, rubric: Rubric) -> Cases:
    """Build the case of every stored school for the rubric, one at a time."""
    from collector.app import open_stores
    from collector.scoring.holidays import HolidayTables
    from collector.scoring.service import ScoringService

    settings = read_settings(data=data)
    calendar = HolidayTables(settings.holidays_folder).calendar()
    now = datetime.now(UTC)
    with explained_errors():
        stores = open_stores(settings, explain)
        try:
            service = ScoringService(
                stores.records, stores.series, {rubric.id: rubric}, calendar=calendar
            )
            for school in stores.records.schools():
                yield school.id, service.case_file(school, rubric, now)
        finally:
            stores.close()


def _show_changes(changes: list[Change]) -> None:
    show(f"{len(changes)} 处不同 differences")
    for change in changes:
        word = {"added": "增 added", "removed": "删 removed", "changed": "改 changed"}[change.kind]
        show(f"  {word}  {change.where}")
        if change.before is not None:
            show(f"    − {change.before}")
        if change.after is not None:
            show(f"    + {change.after}")


def _show_effects(found: list[Effect]) -> None:
    for effect in found:
        if effect.problem is not None:
            show(f"  {effect.name}: 无法试算 cannot be scored: {effect.problem}")
        elif not effect.same:
            items = ", ".join(effect.items)
            show(f"  {effect.name}: {_result(effect.before)} → {_result(effect.after)}  ({items})")
    counts = summary(found)
    show(
        f"{counts['schools']} 所学校 schools：升 higher {counts['higher']}，"
        f"降 lower {counts['lower']}，不变 same {counts['same']}，"
        f"等级改变 other grade {counts['other_grade']}，无法试算 not scored {counts['not_scored']}"
    )


def _result(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return "?"
    if result["max"] is None:
        return ", ".join(f"{name} {count}" for name, count in result["counts"].items())
    low, high = result["proven"], result["possible"]
    points = low if low == high else f"[{low}, {high}]"
    return f"{points}/{result['max']}" + (f" {result['band']}" if result["band"] else "")

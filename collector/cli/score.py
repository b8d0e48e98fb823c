"""`campusgauge score`: a score sheet from a case file, or of a school in a data directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from collector.cli.options import FormatOption
from collector.cli.output import Format, explain, explained_errors, show, show_json, wrong_use
from collector.cli.rubric_source import one_rubric
from collector.cli.running import ask, find_running

HELP = """按评分细则计算评分单。Compute a score sheet.

--case FILE 由案卷文件计算：不联网、不读库，同样的输入得到同样的结果。
--data DIR --school ID 由采集服务的数据计算：服务在运行时由它计算，否则直接读库。
"""


def score(
    rubric: Annotated[
        str, typer.Argument(help="细则编号或 YAML 文件；编号见 campusgauge rubric list")
    ],
    case: Annotated[
        Path | None, typer.Option("--case", help="案卷文件 JSON", dir_okay=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", envvar="CAMPUSGAUGE_DATA", help="数据目录", file_okay=False, resolve_path=True
        ),
    ] = None,
    school: Annotated[str | None, typer.Option("--school", help="学校编号")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Compute a score sheet and show it."""
    if case is not None and school is None:
        sheet = _score_case(rubric, case)
    elif case is None and data is not None and school is not None:
        sheet = _score_school(rubric, data, school)
    else:
        raise wrong_use("用 --case FILE，或者 --data DIR 加 --school ID。Give one of the two.")
    if output is Format.JSON:
        show_json(sheet)
    else:
        _show(sheet)


def _score_case(rubric_name: str, file: Path) -> Mapping[str, Any]:
    """Pure and offline: nothing but the two files is read."""
    from collector.cli.case_file import read_case_file
    from rubrics.engine import CaseError, evaluate

    rubric = one_rubric(rubric_name)
    case = read_case_file(file)
    try:
        return evaluate(rubric, case).to_json()
    except CaseError as error:
        raise wrong_use(f"{file}: 案卷有误 the case cannot be scored\n{error}") from error
    except RecursionError as error:
        raise wrong_use(f"{file}: 嵌套太深，不是案卷 nested too deeply for a case") from error


def _score_school(rubric_name: str, data: Path, school: str) -> Mapping[str, Any]:
    running = find_running(data)
    if running is not None:
        path = f"/api/v1/schools/{quote(school, safe='')}/sheets/{quote(rubric_name, safe='')}"
        sheet = ask(running, path)
        if sheet is not None:
            found: Mapping[str, Any] = sheet
            return found
        explain("采集服务没有运行，直接读库 the collector is not running; reading its stores")
    return _score_in_stores(rubric_name, data, school)


def _score_in_stores(rubric_name: str, data: Path, school: str) -> Mapping[str, Any]:
    if not data.is_dir():
        raise wrong_use(f"{data}: 没有这个数据目录 no such data directory")
    from collector.app import open_stores
    from collector.cli.options import read_settings
    from collector.scoring.holidays import HolidayTables
    from collector.scoring.service import ScoringService

    settings = read_settings(data=data)
    calendar = HolidayTables(settings.holidays_folder).calendar()
    rubric = one_rubric(rubric_name)
    with explained_errors():
        stores = open_stores(settings, explain)
        try:
            service = ScoringService(
                stores.records, stores.series, {rubric.id: rubric}, calendar=calendar
            )
            stored = service.score(school, rubric.id, datetime.now(UTC))
        finally:
            stores.close()
    sheet: Mapping[str, Any] = json.loads(stored.sheet_json)
    return sheet


def _show(sheet: Mapping[str, Any]) -> None:
    for name, item in sheet["items"].items():
        points = "" if item.get("max") is None else f"  {_interval(item)} / {item['max']}"
        show(f"{name}  {item['status']}{points}")
        if item.get("working"):
            show(f"    {item['working']}")
        for finding in item.get("findings", []):
            words = [
                finding["id"],
                finding["result"],
                finding.get("reason"),
                finding.get("working"),
            ]
            show("    " + "  ".join(str(word) for word in words if word))
    total = sheet["total"]
    if total.get("max") is not None:
        show(f"合计 total: {_interval(total)} / {total['max']}  ({total['status']})")
    counts = "，".join(f"{name} {number}" for name, number in total.get("counts", {}).items())
    if counts:
        show(f"判定 findings: {counts}")
    show(f"{sheet['rubric']} {sheet['rubric_version']}  {sheet['content_hash']}")


def _interval(points: Mapping[str, Any]) -> str:
    low, high = points["proven"], points["possible"]
    return str(low) if low == high else f"[{low}, {high}]"

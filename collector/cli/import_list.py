"""`campusgauge school import` and `campusgauge user import`: lists out of a spreadsheet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from collector.cli.acts import act_now
from collector.cli.options import DataOption, FormatOption
from collector.cli.output import EXIT_NOT_SO, Format, explain, explained_errors, show, show_json
from collector.cli.records import opened_records
from collector.domain import ImportFile, ImportKind

if TYPE_CHECKING:
    from collector.imports.plan import NewCode, Plan
    from collector.imports.service import ImportService
    from collector.storage.ports import RecordStore

SCHOOLS_HELP = """从 xlsx 或 csv 导入学校名单与申报数据。Import schools and declared facts.

先逐行显示会新增、变更或有错误；加 --commit 才在一个事务里写入。Without --commit only a preview.

例 example: campusgauge school import schools.xlsx --data ./data --commit
"""
PEOPLE_HELP = """从 xlsx 或 csv 导入人员名单；新人得到一次性代码。Import people with codes.

先逐行显示会新增、变更或有错误；加 --commit 才在一个事务里写入。Without --commit only a preview.

例 example: campusgauge user import people.csv --data ./data --commit
"""
TEMPLATE_HELP = "写出导入模板（csv）。Write a template to fill in."
_WORDS = {"new": "新增 new", "changed": "变更 changed", "same": "相同 same", "error": "错误 error"}

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="xlsx 或 csv", exists=True, dir_okay=False)
]
AsOfOption = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="没有统计日期的行按这一天；默认今天"),
]
CommitOption = Annotated[bool, typer.Option("--commit", help="写入；不加只预览 write it")]
SkipOption = Annotated[bool, typer.Option("--skip-errors", help="跳过有错误的行 skip wrong rows")]
NewFileArgument = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)]


def import_schools(
    file: FileArgument,
    data: DataOption,
    as_of: AsOfOption = None,
    commit: CommitOption = False,
    skip_errors: SkipOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Preview or import a list of schools."""
    with explained_errors(), opened_records(data, new=True) as records:
        service = _service(records)
        held, plan = _received(service, ImportKind.SCHOOLS, file, as_of)
        codes = _commit(service, held, plan, skip_errors) if commit else ()
    _tell(held, plan, codes, commit, output)


def import_people(
    file: FileArgument,
    data: DataOption,
    commit: CommitOption = False,
    skip_errors: SkipOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Preview or import a list of people."""
    with explained_errors(), opened_records(data) as records:
        service = _service(records)
        held, plan = _received(service, ImportKind.PEOPLE, file, None)
        codes = _commit(service, held, plan, skip_errors) if commit else ()
    _tell(held, plan, codes, commit, output)


def schools_template(file: NewFileArgument) -> None:
    """Write the template of a list of schools."""
    _write_template(ImportKind.SCHOOLS, file)


def people_template(file: NewFileArgument) -> None:
    """Write the template of a list of people."""
    _write_template(ImportKind.PEOPLE, file)


def _write_template(kind: ImportKind, file: Path) -> None:
    from collector.imports.facts import known_facts
    from collector.imports.templates import template
    from rubrics.indicators import load_indicators
    from rubrics.loader import official_rubrics

    known = known_facts(official_rubrics().values(), load_indicators().values())
    file.write_bytes(template(kind, known))
    show(f"模板 template: {file}")


def _service(records: RecordStore) -> ImportService:
    from collector.wiring_imports import import_service
    from rubrics.loader import official_rubrics

    return import_service(records, official_rubrics(), lambda: datetime.now(UTC))


def _received(
    service: ImportService, kind: ImportKind, file: Path, as_of: datetime | None
) -> tuple[ImportFile, Plan]:
    act = act_now("import.upload", file.name)
    day = as_of.date() if as_of else service.today
    held = service.receive(kind, file.name, file.read_bytes(), day, act)
    return held, service.plan(held, act)


def _commit(
    service: ImportService, held: ImportFile, plan: Plan, skip_errors: bool
) -> tuple[NewCode, ...]:
    act = act_now("import.commit", held.name)
    return service.commit(held.kind, held.id, plan.digest, act, skip_errors=skip_errors).codes


def _tell(
    held: ImportFile, plan: Plan, codes: tuple[NewCode, ...], committed: bool, output: Format
) -> None:
    if output is Format.JSON:
        show_json(_document(held, plan, codes, committed))
    else:
        for row in plan.rows:
            if row.outcome.value != "same":
                show(f"{row.number}\t{_WORDS[row.outcome.value]}\t{row.key} {row.name}")
            for change in row.changes:
                show(f"\t{change.zh} {change.en}: {change.before or '—'} → {change.after}")
            for problem in row.problems:
                show(f"\t第 {problem.row} 行 {problem.field}：{problem.reason}")
        for code in codes:
            show(f"{code.person.name}\t{code.text}")
        explain("，".join(f"{_WORDS[name]} {count}" for name, count in plan.counts.items()))
        if plan.ignored:
            explain(f"未识别的列没有读取 columns not read: {'、'.join(plan.ignored)}")
        explain("已写入 written" if committed else "只是预览，加 --commit 写入 a preview: --commit")
    if plan.counts["error"] and not committed:
        raise typer.Exit(EXIT_NOT_SO)


def _document(
    held: ImportFile, plan: Plan, codes: tuple[NewCode, ...], committed: bool
) -> dict[str, Any]:
    return {
        "import": held.id,
        "sha256": held.sha256,
        "committed": committed,
        "counts": plan.counts,
        "ignored_columns": list(plan.ignored),
        "rows": [
            {
                "row": row.number,
                "key": row.key,
                "name": row.name,
                "outcome": row.outcome.value,
                "changes": [
                    {"field": one.zh, "before": one.before, "after": one.after}
                    for one in row.changes
                ],
                "problems": [{"field": one.field, "reason": one.reason} for one in row.problems],
            }
            for row in plan.rows
        ],
        "codes": {code.person.name: code.text for code in codes},
    }

"""`campusgauge school`: add or update schools, list them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from collector.cli import declare, import_list
from collector.cli.acts import act_now
from collector.cli.options import DataOption, FormatOption
from collector.cli.output import Format, explain, show, show_json, wrong_use
from collector.cli.records import opened_records
from collector.domain import SCHOOL_ID, School, SchoolKind, Stage

app = typer.Typer(help="登记和查看学校 add and list schools", no_args_is_help=True)

app.command("declare", help=declare.HELP)(declare.declare)
app.command("import", help=import_list.SCHOOLS_HELP)(import_list.import_schools)
app.command("template", help=import_list.TEMPLATE_HELP)(import_list.schools_template)

ADD_HELP = """登记学校，编号已存在时更新。没有给出的人数按“未知”保存，不会当作 0。Add a school.

例 example: campusgauge school add --data ./data --id zx-001 --name 示例小学
--stages primary --students 1200 --staff 90 --classes 24
"""


@app.command("add", help=ADD_HELP)
def add(
    data: DataOption,
    school_id: Annotated[str, typer.Option("--id", help="学校编号，如 zx-001；再次使用即更新")],
    name: Annotated[str, typer.Option("--name", help="校名")],
    kind: Annotated[
        SchoolKind, typer.Option("--kind", help="general 普通中小学，vocational 中职")
    ] = SchoolKind.GENERAL,
    stages: Annotated[
        str, typer.Option("--stages", help="学段，逗号分隔：primary,junior,senior")
    ] = "",
    students: Annotated[
        int | None, typer.Option("--students", min=0, max=1_000_000, help="在校学生数")
    ] = None,
    staff: Annotated[
        int | None, typer.Option("--staff", min=0, max=100_000, help="教职工数")
    ] = None,
    classes: Annotated[
        int | None, typer.Option("--classes", min=0, max=10_000, help="班级数")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="人数的统计日期，默认今天"),
    ] = None,
    award_level: Annotated[str | None, typer.Option("--award-level", help="已获称号级别")] = None,
    example: Annotated[bool, typer.Option("--example", help="标为示例学校")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Add the school, or update the one with this id; a count not given is unknown, not 0."""
    if not SCHOOL_ID.fullmatch(school_id):
        raise wrong_use(
            f"--id {school_id!r} 有误：用 1–64 个字母、数字、点、横线或下划线，以字母或数字开头。"
        )
    declared = School(
        id=school_id,
        name=name.strip(),
        kind=kind,
        stages=_stages(stages),
        students=students,
        staff=staff,
        classes=classes,
        as_of=as_of.date() if as_of else datetime.now(UTC).astimezone().date(),
        award_level=award_level,
        is_example=example,
    )
    with opened_records(data, new=True) as records:
        known = records.school(school_id) is not None
        records.put_school(declared, act_now("school.put"))
    if output is Format.JSON:
        show_json({"status": "updated" if known else "added", "school": _document(declared)})
        return
    show(f"{'已更新 updated' if known else '已登记 added'}: {declared.id} {declared.name}")
    if declared.heads is None:
        explain("提示：学生数或教职工数未知，人均指标暂不能判定。用 --students、--staff 补充。")


@app.command("list", help="列出已登记的学校。List schools.")
def list_schools(data: DataOption, output: FormatOption = Format.TEXT) -> None:
    """Show all schools."""
    with opened_records(data) as records:
        schools = records.schools()
    if output is Format.JSON:
        show_json([_document(school) for school in schools])
        return
    for school in schools:
        heads = "未知" if school.heads is None else str(school.heads)
        show(f"{school.id}\t{school.name}\t{school.kind}\t在校 {heads}")
    if not schools:
        explain("还没有学校。登记一所：campusgauge school add --help")


def _stages(text: str) -> tuple[Stage, ...]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return tuple(Stage(name) for name in names)
    except ValueError as error:
        allowed = ",".join(Stage)
        raise wrong_use(f"--stages {text!r} 有误：从 {allowed} 中选，用逗号分隔。") from error


def _document(school: School) -> dict[str, object]:
    as_of: date | None = school.as_of
    return {
        "id": school.id,
        "name": school.name,
        "kind": school.kind.value,
        "stages": [stage.value for stage in school.stages],
        "students": school.students,
        "staff": school.staff,
        "classes": school.classes,
        "heads": school.heads,
        "as_of": as_of.isoformat() if as_of else None,
        "award_level": school.award_level,
        "is_example": school.is_example,
    }

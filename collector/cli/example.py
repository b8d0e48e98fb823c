"""`campusgauge example`: an invented county with weeks of measurements, to learn and to try on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from collector.cli.options import DataOption, read_settings
from collector.cli.output import explain, explained_errors, show, wrong_use

HELP = """生成示例区县：虚构的学校和数周测量数据，用来熟悉系统。An invented county to try on.

写入 --data 指定的目录；示例学校编号以 ex- 开头并标为“示例”。不要与正式数据混在一起。

例 example: campusgauge example --data ./demo && campusgauge serve --data ./demo
"""


def example(
    data: DataOption,
    count: Annotated[
        int, typer.Option("--schools", min=1, max=5000, help="学校数 how many schools")
    ] = 60,
    days: Annotated[
        int, typer.Option("--days", min=1, max=366, help="测量天数 days of measurements")
    ] = 28,
    seed: Annotated[
        int, typer.Option("--seed", help="同一个数得到同一个区县 the same seed, the same county")
    ] = 1,
) -> None:
    """Build an example county into a data directory."""
    from rich.progress import Progress

    from collector.app import open_stores
    from collector.example.county import Wish, build
    from collector.scoring.calendar import SchoolCalendar
    from collector.wiring_example import add_round
    from rubrics.indicators import Window
    from rubrics.loader import official_rubrics

    settings = read_settings(data=data)
    with explained_errors():
        stores = open_stores(settings, explain)
    try:
        if any(not school.is_example for school in stores.records.schools()):
            raise wrong_use(
                f"{data}: 目录里已有正式学校，示例请写入另外的目录。"
                "There are real schools in it; choose another directory for the example."
            )
        calendar = SchoolCalendar()
        with Progress(transient=True) as bar:
            task = bar.add_task("示例学校 schools", total=count)
            now = datetime.now(UTC)
            built = build(
                stores.records,
                stores.series,
                Wish(count, days, seed),
                now,
                lambda since, until: calendar.spans(Window.SCHOOL_HOURS, since, until),
                calendar.day_start,
                lambda done, _: bar.update(task, completed=done),
            )
            cases = bar.add_task("示例轮次 round", total=count)
            people = add_round(
                stores.records,
                stores.series,
                official_rubrics(),
                built,
                now,
                seed,
                lambda done, _: bar.update(cases, completed=done),
            )
    finally:
        stores.close()
    show(f"{len(built)} 所示例学校 example schools → {data}")
    show("登录页 /set-password 用一次性代码设置密码 set passwords with these one-time codes:")
    for person in people:
        where = person.school_id or "全县 county"
        show(f"  {person.name}\t{person.role.value}\t{where}\t{person.code}")

"""`campusgauge slots`: what was tested today and why not, examinations, re-tests, quiet hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from collector.cli.options import DataOption, FormatOption
from collector.cli.output import EXIT_NOT_SO, Format, explain, show, show_json, wrong_use
from collector.cli.records import opened_records
from collector.domain import Occasion, SlotPause, SlotSettings, SlotState, SlotTest
from collector.errors import NotFoundError, UnprocessableError

app = typer.Typer(
    help="测速时段：今天测了什么、考试停测、重测、各校的安静时段 test slots", no_args_is_help=True
)
exam_app = typer.Typer(help="考试停测 no tests during examinations", no_args_is_help=True)
app.add_typer(exam_app, name="exam")

TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
AUTHOR = "command"
SchoolOption = Annotated[
    str | None, typer.Option("--school", help="学校编号；不给则为全区县 all schools")
]


@app.command("show", help="今天各校的测速：已测、待测、未测及原因。What ran today, and why not.")
def show_today(
    data: DataOption, school: SchoolOption = None, output: FormatOption = Format.TEXT
) -> None:
    """Show today's tests as the collector has recorded them."""
    from collector.scoring.calendar import CHINA

    today = datetime.now(UTC).astimezone(CHINA).date()
    with opened_records(data) as records:
        tests = records.slot_tests(today, school)
        day = records.slot_day(today)
    if output is Format.JSON:
        show_json({"day": today.isoformat(), "tests": [_test(test) for test in tests]})
        return
    if day is None:
        explain("今天还没有安排：采集服务未运行，或没有设置测速服务器。Nothing is planned yet.")
    for school_id in sorted({test.school_id for test in tests}):
        own = [test for test in tests if test.school_id == school_id]
        show(_line(school_id, own))


@app.command("retest", help="请一所学校重测；其采集端几分钟内执行，优先于计划。Ask for a re-test.")
def retest(data: DataOption, school: Annotated[str, typer.Option("--school")]) -> None:
    """Ask the school's agent for a re-test."""
    from collector.scoring.calendar import CHINA
    from collector.speedtest.slots.bureau import ask_retest

    with opened_records(data) as records:
        test = ask_retest(records, school, datetime.now(UTC), CHINA)
    until = test.latest_at.astimezone(CHINA).isoformat(sep=" ", timespec="minutes")
    show(f"已请 {school} 重测，{until} 前有效；新旧结果都保留。Asked; both results are kept.")


@app.command(
    "school", help="设置一所学校的测速规则；不给的选项恢复为全区县的规则。A school's rules."
)
def school_rules(
    data: DataOption,
    school: Annotated[str, typer.Option("--school", help="学校编号")],
    quiet: Annotated[
        list[str] | None, typer.Option("--quiet", help="不测速的时段，可重复，如 09:00-09:45")
    ] = None,
    needed_mbps: Annotated[
        float | None, typer.Option("--needed-mbps", help="线路需要的速率，用于选测速服务器")
    ] = None,
    daily_gb: Annotated[
        float | None, typer.Option("--daily-gb", help="每天测速流量上限，GB（10⁹ 字节）")
    ] = None,
) -> None:
    """Replace the school's rules."""
    from collector.speedtest.slots.bureau import parse_quiet_hours, set_school

    with opened_records(data) as records, _explained_rows():
        daily_bytes = None if daily_gb is None else round(daily_gb * 1e9)
        hours = parse_quiet_hours(quiet or [])
        set_school(records, SlotSettings(school, hours, needed_mbps, daily_bytes))
    show(f"已更新 updated: {school}")


@exam_app.command("add", help="登记考试，期间不测速。例：--from 2026-06-07 --until 2026-06-09")
def add_exam(
    data: DataOption,
    since: Annotated[
        datetime,
        typer.Option("--from", formats=TIME_FORMATS, help="开始，北京时间；只给日期为零点"),
    ],
    until: Annotated[
        datetime,
        typer.Option("--until", formats=TIME_FORMATS, help="结束；只给日期则当天也算在内"),
    ],
    note: Annotated[str, typer.Option("--note", help="说明，如 高考、英语听力")],
    school: SchoolOption = None,
) -> None:
    """Stop tests from one time until another."""
    from collector.scoring.calendar import CHINA
    from collector.speedtest.slots.bureau import declare_exam

    if until.time() == datetime.min.time():
        until += timedelta(days=1)
    with opened_records(data) as records, _explained_rows():
        pause = declare_exam(
            records,
            since.replace(tzinfo=CHINA).astimezone(UTC),
            until.replace(tzinfo=CHINA).astimezone(UTC),
            note,
            AUTHOR,
            datetime.now(UTC),
            school,
        )
    show(_pause(pause))


@exam_app.command("list", help="列出当前和将来的考试。List examinations that are on or to come.")
def list_exams(data: DataOption, output: FormatOption = Format.TEXT) -> None:
    """Show every pause that is not over."""
    with opened_records(data) as records:
        pauses = records.slot_pauses(datetime.now(UTC))
    if output is Format.JSON:
        show_json(
            [
                {
                    "id": pause.id,
                    "school": pause.school_id,
                    "since": pause.since.isoformat(),
                    "until": pause.until.isoformat(),
                    "note": pause.note,
                    "author": pause.author,
                }
                for pause in pauses
            ]
        )
        return
    for pause in pauses:
        show(_pause(pause))
    if not pauses:
        explain("没有考试停测。登记：campusgauge slots exam add --help")


@exam_app.command("end", help="提前结束考试停测。End one now.")
def end_exam_now(data: DataOption, exam_id: Annotated[int, typer.Option("--id")]) -> None:
    """Let tests run again."""
    from collector.speedtest.slots.bureau import end_exam

    with opened_records(data) as records:
        try:
            end_exam(records, exam_id, datetime.now(UTC))
        except NotFoundError as error:
            explain(f"没有这个编号的考试：{exam_id}。查看：campusgauge slots exam list --data …")
            raise typer.Exit(EXIT_NOT_SO) from error
    show(f"已结束 ended: {exam_id}")


@contextmanager
def _explained_rows() -> Iterator[None]:
    """Turn named wrong fields into a sentence and exit code 2."""
    try:
        yield
    except UnprocessableError as error:
        rows = "; ".join(f"{row.field}: {row.reason}" for row in error.errors)
        raise wrong_use(f"用法有误 wrong use: {rows}") from error


def _line(school_id: str, tests: list[SlotTest]) -> str:
    states = Counter(test.state for test in tests if test.occasion is Occasion.PLANNED)
    waiting = sum(test.state is SlotState.OPEN for test in tests)
    retests = sum(test.occasion is Occasion.RETEST and bool(test.started_at) for test in tests)
    reasons = Counter(test.reason for test in tests if test.state is SlotState.SKIPPED)
    why = "，".join(f"{reason} {count}" for reason, count in sorted(reasons.items(), key=str))
    return (
        f"{school_id}\t已测 done {states[SlotState.DONE]}\t待测 open {waiting}"
        f"\t未测 skipped {states[SlotState.SKIPPED]}{f'（{why}）' if why else ''}"
        f"\t重测 re-tests {retests}"
    )


def _test(test: SlotTest) -> dict[str, object]:
    return {
        "school": test.school_id,
        "occasion": test.occasion.value,
        "planned_at": test.planned_at.isoformat(),
        "state": test.state.value,
        "reason": test.reason,
        "server": test.server or None,
        "started_at": test.started_at.isoformat() if test.started_at else None,
        "used_bytes": test.used_bytes,
    }


def _pause(pause: SlotPause) -> str:
    from collector.scoring.calendar import CHINA

    since, until = (
        at.astimezone(CHINA).isoformat(sep=" ", timespec="minutes")
        for at in (pause.since, pause.until)
    )
    return f"{pause.id}\t{pause.school_id or '全区县 all'}\t{since} – {until}\t{pause.note}"

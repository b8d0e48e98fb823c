"""`campusgauge holidays`: the days off decreed for a year, before a release knows them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from collector.cli.options import DataOption, FormatOption, read_settings
from collector.cli.output import EXIT_NOT_SO, Format, explain, show, show_json, wrong_use

app = typer.Typer(
    help="""放假安排：查看、补录国务院公布的全年节假日和调休。Holidays decreed for a year.

    下一年安排约在每年 11 月公布 next year's are announced about November:\n
      campusgauge holidays form 2027 > 2027.yaml       照通知填写 fill in\n
      campusgauge holidays add 2027.yaml --data DIR    检查并启用 check, use\n
      campusgauge holidays show 2027 --data DIR        查看全年 see the year
    """,
    no_args_is_help=True,
)
YearArgument = Annotated[int, typer.Argument(min=2004, max=2100, help="年份 year")]

_FORM = """\
# {year} 年放假安排：照国务院办公厅通知逐项填写，然后运行
#   campusgauge holidays add {year}.yaml --data DIR
# off：放假首日和末日（含周末）；work：调休上班的周六、周日，没有就删去。
# off: first and last day off, weekend included; work: weekend days worked in exchange, if any.
year: {year}
source: 国务院办公厅关于{year}年部分节假日安排的通知
holidays:
  - {{name: 元旦, off: [{year}-01-01, {year}-01-01]}}
  - {{name: 春节, off: [首日, 末日], work: [上班日, 上班日]}}
  - {{name: 清明节, off: [首日, 末日]}}
  - {{name: 劳动节, off: [{year}-05-01, {year}-05-02], work: [上班日]}}
  - {{name: 端午节, off: [首日, 末日]}}
  - {{name: 中秋节, off: [首日, 末日]}}
  - {{name: 国庆节, off: [{year}-10-01, {year}-10-03], work: [上班日]}}
"""


@app.command("form", help="输出一年的空白表，照通知填写。Print a form for a year's table.")
def form(year: YearArgument) -> None:
    """Print a table with everything but the days that the decree sets."""
    show(_FORM.format(year=year).rstrip())


@app.command("add", help="检查并启用一年的放假安排；再次运行即更换。Check a table and use it.")
def add(
    data: DataOption,
    file: Annotated[Path, typer.Argument(help="YAML 文件 file", dir_okay=False, exists=True)],
) -> None:
    """Check a table and put it where the collector reads it; a running one needs no restart."""
    from collector.scoring.holidays import file_name, read_table

    folder = read_settings(data=data).holidays_folder
    try:
        text = file.read_text(encoding="utf-8")
        table = read_table(text)
    except (OSError, ValueError) as error:
        raise wrong_use(f"{file}:\n{error}") from error
    if not data.is_dir():
        raise wrong_use(f"{data}: 没有这个数据目录 no such data directory")
    folder.mkdir(mode=0o700, exist_ok=True)
    part = folder / f"{table.year}.part"
    part.write_text(text, encoding="utf-8")
    part.replace(folder / file_name(table.year))
    show(
        f"{table.year} 年：{len(table.holidays)} 个假期，放假 {len(table.off)} 天，"
        f"调休上班 {len(table.work)} 天；已启用 in use."
    )


@app.command("show", help="查看一年的放假安排及来源。The holidays of a year, and who says so.")
def show_year(data: DataOption, year: YearArgument, output: FormatOption = Format.TEXT) -> None:
    """Show the holidays as the collector uses them. Exits with 1 for a year nobody has told of."""
    from collector.scoring.holidays import HolidayTables

    tables = HolidayTables(read_settings(data=data).holidays_folder)
    for name, why in tables.broken.items():
        explain(f"{name}: 无法使用 unusable: {why}")
    first, last = date(year, 1, 1), date(year, 12, 31)
    known = tables.is_workday(last) is not None
    spans = tables.spans(first, last)
    worked = [day for day in _weekend(year) if known and tables.is_workday(day)]
    if output is Format.JSON:
        show_json(
            {
                "year": year,
                "known": known,
                "source": tables.version(),
                "off": [[since.isoformat(), until.isoformat()] for since, until in spans],
                "work": [day.isoformat() for day in worked],
            }
        )
    elif known:
        for since, until in spans:
            show(f"放假 off   {since} – {until}  {(until - since).days + 1} 天")
        for day in worked:
            show(f"上班 work  {day}")
        show(f"来源 source: {tables.version()}")
    if not known:
        explain(
            f"{year} 年的放假安排未收录。请填写并启用 not known yet; fill in and add: "
            f"campusgauge holidays form {year}"
        )
        raise typer.Exit(EXIT_NOT_SO)


def _weekend(year: int) -> list[date]:
    from collector.scoring.calendar import SATURDAY

    days = range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
    return [day for day in map(date.fromordinal, days) if day.weekday() >= SATURDAY]

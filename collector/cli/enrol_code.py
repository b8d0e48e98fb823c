"""`campusgauge enrol-code`: issue a code with which a school's hosts enrol."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from collector.cli.options import DataOption, FormatOption
from collector.cli.output import Format, explain, show, show_json
from collector.cli.records import opened_records

HELP = """为一所学校发放注册码（只显示这一次，库中只存摘要）。Issue an enrolment code.

然后在学校主机上 then, on the school's host:
campusgauge-agent enrol --server URL --code CODE --state DIR
"""


def enrol_code(
    data: DataOption,
    school: Annotated[str, typer.Option("--school", help="学校编号")],
    days: Annotated[int, typer.Option("--days", min=1, max=90, help="有效天数")] = 7,
    uses: Annotated[int, typer.Option("--uses", min=1, max=100, help="可注册的主机数")] = 3,
    output: FormatOption = Format.TEXT,
) -> None:
    """Issue a code and show it once."""
    from collector.enrolment.service import new_code

    with opened_records(data) as records:
        text, code = new_code(
            records, school, datetime.now(UTC), valid=timedelta(days=days), max_uses=uses
        )
    expires_at = code.expires_at.isoformat(timespec="seconds")
    if output is Format.JSON:
        show_json({"code": text, "school": school, "expires_at": expires_at, "max_uses": uses})
        return
    show(text)
    explain(f"学校 {school}，可用于 {uses} 台主机，{expires_at} 前有效。")

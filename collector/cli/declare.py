"""`campusgauge school declare`: what a school says about itself, each value with its date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from collector.cli.acts import act_now
from collector.cli.options import DataOption
from collector.cli.output import show, wrong_use
from collector.cli.records import opened_records
from collector.domain import Fact

if TYPE_CHECKING:
    from rubrics.model.rubric import FigureSpec

AUTHOR = "campusgauge school declare"
HELP = """申报学校的数据：合同带宽、服务器台数、主干链路条数等。Declare facts of a school.

例 example: campusgauge school declare --data ./data --id zx-001 contracted_mbps=1000 servers=3

不带 NAME=VALUE 时列出可申报的名称和现有的值。Without values: the names, and what is in force.
"""


def declare(
    data: DataOption,
    school_id: Annotated[str, typer.Option("--id", help="学校编号")],
    values: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE...")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="这些数据的统计日期，默认今天"),
    ] = None,
) -> None:
    """Record facts; nothing is recorded unless all of them are right."""
    known = _known_facts()
    now = datetime.now(UTC)
    day = (as_of or now.astimezone()).date()
    facts = [Fact(school_id, *_pair(text, known), day, AUTHOR, now) for text in values or ()]
    with opened_records(data) as records:
        if records.school(school_id) is None:
            raise wrong_use(
                f"没有编号为 {school_id!r} 的学校，请先登记 no such school; add it first: "
                "campusgauge school add --help"
            )
        for fact in facts:
            records.add_fact(fact, act_now("fact.declare"))
        in_force = records.facts(school_id)
    for name, label in known.items():
        held = in_force.get(name)
        value = f"{held.value} ({held.as_of:%Y-%m-%d})" if held else "未申报 not declared"
        show(f"{name}\t{value}\t{label.zh} {label.en or ''}".rstrip())


def _known_facts() -> Mapping[str, FigureSpec]:
    """Return every fact that a rubric or an indicator asks for."""
    from collector.imports.facts import known_facts
    from rubrics.indicators import load_indicators
    from rubrics.loader import official_rubrics

    return known_facts(official_rubrics().values(), load_indicators().values())


def _pair(text: str, known: Mapping[str, FigureSpec]) -> tuple[str, str]:
    from collector.imports.facts import fact_value
    from collector.imports.refusals import CellError

    name, sign, value = (part.strip() for part in text.partition("="))
    if not (name and sign and value):
        raise wrong_use(f"{text!r} 有误：写成 NAME=VALUE，如 servers=3。Write NAME=VALUE.")
    spec = known.get(name)
    if spec is None:
        near = get_close_matches(name, known, n=1)
        hint = f" ({near[0]}?)" if near else ""
        raise wrong_use(f"没有申报项 no fact {name!r}{hint}；可申报 known: {', '.join(known)}")
    try:
        given = fact_value(value, spec)
    except CellError as error:
        raise wrong_use(f"{name}={value} 有误：{error}") from error
    if given is None:
        raise wrong_use(f"{text!r} 有误：写成 NAME=VALUE，如 servers=3。Write NAME=VALUE.")
    return name, given

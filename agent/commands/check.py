"""`check`: which criteria this host can prove, which not and why, and what to add.

Works offline and before enrolment. It takes the light probes' readings once; the heavy ones are
not run, since they need the bureau's slot.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.commands.arguments import add_config, add_format, add_state
from agent.commands.once import take_readings
from agent.config import load_settings
from agent.identity import load_identity
from agent.probes.base import Cost
from agent.words import sentences

if TYPE_CHECKING:
    from agent.readiness import CriterionReadiness, IndicatorReadiness
    from rubrics.indicators import IndicatorDefinition
    from rubrics.model.rubric import Rubric

_MARKS = {"ready": "✓", "later": "…", "missing": "✗", "by_people": "人"}
_WORDS = {
    "ready": "本机可以证明 / can be proven here",
    "later": "届时自动测量 / measured by itself in time",
    "missing": "还缺条件 / something is missing",
    "by_people": "由人填报 / filled in by people",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `check [--config FILE] [--rubric ID] [--format json]`."""
    parser.add_argument("--rubric", metavar="ID", help="评分细则，缺省为全部 / rubric, default all")
    add_config(parser)
    add_state(parser)
    add_format(parser, "table", "json")


def run(arguments: argparse.Namespace) -> int:
    """Print the list; exit code 1 when this host can prove nothing at all."""
    try:
        from agent.readiness import Readiness, judge_criteria, judge_indicator
        from rubrics.indicators import load_indicators
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"缺少 {error.name}，请安装 / missing, install: pip install 'campusgauge[agent]'\n"
        )
        return 2
    rubrics = _chosen(arguments.rubric)
    if rubrics is None:
        return 2
    settings = load_settings(arguments.config)
    light = [p for p in settings.probes.values() if p.enabled and p.cost is Cost.LIGHT]
    readings = take_readings(light, settings, arguments.state, arguments.config)
    enrolled = load_identity(arguments.state) is not None
    definitions = load_indicators()
    indicators = {
        name: judge_indicator(definition, settings.probes, readings, enrolled=enrolled)
        for name, definition in definitions.items()
    }
    criteria = {rubric.id: judge_criteria(rubric, indicators) for rubric in rubrics}
    if arguments.format == "json":
        document = {
            "enrolled": enrolled,
            "indicators": [_indicator(i, definitions[i.indicator]) for i in indicators.values()],
            "rubrics": [_rubric_fields(rubric, criteria[rubric.id]) for rubric in rubrics],
        }
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_text(rubrics, criteria, indicators, definitions))
    ready = any(i.readiness is Readiness.READY for i in indicators.values())
    return 0 if ready else 1


def _chosen(rubric_id: str | None) -> Sequence[Rubric] | None:
    """Return the rubrics asked for; None after saying what is wrong."""
    from rubrics.loader import RubricError, UnknownRubricError, load_rubric, official_paths

    try:
        return [load_rubric(name) for name in ([rubric_id] if rubric_id else official_paths())]
    except (UnknownRubricError, RubricError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return None


def _sentences(code: str | None) -> dict[str, str] | None:
    known = sentences(code)
    return {"zh": known[0], "en": known[1]} if known else None


def _indicator(found: IndicatorReadiness, definition: IndicatorDefinition) -> dict[str, Any]:
    return {
        "indicator": found.indicator,
        "title": definition.title.zh,
        "readiness": str(found.readiness),
        "reason": found.reason,
        "detail": found.detail,
        "what_to_do": _sentences(found.reason),
        "series": list(definition.series),
        "needs": definition.sufficiency.model_dump(exclude_none=True),
    }


def _rubric_fields(rubric: Rubric, criteria: Sequence[CriterionReadiness]) -> dict[str, Any]:
    return {
        "rubric": rubric.id,
        "title": rubric.title.zh,
        "counts": dict(Counter(str(one.readiness) for one in criteria)),
        "criteria": [
            {
                "item": one.item,
                "criterion": one.criterion,
                "text": one.text,
                "readiness": str(one.readiness),
                "indicators": [i.indicator for i in one.indicators],
            }
            for one in criteria
        ],
    }


def _text(
    rubrics: Sequence[Rubric],
    criteria: Mapping[str, Sequence[CriterionReadiness]],
    indicators: Mapping[str, IndicatorReadiness],
    definitions: Mapping[str, IndicatorDefinition],
) -> str:
    """Return the list for people: criteria that measurements decide, then what to do."""
    lines: list[str] = []
    for rubric in rubrics:
        found = criteria[rubric.id]
        counts = Counter(str(one.readiness) for one in found)
        lines.append(f"{rubric.title.zh} ({rubric.id})")
        lines += [f"  {_MARKS[k]} {counts[k]:3}  {_WORDS[k]}" for k in _MARKS if counts[k]]
        for one in found:
            if one.indicators:
                name = one.criterion or one.item
                lines.append(f"    {_MARKS[str(one.readiness)]} {name}  {one.text[:40]}")
        lines.append("")
    used = {i.indicator for found in criteria.values() for one in found for i in one.indicators}
    lines.append("指标 / indicators")
    for name, readiness in indicators.items():
        if used and name not in used:
            continue
        lines += _indicator_lines(readiness, definitions[name])
    return "\n".join(lines) + "\n"


def _indicator_lines(found: IndicatorReadiness, definition: IndicatorDefinition) -> list[str]:
    lines = [f"  {_MARKS[str(found.readiness)]} {definition.title.zh} ({found.indicator})"]
    needs = definition.sufficiency
    if found.reason is None:
        lines.append(f"      还需时间 / time: {needs.samples or 1} 次, {needs.days or 1} 天")
        return lines
    words = _sentences(found.reason) or {"zh": found.reason, "en": ""}
    lines.append(f"      {words['zh']}" + (f"（{found.detail}）" if found.detail else ""))
    if words["en"]:
        lines.append(f"      {words['en']}")
    return lines

"""A score sheet in short. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from collector.domain import IndicatorVerdict, Summary

Sheet: TypeAlias = Mapping[str, Any]
"""A sheet as the engine writes it."""

_FURTHEST_FROM_MET = ("not_met", "disputed", "insufficient", "met", "not_applicable", None)


def summary_of(
    sheet: Sheet,
    round_id: str,
    school_id: str,
    computed_at: datetime,
    indicators: Sequence[str],
    case_state: str = "",
) -> Summary:
    """Reduce a sheet; `indicators` are the rubric's, in the order in which they are listed."""
    found = [
        (item_id, finding)
        for item_id, item in sheet["items"].items()
        for finding in item.get("findings") or ({"result": "insufficient"},)
    ]
    verdicts = [verdict for item_id, finding in found for verdict in _verdicts(item_id, finding)]
    total = sheet.get("total") or {}
    scored = total.get("max") is not None
    return Summary(
        round_id=round_id,
        school_id=school_id,
        rubric_id=sheet["rubric"],
        rubric_version=sheet["rubric_version"],
        computed_at=computed_at,
        content_hash=sheet["content_hash"],
        counts=Counter(finding["result"] for _, finding in found),
        proven=total["proven"] if scored else None,
        possible=total["possible"] if scored else None,
        max=total["max"] if scored else None,
        vetoed=(sheet.get("outcome") or {}).get("vetoed"),
        case_state=case_state,
        indicators=tuple(
            min(about, key=_rank)
            for name in indicators
            if (about := [verdict for verdict in verdicts if verdict.indicator == name])
        ),
    )


def _rank(verdict: IndicatorVerdict) -> tuple[int, bool]:
    return _FURTHEST_FROM_MET.index(verdict.result), verdict.value is None


def _verdicts(item_id: str, finding: Mapping[str, Any]) -> Iterator[IndicatorVerdict]:
    """Yield one for each indicator that the clause tests or shows; each as the clause sees it."""
    for value in (finding, *(finding.get("values") or ())):
        if value.get("source") != "indicator":
            continue
        bound = value.get("threshold")
        bounds = bound if isinstance(bound, list) else [] if bound is None else [bound]
        seen = value.get("value")
        yield IndicatorVerdict(
            indicator=value["origin"]["name"],
            result=finding["result"] if bounds else None,
            value=None if seen is None else str(seen),
            unit=value.get("unit"),
            op=value.get("op"),
            threshold=tuple(map(str, bounds)),
            item_id=item_id,
            finding_id=str(finding.get("id") or item_id),
            reason=finding.get("reason") if bounds else None,
        )

"""A sheet in short says what the sheet says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from collector.domain import STANDING
from collector.summaries.short_sheet import summary_of

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)


def seen(name: str, value: str | None, **more: Any) -> dict[str, Any]:
    """Return a value of a finding that was measured."""
    return {"source": "indicator", "origin": {"name": name}, "value": value, "unit": "u", **more}


def sheet(*findings: dict[str, Any], total: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a sheet of one item."""
    return {
        "rubric": "r",
        "rubric_version": "1",
        "content_hash": "sha256:x",
        "items": {"1": {"findings": list(findings)}, "2": {"findings": []}},
        "total": total or {"max": None},
        "outcome": {"vetoed": None},
    }


def test_the_clause_furthest_from_met_speaks_for_an_indicator() -> None:
    """One met clause must not hide another one that is not; a number without bound decides none."""
    found = summary_of(
        sheet(
            {"id": "1a", "result": "met", **seen("rate", "5", threshold="3", op="ge")},
            {"id": "1b", "result": "not_met", "reason": "x",
             "values": [seen("rate", "5", threshold=["6", "9"], op="between")]},
            {"id": "1c", "result": "insufficient", "values": [seen("shown", "7")]},
        ),
        STANDING, "s", NOW, ["shown", "rate", "never"],
    )  # fmt: skip
    shown, rate = found.indicators
    assert (shown.indicator, shown.result, shown.value, shown.threshold) == ("shown", None, "7", ())
    assert (rate.result, rate.finding_id, rate.threshold) == ("not_met", "1b", ("6", "9"))
    assert (rate.reason, rate.op, rate.unit) == ("x", "between", "u")


def test_what_was_not_measured_has_no_value() -> None:
    """Unknown is None, never a zero."""
    finding = {"id": "1a", "result": "insufficient", **seen("rate", None, threshold="3", op="ge")}
    (rate,) = summary_of(sheet(finding), STANDING, "s", NOW, ["rate"]).indicators
    assert rate.value is None
    assert rate.result == "insufficient"


def test_an_item_without_findings_counts_as_open() -> None:
    """Counts are those of the school's page: what nobody looked at is insufficient."""
    found = summary_of(sheet({"id": "1a", "result": "met"}), STANDING, "s", NOW, [])
    assert found.counts == {"met": 1, "insufficient": 1}


def test_a_total_is_an_interval_or_not_there() -> None:
    """A document without points has no total, rather than one of zero."""
    total = {"max": "100", "proven": "12.5", "possible": "80"}
    scored = summary_of(sheet(total=total), STANDING, "s", NOW, [], "review")
    assert (scored.proven, scored.possible, scored.max) == ("12.5", "80", "100")
    assert (scored.vetoed, scored.case_state) == (None, "review")
    unscored = summary_of(sheet(), STANDING, "s", NOW, [])
    assert (unscored.proven, unscored.possible, unscored.max) == (None, None, None)

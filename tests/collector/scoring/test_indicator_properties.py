"""What holds for every indicator and any evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.scoring.calendar import SchoolCalendar
from collector.scoring.indicators import PartEvidence, indicator_value
from collector.storage.ports import GroupSummary
from rubrics.indicators import IndicatorDefinition, Window, load_indicators

MONDAY = datetime(2026, 9, 6, 16, tzinfo=UTC)
SPANS = SchoolCalendar().spans(Window.SCHOOL_HOURS, MONDAY, MONDAY + timedelta(days=7))

definitions = st.sampled_from(list(load_indicators().values()))
amounts = st.floats(0, 1e12)
causes = st.dictionaries(st.sampled_from(["nic", "wifi", "server"]), st.integers(1, 9), max_size=2)


@st.composite
def groups(draw: st.DrawFn) -> list[GroupSummary]:
    """Draw up to four groups with valid samples, some of them limited."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        samples = draw(st.integers(1, 5000))
        since = SPANS[0].start + timedelta(minutes=draw(st.integers(0, 4000)))
        found.append(
            GroupSummary(
                group=f"g{number}",
                value=draw(amounts),
                samples=samples,
                days=draw(st.integers(1, 7)),
                weeks=1,
                slots=draw(st.integers(1, samples)),
                since=since,
                until=SPANS[-1].stop,
                free_samples=draw(st.integers(0, samples)),
                free_days=draw(st.integers(0, 7)),
                limited_by_cause=draw(causes),
                void_samples=0,
                void_by_cause={},
                observed=None,
            )
        )
    return found


def compute(definition: IndicatorDefinition, found: list[GroupSummary]) -> dict[str, Any]:
    """Compute with the same groups in every part, each of capacity 1."""
    parts = [
        PartEvidence(part, found, {group.group: 1.0 for group in found})
        for part in definition.parts
    ]
    value = indicator_value(definition, parts, SPANS)
    assert value is not None
    return dict[str, Any](value)


def unseen(definition: IndicatorDefinition) -> set[str]:
    """Return the limits that a value has however well it is measured; nothing is declared here."""
    undeclared = {definition.census.undeclared} if definition.census else set()
    return set(definition.always_limited_by) | undeclared


@given(definitions, groups(), amounts)
def test_void_samples_never_move_a_value(
    definition: IndicatorDefinition, found: list[GroupSummary], seen: float
) -> None:
    """However large a loopback result is, only `excluded` and `observed` know of it."""
    mixed = [
        replace(group, void_samples=2, void_by_cause={"same_host": 2}, observed=seen)
        for group in found
    ]
    clean, tainted = compute(definition, found), compute(definition, mixed)
    assert tainted.pop("excluded") == {"same_host": 2 * len(found) * len(definition.parts)}
    assert tainted.pop("observed") is not None
    assert tainted == clean


@given(definitions, groups(), st.randoms(use_true_random=False))
def test_the_order_of_groups_changes_nothing(
    definition: IndicatorDefinition, found: list[GroupSummary], chance: Any
) -> None:
    """Hash and digits do not depend on which host enrolled first."""
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert compute(definition, shuffled) == compute(definition, found)


@given(definitions, groups())
def test_the_account_of_the_evidence_never_boasts(
    definition: IndicatorDefinition, found: list[GroupSummary]
) -> None:
    """Coverage is a share, days are days of some group, causes are causes of some group."""
    value = compute(definition, found)
    assert 0 <= value.get("coverage", 0) <= 1
    assert value["days"] in {group.days for group in found}
    assert value["samples"] <= sum(group.samples for group in found)
    causes = {cause for group in found for cause in group.limited_by_cause}
    assert set(value["limited_by"]) <= causes | unseen(definition)
    assert value["since"] == min(group.since for group in found if group.since).isoformat()


@given(definitions, groups())
def test_without_limits_nothing_is_limited(
    definition: IndicatorDefinition, found: list[GroupSummary]
) -> None:
    """What nothing held back is limited only by what measuring can never see."""
    free = [replace(group, free_samples=0, limited_by_cause={}) for group in found]
    assert set(compute(definition, free)["limited_by"]) == unseen(definition)

"""The case file of a school: everything the engine may look at, as plain JSON data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collector.domain import Entry, EntryValue, Fact, Json, School
from collector.scoring.measure import ScoringWindow
from rubrics.model import Rubric

_TRUTH = {"true": True, "false": False}


def case_file(
    school: School,
    rubric: Rubric,
    indicators: Mapping[str, Json],
    facts: Mapping[str, Fact],
    entries: Iterable[Entry],
    pinned: Mapping[str, Json],
) -> dict[str, Json]:
    """Merge what was measured, declared and entered; what is unknown stays out.

    Facts that the rubric does not list are left out, so that they do not change its sheets.
    `pinned` names what the indicators were computed with.
    """
    return {
        "school": profile_of(school),
        "indicators": dict(indicators),
        "facts": facts_of(rubric, facts),
        "entries": _entries(entries),
        "stages": {},
        "pinned": dict(pinned),
    }


def facts_of(rubric: Rubric, facts: Mapping[str, Fact]) -> dict[str, Json]:
    """Return the declared facts that the rubric lists, in the types it asks for."""
    return {
        name: {"value": _declared(facts[name].value, spec.type), "as_of": _day(facts[name])}
        for name, spec in sorted(rubric.facts.items())
        if name in facts
    }


def pinned_inputs(
    window: ScoringWindow, zone: str, calendar_version: str, unknown_days: int, catalogue: str
) -> dict[str, Json]:
    """Return what has to be the same for a sheet to come out the same."""
    return {
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "zone": zone,
        "calendar": calendar_version,
        "calendar_unknown_days": unknown_days,
        "indicator_catalogue": catalogue,
    }


def profile_of(school: School) -> dict[str, Json]:
    """Return the profile as the engine reads it; what is unknown stays out."""
    known: dict[str, Json] = {
        "id": school.id,
        "name": school.name,
        "kind": school.kind.value,
        "stages": [stage.value for stage in school.stages],
        "students": school.students,
        "staff": school.staff,
        "classes": school.classes,
        "as_of": school.as_of.isoformat() if school.as_of else None,
        "award_level": school.award_level,
        "setting": school.setting and school.setting.value,
    }
    return {name: value for name, value in known.items() if value is not None}


def _declared(text: str, kind: str) -> Json:
    """Give the fact the type its rubric asks for; a number stays the text that was declared."""
    return _TRUTH.get(text.lower(), text) if kind == "bool" else text


def _day(fact: Fact) -> str:
    return fact.as_of.isoformat()


def _entries(entries: Iterable[Entry]) -> dict[str, Json]:
    by_item: dict[str, dict[str, Json]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.item_id, entry.name)):
        if entry.value is not None:
            by_item.setdefault(entry.item_id, {})[entry.name] = _plain(entry.value)
    return dict(by_item)


def _plain(value: EntryValue) -> Json:
    return list(value) if isinstance(value, list) else value

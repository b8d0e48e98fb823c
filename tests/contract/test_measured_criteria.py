"""Each criterion that can be measured names an indicator, and a probe yields what that needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import agent.probes
from agent.probes import load_probe, probe_names
from rubrics.checks import walk
from rubrics.indicators import load_indicators
from rubrics.loader import load_rubric, official_paths
from rubrics.model.expressions import IndicatorValue
from rubrics.model.rubric import Item, Rubric

GENERAL = "zhongxian-smart-campus-general"
VOCATIONAL = "zhongxian-smart-campus-vocational"
PROFILE = "zhongxian-smart-campus-profile"
INSPECTION = "zhongxian-inspection"
DISTRICT = "yuhuatai-informatization-2020"

BOTH_FORMS = {
    "1a": "availability",
    "1b": "wired_access_ports",
    "1c": "backbone_link_speed",
    "1d": "desktop_port_share",
    "1e": "outlet_capacity",
    "1f": "wireless_terminal_rate",
    "1g": "ap_clients_p95",
    "2": "iot_gateways_up sensor_kinds_reporting",
    "3a": "server_headroom storage_usable_bytes",
    "3b": "server_headroom",
    "3c": "storage_usable_bytes",
    "4c": "classroom_use_share",
    "4e": "smart_room_concurrency",
    "4g": "smart_room_use_share",
    "5": "sensor_kinds_reporting",
    "6b": "ups_runtime_hours",
    "6c": "camera_1080p_share camera_online_share",
    "6d": "recording_retention_days",
}
MEASURABLE = {
    GENERAL: {
        **BOTH_FORMS,
        "1a": "availability wireless_coverage",
        "4f": "classroom_stream_1080p_share",
        "10": "learning_space_availability",
        "16a": "portal_availability",
        "16b": "single_sign_on_systems",
        "18": "campus_card_availability",
        "20": "data_platform_availability",
        "34c": "backup_age_days",
    },
    VOCATIONAL: {
        **BOTH_FORMS,
        "1h": "wireless_coverage",
        "7a": "broadcast_online_share broadcast_server_availability",
        "7b": "campus_tv_online_share",
        "14c": "single_sign_on_systems",
        "15a": "portal_availability",
        "15b": "single_sign_on_systems",
    },
    PROFILE: {
        "f16": "availability",
        "f17": "outlet_capacity",
        "f18": "access_points_seen",
        "f19": "wireless_coverage",
        "f20": "education_network_reachable",
        "f30": "single_sign_on_systems",
        "f32": "sensor_kinds_reporting",
        "f39": "backup_age_days",
    },
    INSPECTION: {"C20": "county_platform_registered_share"},
    DISTRICT: {
        "6a": "device_online_share",
        "6b": "backup_age_days",
        "14": "classroom_use_share",
        "16b": "availability",
        "16c": "website_availability",
        "17a": "outlet_capacity",
        "17c": "wireless_coverage",
        "18a": "licensed_computers_share",
        "18b": "protected_computers_share",
        "34": "website_posts_per_week",
    },
}
"""What a probe can measure or bound, criterion by criterion (for a form's field its item)."""

RUBRICS = {name: load_rubric(official_paths()[name]) for name in MEASURABLE}
PROBES = {name: load_probe(name) for name in probe_names()}
EMITTED = {f"{name}.{metric.name}" for name, probe in PROBES.items() for metric in probe.metrics}


def named(node: object) -> set[str]:
    """Return the indicators that a part of a rubric names."""
    return {part.indicator for _, part in walk(node) if isinstance(part, IndicatorValue)}


def terms(rubric: Rubric) -> Iterator[tuple[str, set[str]]]:
    """Yield every criterion, and every item, with its indicators."""
    for item in rubric.items():
        yield item.id, named(item)
        for criterion in criteria(item):
            yield criterion.id, named(criterion)


def criteria(item: Item) -> tuple[object, ...]:
    """Return an item's criteria, none where its rule has no such thing."""
    return tuple(getattr(item.rule, "criteria", ()) or ())


@pytest.mark.parametrize("rubric", MEASURABLE)
def test_each_measurable_criterion_names_its_indicators(rubric: str) -> None:
    """A criterion that loses its measurement, or a new one without any, shows here."""
    found: dict[str, set[str]] = {}
    for name, indicators in terms(RUBRICS[rubric]):
        found.setdefault(name, set()).update(indicators)
    lost = {
        name: wanted
        for name, text in MEASURABLE[rubric].items()
        if (wanted := set(text.split()) - found.get(name, set()))
    }
    assert lost == {}


def test_every_indicator_serves_a_criterion_and_has_a_probe() -> None:
    """Nothing is measured for nobody, and nothing is promised that no probe emits."""
    catalogue = load_indicators()
    used = set().union(*(named(item) for r in RUBRICS.values() for item in r.items()))
    assert used == set(catalogue)
    missing = {name: set(catalogue[name].series) - EMITTED for name in used}
    assert {name: series for name, series in missing.items() if series} == {}


def test_labels_that_an_indicator_asks_for_are_known_to_its_probes() -> None:
    """A label that no probe writes would match no sample, silently, for ever."""
    folder = Path(next(iter(agent.probes.__path__)))
    sources = {name: (folder / f"{name}.py").read_text(encoding="utf-8") for name in PROBES}
    asked = [
        (series.partition(".")[0], word)
        for indicator in load_indicators().values()
        for part in indicator.parts
        for series in (part.series, *part.also)
        for label in part.labels.items()
        for word in label
    ]
    assert ("services", "portal") in asked
    assert [(probe, word) for probe, word in asked if word not in sources[probe]] == []

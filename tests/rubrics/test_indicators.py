"""The indicator catalogue: complete, strict, and hashed by what it says."""

import pytest
from pydantic import ValidationError

from rubrics.indicators import (
    CATALOGUE_PATH,
    Evidence,
    catalogue_hash,
    load_indicators,
    parse_indicators,
)

# The ids outside checkers rely on.
CONTRACT_IDS = {
    "outlet_capacity",
    "backbone_link_speed",
    "desktop_port_share",
    "wireless_terminal_rate",
    "wireless_coverage",
    "ap_clients_p95",
    "server_headroom",
    "storage_usable_bytes",
    "availability",
    "website_posts_per_week",
    "device_online_share",
    "ups_runtime_hours",
    "camera_1080p_share",
    "camera_online_share",
    "recording_retention_days",
    "backup_age_days",
}
OWN_IDS = {
    "wired_access_ports",
    "iot_gateways_up",
    "sensor_kinds_reporting",
    "classroom_use_share",
    "smart_room_use_share",
    "smart_room_concurrency",
    "county_platform_registered_share",
    "education_network_reachable",
    "single_sign_on_systems",
    "portal_availability",
    "learning_space_availability",
    "campus_card_availability",
    "data_platform_availability",
    "broadcast_server_availability",
    "website_availability",
    "protected_computers_share",
    "licensed_computers_share",
    "broadcast_online_share",
    "campus_tv_online_share",
    "classroom_stream_1080p_share",
    "access_points_seen",
}
"""Shown beside an entry; no case written elsewhere needs them."""

PORTS = """
version: 1
indicators:
  port_speed:
    title: {zh: 端口速率, en: Port speed}
    unit: Mbit/s
    meaning: {zh: 最小值, en: Smallest}
    source: Q3
    parts:
      - {series: link_speed.speed_mbps, per: target, statistic: min, across: min}
    evidence: exact
"""


def test_every_contract_id_is_defined() -> None:
    """A case file written elsewhere finds each of its indicators here, and no others exist."""
    assert set(load_indicators()) == CONTRACT_IDS | OWN_IDS


def test_outlet_capacity_is_a_lower_bound_voided_by_what_is_no_rate_of_the_line() -> None:
    """The catalogue keeps a test over loopback, or of burst credit, from proving an outlet."""
    outlet = load_indicators()["outlet_capacity"]
    assert outlet.evidence is Evidence.LOWER_BOUND
    assert outlet.void_when == ("same_host", "burst")
    assert (outlet.sufficiency.samples, outlet.sufficiency.days) == (10, 5)
    assert outlet.series == ("outlet_bandwidth.download_line_rate_mbps",)


def test_weights_count_as_source_series() -> None:
    """A probe that stops yielding a weight is noticed, because the weight is a source too."""
    assert "server_headroom.cpu_count" in load_indicators()["server_headroom"].series


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (("unit: Mbit/s", "unit: Mbit/s\n    units: Mbit/s"), "units"),
        (("statistic: min", "statistic: p42"), "statistic"),
        (("across: min", "across: weighted_mean"), "weight"),
        (("across: min", "across: share_at_least"), "at_least"),
        (
            ("evidence: exact", "evidence: exact\n    sufficiency: {coverage: 0.8}"),
            "expected_every_s",
        ),
        (("evidence: exact", "evidence: exact\n    sufficiency: {coverage: '0.8'}"), "coverage"),
        (("evidence: exact", "evidence: exact\n    combine: max"), "combine"),
        (("evidence: exact", "evidence: exact\n    always_limited_by: [x]"), "lower_bound"),
        (("link_speed.speed_mbps", "speed_mbps"), "series"),
    ],
)
def test_a_slip_in_the_catalogue_is_refused(wrong: tuple[str, str], complaint: str) -> None:
    """An unknown field, an unknown word or a missing operand names itself in the error."""
    assert parse_indicators(PORTS)["port_speed"].unit == "Mbit/s"
    with pytest.raises(ValidationError, match=complaint):
        parse_indicators(PORTS.replace(*wrong))


def test_the_hash_follows_the_meaning_and_not_the_layout() -> None:
    """Comments and order of the file change nothing; a changed threshold does."""
    text = CATALOGUE_PATH.read_text(encoding="utf-8")
    pinned = catalogue_hash(load_indicators())
    assert catalogue_hash(parse_indicators("# a comment\n" + text)) == pinned
    reversed_order = dict(reversed(list(load_indicators().items())))
    assert catalogue_hash(reversed_order) == pinned
    changed = text.replace(
        "sufficiency: {samples: 10, days: 5}", "sufficiency: {samples: 9, days: 5}", 1
    )
    assert catalogue_hash(parse_indicators(changed)) != pinned

"""`check`: what a host can prove, from a real rubric's criteria down to the readings it took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.config import load_settings
from agent.readiness import IndicatorReadiness, Readiness, judge_criteria, judge_indicator
from agent.reading import Outcome, Reading
from agent.settings import ProbePlan
from rubrics.indicators import IndicatorDefinition, load_indicators
from rubrics.loader import parse_rubric
from rubrics.reasons import load_reasons

CATALOGUE: Mapping[str, IndicatorDefinition] = load_indicators()
RUBRIC = """
id: lab
version: "1"
title: 试验细则
authority: 试验
source: {document: 试验}
sections:
  - id: A
    title: 网络
    items:
      - id: "1"
        text: 出口与主干
        rule:
          type: meets
          criteria:
            - id: 1a
              title: 主干千兆
              when:
                value: {indicator: backbone_link_speed}
                ge: {value: 1000, unit: Mbit/s}
            - id: 1b
              title: 可用率
              when:
                value: {indicator: availability}
                ge: {value: 99, unit: percent}
            - id: 1c
              title: 有制度
"""


def judge(
    indicator: str,
    *readings: Reading,
    plans: Mapping[str, ProbePlan] | None = None,
    enrolled: bool = False,
) -> IndicatorReadiness:
    """Judge one indicator of the real catalogue."""
    found = load_settings(None, {}).probes if plans is None else plans
    return judge_indicator(CATALOGUE[indicator], found, readings, enrolled=enrolled)


def speed(role: str | None, value: float | None = 1000.0) -> Reading:
    """Return a reading of link_speed."""
    return Reading(
        "link_speed",
        "eth0",
        datetime.now(UTC),
        Outcome.FAILED if value is None else Outcome.OK,
        reason="link_speed_unknown" if value is None else None,
        values={} if value is None else {"speed_mbps": value},
        labels={"role": role} if role else {},
    )


def test_reading_with_the_right_label_makes_it_ready() -> None:
    """A link marked as backbone feeds the backbone's indicator."""
    assert judge("backbone_link_speed", speed("backbone")).readiness is Readiness.READY


def test_a_switch_may_stand_in_for_a_host(tmp_path: Path) -> None:
    """A backbone seen over SNMP needs no host on it; the switch is asked in its own time."""
    config = tmp_path / "agent.toml"
    config.write_text(
        '[probes.switch_links]\ndevices = [{ name = "core", address = "192.0.2.1" }]\n'
    )
    plans = load_settings(config, {}).probes
    found = judge("backbone_link_speed", speed(None), plans=plans, enrolled=True)
    assert (found.readiness, found.detail) == (Readiness.LATER, "switch_links")
    assert judge("backbone_link_speed", speed("backbone"), plans=plans).readiness is Readiness.READY


def test_a_probe_without_a_device_names_what_to_set() -> None:
    """Nothing is asked over SNMP until a device is named, and `check` says where."""
    found = judge("ups_runtime_hours", enrolled=True)
    assert (found.readiness, found.reason) == (Readiness.MISSING, "snmp_no_device")
    assert found.detail == "[probes.ups_snmp]"


def test_missing_label_names_the_setting() -> None:
    """A link without a role is not counted, and the person is told where to mark it."""
    found = judge("backbone_link_speed", speed(None), speed("desktop"))
    assert (found.readiness, found.reason) == (Readiness.MISSING, "label_not_set")
    assert "[probes.link_speed] role=backbone" in found.detail


def test_failed_reading_gives_its_own_reason() -> None:
    """What the probe says it lacks is what the person reads."""
    found = judge("backbone_link_speed", speed(None, None))
    assert (found.reason, found.detail) == ("link_speed_unknown", "link_speed/eth0")


def test_heavy_probe_needs_enrolment_and_then_time() -> None:
    """The outlet test is not run by check: before enrolment it is missing, later it comes.

    A heavy probe that asks the bureau for no slot waits for none.
    """
    assert judge("outlet_capacity").reason == "not_enrolled"
    assert judge("licensed_computers_share").reason == "probe_runs_later"
    later = judge("outlet_capacity", enrolled=True)
    assert (later.readiness, later.reason) == (Readiness.LATER, "probe_runs_later")


def test_disabled_and_planned_probes_are_told_apart() -> None:
    """Switched off is the school's doing; planned is the release's."""
    plans = load_settings(None, {"CAMPUSGAUGE_AGENT_PROBES_LINK_SPEED_ENABLED": "false"}).probes
    assert judge("backbone_link_speed", plans=plans).reason == "probe_disabled"
    planned = [name for name, one in CATALOGUE.items() if one.probe == "planned"]
    assert all(judge(name).reason == "probe_planned" for name in planned)


def test_silent_probe_is_not_taken_for_ready() -> None:
    """No reading at all is an obstacle with advice."""
    assert judge("availability").reason == "probe_gave_nothing"


@pytest.mark.parametrize("indicator", sorted(CATALOGUE))
def test_every_obstacle_has_a_sentence(indicator: str) -> None:
    """Whatever is missing, there is a sentence in both languages that says what to do."""
    for enrolled in (False, True):
        reason = judge(indicator, enrolled=enrolled).reason
        assert reason is None or load_reasons()[reason].zh


def test_criterion_is_as_ready_as_its_worst_indicator() -> None:
    """Criteria without an indicator are for people; the others follow their indicators."""
    rubric = parse_rubric(RUBRIC)
    states = {
        "backbone_link_speed": IndicatorReadiness("backbone_link_speed", Readiness.READY),
        "availability": IndicatorReadiness("availability", Readiness.MISSING, "probe_disabled"),
    }
    found = {one.criterion: one.readiness for one in judge_criteria(rubric, states)}
    assert found == {
        "1a": Readiness.READY,
        "1b": Readiness.MISSING,
        "1c": Readiness.BY_PEOPLE,
    }


@pytest.fixture
def closed_lan(tmp_path: Path) -> Path:
    """Return settings whose anchors are on loopback, so that nothing leaves the host."""
    path = tmp_path / "agent.toml"
    anchors = ", ".join(
        f'{{ name = "a{n}", kind = "tcp", host = "127.0.0.1", port = 1 }}' for n in range(3)
    )
    path.write_text(
        f'[probes.anchors]\nanchors = [{anchors}]\ngateway = "127.0.0.1"\nanswer_within_s = 0.2\n'
    )
    return path


def test_command_judges_this_host_offline(
    closed_lan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a real host, not enrolled: one JSON document that tells ready from missing."""
    rubric = tmp_path / "lab.yaml"
    rubric.write_text(RUBRIC, encoding="utf-8")
    words = [
        "check",
        "--rubric",
        str(rubric),
        "--config",
        str(closed_lan),
        "--state",
        str(tmp_path),
    ]
    assert main([*words, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["enrolled"] is False
    states = {one["indicator"]: one for one in document["indicators"]}
    assert set(states) == set(CATALOGUE)
    assert states["server_headroom"]["readiness"] == "ready"
    assert states["outlet_capacity"]["reason"] == "not_enrolled"
    assert states["outlet_capacity"]["what_to_do"]["zh"]
    assert document["rubrics"][0]["counts"]["by_people"] == 1
    assert main(words) == 0
    table = capsys.readouterr().out
    assert "试验细则 (lab)" in table
    assert "主干千兆" in table


def test_unknown_rubric_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A rubric that does not exist exits with 2 and lists those there are."""
    assert main(["check", "--rubric", "no-such"]) == 2
    assert "zhongxian-inspection" in capsys.readouterr().err

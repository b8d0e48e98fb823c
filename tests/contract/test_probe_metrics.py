"""What probes declare, yield and give as reasons fits the catalogue and the list of reasons."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.probes import load_probe, probe_names
from agent.probes.anchors import Anchor, AnchorKind, AnchorsSettings
from agent.probes.base import Context, Cost, Metric, Probe
from agent.probes.services import Service, ServiceKind, ServicesSettings
from agent.probes.wireless_survey import WirelessSurveySettings
from agent.reading import Outcome
from rubrics.indicators import Part, Statistic, load_indicators
from rubrics.reasons import load_reasons

UNIT_OF_SUFFIX = {
    "bytes": "B",
    "count": "count",
    "db": "dB",
    "dbm": "dBm",
    "days": "d",
    "hours": "h",
    "mbps": "Mbit/s",
    "pixels": "px",
    "ms": "ms",
    "percent": "percent",
    "ratio": "ratio",
    "s": "s",
    "terminals": "terminals",
    "week": "posts/week",
}
"""The last word of a metric's name is its unit; a name without one is a yes or no."""
LOOPBACK_ONLY = {
    "anchors": AnchorsSettings(
        anchors=tuple(Anchor(f"a{n}", AnchorKind.TCP, "127.0.0.1", 9) for n in range(3)),
        gateway="127.0.0.1",
        answer_within_s=0.2,
    ),
    "services": ServicesSettings(
        services=(Service(name="s", kind=ServiceKind.TCP, host="127.0.0.1", port=9),),
        answer_within_s=0.2,
    ),
    "wireless_survey": WirelessSurveySettings(own_ssids=("campus",), point="教学楼-301"),
}
"""Settings that keep a probe's packets on this host."""

probes = [load_probe(name) for name in probe_names()]
light_probes = [probe for probe in probes if probe.cost is Cost.LIGHT]
series = {f"{probe.name}.{metric.name}": metric for probe in probes for metric in probe.metrics}
present = [d for d in load_indicators().values() if d.probe == "present"]
planned = [d for d in load_indicators().values() if d.probe == "planned"]


def by_name(thing: Any) -> str:
    """Name a probe, metric or indicator in test ids."""
    return str(getattr(thing, "name", None) or getattr(thing, "id", thing))


@pytest.mark.parametrize("probe", probes, ids=by_name)
def test_metric_names_end_in_their_unit(probe: Probe[Any]) -> None:
    """Nobody has to look up what a number means."""
    assert probe.metrics
    assert len({metric.name for metric in probe.metrics}) == len(probe.metrics)
    for metric in probe.metrics:
        assert metric.unit == UNIT_OF_SUFFIX.get(metric.name.rpartition("_")[2], "bool"), metric
        assert metric.meaning[0].isupper(), metric
        assert not metric.meaning.endswith("."), metric


@pytest.mark.parametrize("probe", light_probes, ids=by_name)
def test_a_real_run_yields_what_is_declared(probe: Probe[Any], tmp_path: Path) -> None:
    """On this very host: declared values only, known reasons, never silence, twice in a row."""
    settings = LOOPBACK_ONLY.get(probe.name, probe.settings_type())
    context = Context(state_dir=tmp_path)
    readings = [*probe.collect(settings, context), *probe.collect(settings, context)]
    assert readings
    for reading in readings:
        assert reading.probe == probe.name
        assert reading.values.keys() <= {metric.name for metric in probe.metrics}
        assert reading.reason is None or reading.reason in load_reasons()
        assert reading.values.keys() == set() or reading.outcome in (Outcome.OK, Outcome.LIMITED)
        for name, value in reading.values.items():
            assert value >= 0, (reading.target, name)
            assert not name.endswith("_ratio") or value <= 1, (reading.target, name)


@pytest.mark.parametrize("indicator", present, ids=by_name)
def test_indicators_are_computed_from_series_that_exist(indicator: Any) -> None:
    """A renamed metric must not silently leave an indicator without data."""
    for part in indicator.parts:
        assert part.series in series
        assert part.weight is None or part.weight in series
        for source in part.by_source():
            assert unit_of(part, series[source.series]) == indicator.unit


def test_planned_indicators_have_no_probe_yet() -> None:
    """Once the probe is there, the catalogue has to say so."""
    assert [d.id for d in planned if any(part.series in series for part in d.parts)] == []


def unit_of(part: Part, metric: Metric) -> str:
    """Return the unit of one part of an indicator."""
    if part.across.is_share or part.statistic is Statistic.UP_RATIO:
        return "ratio"
    means = (Statistic.MEAN, Statistic.MEDIAN_OF_DAILY_MEAN)
    if metric.unit == "bool" and part.statistic in means:
        return "ratio"
    return metric.unit


def test_every_reason_in_the_agent_has_a_sentence() -> None:
    """A code without a sentence would reach a headmaster as a code."""
    package = Path(next(iter(agent.__path__)))
    trees = {p: ast.parse(p.read_text(encoding="utf-8")) for p in package.rglob("*.py")}
    named = {name: text for tree in trees.values() for name, text in constants(tree)}
    used = {code: path.name for path, tree in trees.items() for code in reason_codes(tree, named)}
    # The scan itself must see each way of writing a code, or it proves nothing.
    assert {
        "unsupported_system",
        "lan_down",
        "anchor_timeout",
        "lag_member_down",
        "not_enrolled",
        "sso_nothing_seen",
        "sensor_platform_unread",
        "signatures_unknown",
        "broadcast_terminals_not_named",
        "services_not_named",
    } <= used.keys()
    assert {c: f for c, f in used.items() if c not in load_reasons()} == {}


def test_every_cause_of_the_catalogue_has_a_sentence() -> None:
    """A finding names what held an indicator back as `limited_by_…`; void samples name it too."""
    causes = {
        cause
        for indicator in load_indicators().values()
        for cause in (
            *indicator.void_when,
            *indicator.always_limited_by,
            *(indicator.census.causes if indicator.census else ()),
        )
    }
    assert "seats_not_filled" in causes
    for cause in causes:
        for code in (cause, f"limited_by_{cause}"):
            assert load_reasons()[code].zh, code
            assert load_reasons()[code].en, code


def constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the module-level names that stand for one text."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                yield name, text


def reason_codes(tree: ast.Module, named: dict[str, str]) -> Iterator[str]:
    """Yield the codes that a module writes, whichever way; its own constants come first."""
    known = {**named, **dict(constants(tree))}
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="reason", value=value):
                yield from texts(value, known)
            case ast.keyword(arg="limited_by", value=value):
                yield from limits(value, known)
            case ast.Call(func=ast.Name(id="ProbeError" | "TroubleError"), args=[code, *_]):
                yield from texts(code, known)
            case ast.Assign(
                targets=[ast.Attribute(attr="failure")], value=ast.Tuple(elts=[code, *_])
            ):
                yield from texts(code, known)
            case ast.Assign(
                targets=[ast.Tuple(elts=[ast.Name(id="reason"), *_])],
                value=ast.Tuple(elts=parts),
            ):
                yield from itertools.chain.from_iterable(texts(part, known) for part in parts)
            case ast.FunctionDef(name="idle_reason", body=body):
                yield from returned(body, known)
            case ast.Tuple(elts=parts) | ast.Call(args=parts):
                yield from after_an_outcome(parts, known)


def returned(body: list[ast.stmt], known: dict[str, str]) -> Iterator[str]:
    """Yield the codes that a function returns."""
    for node in (inner for statement in body for inner in ast.walk(statement)):
        match node:
            case ast.Return(value=ast.expr() as value):
                yield from texts(value, known)


def limits(value: ast.expr, known: dict[str, str]) -> Iterator[str]:
    """Yield the causes of a tuple, both branches of a condition included."""
    match value:
        case ast.Tuple(elts=parts):
            yield from itertools.chain.from_iterable(texts(part, known) for part in parts)
        case ast.IfExp(body=body, orelse=orelse):
            yield from limits(body, known)
            yield from limits(orelse, known)


def after_an_outcome(parts: list[ast.expr], known: dict[str, str]) -> Iterator[str]:
    """Yield what directly follows an outcome in a tuple or among arguments: its reason."""
    for before, code in itertools.pairwise(parts):
        match before:
            case ast.Attribute(value=ast.Name(id="Outcome")):
                yield from texts(code, known)


def texts(value: ast.expr, known: dict[str, str]) -> Iterator[str]:
    """Yield the texts an expression may stand for, both branches of a condition included."""
    match value:
        case ast.Constant(value=str(code)) if code:
            yield code
        case ast.Name(id=name) if name.isupper() and name in known:
            yield known[name]
        case ast.IfExp(body=body, orelse=orelse):
            yield from texts(body, known)
            yield from texts(orelse, known)

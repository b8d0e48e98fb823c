"""Dashboards and rules ask only for what this project exports, and Prometheus accepts them."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from agent.exposition import push_families, spool_families
from agent.probes import load_probe, probe_names
from agent.pusher import PushState
from agent.spool import SpoolCounts
from collector.ingest.metrics import IngestMetrics

DASHBOARDS = Path(__file__).resolve().parents[2] / "dashboards"
RULES = DASHBOARDS / "prometheus" / "campusgauge.rules.yml"
BOARDS = sorted((DASHBOARDS / "grafana").glob("*.json"))
METRIC = re.compile(r"campusgauge_[a-z0-9_]+")


@pytest.fixture(scope="module")
def exported() -> frozenset[str]:
    """Return every metric name that the agent's page and the collector's /metrics can show."""
    names = {
        f"campusgauge_{name}_{metric.name}"
        for name in probe_names()
        for metric in load_probe(name).metrics
    }
    counts = SpoolCounts(0, 0, 0, 0, 0, 0, None)
    names |= {family.name for family in spool_families(counts)}
    names |= {f.name for f in push_families(PushState(last_success=datetime.now(UTC)))}
    registry = CollectorRegistry()
    IngestMetrics(registry)
    for metric in registry.collect():
        names |= {metric.name, f"{metric.name}_total"}
    return frozenset(names)


def queries(board: Any) -> list[str]:
    """Return every query of a Grafana board."""
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_boards_ask_for_exported_metrics(path: Path, exported: frozenset[str]) -> None:
    """No panel stays empty because a metric was renamed."""
    board = json.loads(path.read_text(encoding="utf-8"))
    asked = [name for query in queries(board) for name in METRIC.findall(query)]
    assert len(asked) >= len(board["panels"])
    assert set(asked) <= exported
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_rules_ask_for_exported_metrics(exported: frozenset[str]) -> None:
    """No alert stays silent because a metric was renamed; each says what to do."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules
    for rule in rules:
        asked = set(METRIC.findall(rule["expr"]))
        assert asked
        assert asked <= exported, rule["alert"]
        assert rule["annotations"]["description"]


def test_prometheus_accepts_the_rules() -> None:
    """Promtool of the real Prometheus reads the file."""
    done = subprocess.run(
        ["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""A line too slow for its school, measured for real: what limited the test decides the score.

Engine, probe, wire, collector, indicator and rubric, over lines in network namespaces. The school
of 1290 heads needs 660 Mbit/s and the line has 100, except where the text says so.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from collector.scoring.service import ScoringService
from rubrics.loader import load_rubric, official_paths

pytestmark = pytest.mark.root
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
RUBRIC = "zhongxian-smart-campus-general"
RUBRICS = {RUBRIC: load_rubric(official_paths()[RUBRIC])}
MEASURE = """
import json, sys
from agent.bandwidth.backends import measure_with
from agent.bandwidth.backends.base import Request
from agent.bandwidth.bounds import Caps, Direction
from agent.bandwidth.link_counters import InterfaceCounters
from agent.probes.base import Context
from agent.probes.outlet_bandwidth import OutletBandwidth
from agent.slots import Occasion
from agent.wire import reading_fields
seconds, second_source, interface = json.loads(sys.argv[1])
result = measure_with("builtin", Request(
    "http://10.77.2.2:8989", (Direction.DOWNLOAD,), Caps(max_seconds=seconds),
    second_source=second_source, link=InterfaceCounters(interface) if interface else None,
))
reading = OutletBandwidth().report("default", result, Context(), Occasion.PLANNED, 0.0)
print(json.dumps(reading_fields(reading)))
"""


@pytest.fixture(scope="module")
def causes() -> Iterator[ModuleType]:
    """Yield the benchmark's conditions."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location(
            "bandwidth_causes", BENCHMARKS / "bandwidth_causes.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["bandwidth_causes"] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))


def measure(causes: ModuleType, name: str, seconds: float) -> dict[str, Any]:
    """Run the real engine under one condition; return the reading as the wire carries it."""
    condition = causes.CONDITIONS[name]
    options = dict(zip(condition.options[::2], condition.options[1::2], strict=True))
    asked = [seconds, options.get("--second-source"), options.get("--outlet-interface")]
    command = [sys.executable, "-c", MEASURE, json.dumps(asked)]
    if condition.wrapper:
        command = ["sh", "-c", condition.wrapper, "sh", *command]
    with causes.lab(condition.link) as made:
        causes.serve(made, condition)
        place = made.gateway if condition.on_gateway else made.client
        with condition.disturbed(made):
            done = subprocess.run(
                place(*command), capture_output=True, text=True, check=False, timeout=60
            )
    assert done.returncode == 0, done.stderr
    fields: dict[str, Any] = json.loads(done.stdout)
    return fields


def finding(county: Any, golden: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Push the reading as if it had come on twelve days, and return what 1e says."""
    golden["readings"] = [
        {
            **fields,
            "sequence": 2000 + day,
            "time": (county.clock() - timedelta(days=11 - day, minutes=1)).isoformat(),
        }
        for day in range(12)
    ]
    answer = county.push(golden)
    assert answer.status_code == 200, answer.text
    county.wait_applied()
    service = ScoringService(county.records, county.series, RUBRICS)
    sheet = json.loads(service.score("zx-001", RUBRIC, county.clock()).sheet_json)
    found: dict[str, Any] = next(
        one for one in sheet["items"]["1"]["findings"] if one["id"] == "1e"
    )
    return found


@pytest.mark.parametrize(
    ("name", "seconds", "cause"),
    [
        ("connection", 12.0, "per_ip_limit"),
        ("own udp", 4.0, "cross_traffic"),
        ("burst", 1.0, "burst"),
        ("unstable", 4.0, "unstable"),
        ("wifi", 2.0, "wifi"),
        ("nic", 2.0, "nic"),
        ("server's port", 2.0, "server"),
    ],
)
def test_a_limited_test_is_never_a_failed_line(
    causes: ModuleType, county: Any, golden: dict[str, Any], name: str, seconds: float, cause: str
) -> None:
    """Much too slow, but not for certain the line's fault: insufficient, and the cause is told."""
    fields = measure(causes, name, seconds)
    assert cause in fields["limited_by"]
    assert fields["outcome"] == "limited"
    assert fields["values"]["download_line_rate_mbps"] < 660
    assert finding(county, golden, fields)["result"] == "insufficient"


def test_a_full_line_that_is_too_slow_fails(
    causes: ModuleType, county: Any, golden: dict[str, Any]
) -> None:
    """Nothing but the line limited: not met."""
    fields = measure(causes, "line", 20.0)
    assert fields["outcome"] == "ok"
    assert finding(county, golden, fields)["result"] == "not_met"


def test_counters_of_the_line_make_other_traffic_no_excuse(
    causes: ModuleType, county: Any, golden: dict[str, Any]
) -> None:
    """30 of 100 Mbit/s are others': the line still has 100, for certain, and that is too little."""
    fields = measure(causes, "neighbour's udp, counted", 20.0)
    assert fields["values"]["download_line_rate_mbps"] == pytest.approx(100.0, rel=0.01)
    assert fields["values"]["download_cross_traffic_mbps"] == pytest.approx(30.9, abs=1.0)
    assert (fields["outcome"], fields["limited_by"]) == ("ok", [])
    assert finding(county, golden, fields)["result"] == "not_met"


def test_a_line_that_is_fast_enough_is_met(
    causes: ModuleType, county: Any, golden: dict[str, Any]
) -> None:
    """700 Mbit/s for 660.48."""
    causes.CONDITIONS["fast"] = causes.Condition("line", causes.Link(700, 700))
    fields = measure(causes, "fast", 8.0)
    assert fields["values"]["download_line_rate_mbps"] == pytest.approx(700.0, rel=0.01)
    assert finding(county, golden, fields)["result"] == "met"

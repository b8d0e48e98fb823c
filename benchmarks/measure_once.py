"""Measure one direction of a line as if for the first time; print what came of it as JSON.

    python benchmarks/measure_once.py '{"server": "http://10.77.2.2:8989", "direction": "download"}'

Also: `seconds` at most, `second_source` on the same line, `interface` of this host that counts the
whole outlet, or `snmp`: address, UDP port and port name of the device that does (community
`public`). Printed are `result` (as `bandwidth --format json`), `reading` (as it is pushed) and
`ended_s`, on this host's monotonic clock, of a download; or `error`. In both cases also
`waited_ratio`: for which part of the whole measurement, pauses and questions included, the process
was ready to run and had no core, by the kernel's account.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from agent.bandwidth.backends import measure_with
from agent.bandwidth.backends.base import Request
from agent.bandwidth.bounds import Caps, Direction
from agent.bandwidth.errors import MeasurementError
from agent.bandwidth.link_counters import InterfaceCounters, LinkCounters
from agent.bandwidth.slices import Slice
from agent.probes.base import Context
from agent.probes.outlet_bandwidth import OutletBandwidth
from agent.slots import Occasion
from agent.snmp.settings import AskSettings, Device
from agent.wire import reading_fields


def main() -> int:
    """Measure and print; 1 without a rate."""
    asked = json.loads(sys.argv[1])
    ended: dict[str, float] = {}

    def note(direction: str, slices: list[Slice]) -> None:
        ended[direction] = slices[-1].t_s

    began_s, had_waited_s = time.monotonic(), _waited_s()
    try:
        answer = _measure(asked, note) | {"ended_s": ended.get(asked["direction"])}
    except MeasurementError as error:
        answer = {"error": error.reason, "detail": error.detail}
    waited_s = _waited_s() - had_waited_s
    print(json.dumps(answer | {"waited_ratio": waited_s / (time.monotonic() - began_s)}))
    return 1 if "error" in answer else 0


def _waited_s() -> float:
    return int(Path("/proc/self/schedstat").read_text().split()[1]) * 1e-9


def _measure(asked: dict[str, Any], note: Any) -> dict[str, Any]:
    result = measure_with("builtin", Request(
        asked["server"],
        (Direction(asked["direction"]),),
        Caps(max_seconds=asked.get("seconds", Caps().max_seconds)),
        second_source=asked.get("second_source"),
        link=_counters(asked),
        progress=note,
    ))  # fmt: skip
    reading = OutletBandwidth().report("default", result, Context(), Occasion.PLANNED, 0.0)
    return {"result": result.as_json(), "reading": reading_fields(reading)}


def _counters(asked: dict[str, Any]) -> LinkCounters | None:
    if "snmp" in asked:
        from agent.bandwidth.outlet_device import DeviceCounters  # imports pysnmp

        address, udp_port, port = asked["snmp"]
        device = Device(name="gateway", address=address, port=udp_port)
        return DeviceCounters(device, port, AskSettings(community="public"))
    return InterfaceCounters(asked["interface"]) if "interface" in asked else None


if __name__ == "__main__":
    sys.exit(main())

"""One run of one probe -> readings, whatever the probe does. Every failure becomes a reading."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from agent.child import ChildResult, Ending, run_child
from agent.probes.base import Context, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.settings import ChildSettings, ProbePlan
from agent.wire import ReadingTooLargeError, encode_reading, reading_from_fields

MAX_READINGS = 2000
"""More from one run is a flood: the rest is left out, and a reading says so."""


def failure(
    probe: str, reason: str, now: datetime, target: str = "host", **details: Json
) -> Reading:
    """Return the reading that says why there is nothing."""
    return Reading(
        probe=probe,
        target=target,
        time=now,
        outcome=Outcome.FAILED,
        reason=reason,
        details=details,
    )


def run_in_process(probe: Probe[Any], plan: ProbePlan, context: Context) -> list[Reading]:
    """Run a probe here and return its readings; never raises for what the probe does."""
    readings: list[Reading] = []
    try:
        found = islice(probe.collect(plan.own, context), MAX_READINGS)
        readings.extend(_checked(probe.name, reading, context.now) for reading in found)
        if len(readings) == MAX_READINGS:
            readings.append(failure(probe.name, "probe_flooded", context.now()))
    except ProbeError as error:
        readings.append(
            Reading(
                probe=probe.name,
                target=error.target,
                time=context.now(),
                outcome=error.outcome,
                reason=error.reason,
                details={"detail": error.detail} if error.detail else {},
            )
        )
    except MemoryError:
        readings.append(failure(probe.name, "probe_out_of_memory", context.now()))
    except Exception as error:  # noqa: BLE001 - a probe may break in any way; others go on
        readings.append(
            failure(
                probe.name,
                "probe_crashed",
                context.now(),
                error=f"{type(error).__name__}: {error}"[:500],
                trace="".join(traceback.format_tb(error.__traceback__)[-3:]),
            )
        )
    return readings


def _checked(probe: str, reading: Reading, now: Callable[[], datetime]) -> Reading:
    """Return the reading, or the reading that says why it cannot be kept."""
    if reading.probe != probe:
        return failure(probe, "probe_crashed", now(), error=f"yielded for {reading.probe}")
    try:
        encode_reading(reading)
    except ReadingTooLargeError:
        return failure(probe, "probe_flooded", now(), reading.target)
    except (TypeError, ValueError) as error:
        return failure(probe, "probe_crashed", now(), reading.target, error=str(error)[:500])
    return reading


def run_in_child(
    plan: ProbePlan,
    command: Sequence[str],
    limits: ChildSettings,
    *,
    now: Callable[[], datetime],
    stop: threading.Event,
) -> list[Reading]:
    """Run a probe in a child process and return its readings; never raises for what it does."""
    try:
        result = run_child(
            command, timeout_s=plan.timeout_s, output_bytes=limits.output_bytes, stop=stop
        )
    except OSError as error:
        return [failure(plan.probe, "probe_not_started", now(), error=str(error))]
    readings, unreadable = parse_lines(plan.probe, result.output.splitlines())
    reason = _trouble(result, unreadable)
    if reason is not None:
        readings.append(
            failure(
                plan.probe,
                reason,
                now(),
                exit_code=result.exit_code,
                errors=result.errors[-1000:],
                unreadable_lines=unreadable,
            )
        )
    return readings


def _trouble(result: ChildResult, unreadable: int) -> str | None:
    if result.ending is not Ending.EXITED:
        return f"probe_{result.ending}"
    if result.exit_code != 0:
        return "probe_crashed"
    return "probe_output_unreadable" if unreadable else None


def parse_lines(probe: str, lines: Iterable[bytes]) -> tuple[list[Reading], int]:
    """Return the readings in a child's output, and how many lines were none. Pure."""
    readings: list[Reading] = []
    unreadable = 0
    for line in islice(lines, MAX_READINGS):
        try:
            reading = reading_from_fields(json.loads(line))
        except ValueError:
            unreadable += 1
            continue
        if reading.probe == probe:
            readings.append(reading)
        else:
            unreadable += 1
    return readings, unreadable

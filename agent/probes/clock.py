"""Probe `clock`: how far this host's clock is off.

What: the difference to each time server and to the bureau's collector, and whether the system says
that it is synchronized.

Rights: none.

Settings: `servers`, each with `name`, `address` and `port` (NTP, UDP 123); `answer_within_s`. None
is built in: without servers only the collector is compared, and before enrolment nothing is.

Metrics: see `Clock.metrics`. Targets: the servers' names, `collector`, and `host`.

What makes it invalid: a server that has no time itself, an answer to another question. The
comparison with the collector is right within half its round trip.

Evidence kept: the signed offset (positive: this host is behind), stratum, what the system said.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from agent.probes.base import CollectorAccess, Context, Cost, Metric, Probe, ProbeError
from agent.reading import Json, Outcome, Reading
from agent.trouble import TroubleError

COLLECTOR, HOST = "collector", "host"
TOLERANCE = timedelta(seconds=60)
"""Readings that are further off in time are marked by the collector's rules (domain §2.1)."""
_MS = timedelta(milliseconds=1)
_STATUS_WITHIN_S = 3.0
_STATUS_COMMANDS = (
    ("timedatectl", "show", "--property=NTPSynchronized", "--value"),
    ("chronyc", "-c", "-n", "tracking"),
)


@dataclass(frozen=True, kw_only=True)
class TimeServer:
    """One time server."""

    name: str
    address: str
    port: int = 123

    def __post_init__(self) -> None:
        if not self.name or not self.address or self.name in {COLLECTOR, HOST}:
            raise ValueError(
                "a time server needs an address, and a name other than collector, host"
            )
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port must be between 1 and 65535, not {self.port}")


@dataclass(frozen=True, kw_only=True)
class ClockSettings:
    """See the module's text."""

    servers: tuple[TimeServer, ...] = ()
    answer_within_s: float = 2.0

    def __post_init__(self) -> None:
        names = [server.name for server in self.servers]
        if len(set(names)) != len(names):
            raise ValueError("every time server needs a name of its own")
        if len(names) > 8:
            raise ValueError("at most 8 time servers")
        if not 0.1 <= self.answer_within_s <= 5:
            raise ValueError("answer_within_s must be between 0.1 and 5")


class Clock(Probe[ClockSettings]):
    """Offsets of this host's clock."""

    name = "clock"
    title = "时钟"
    interval_s = 3600.0
    timeout_s = 60.0
    cost = Cost.HEAVY
    settings_type = ClockSettings
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("off_by_ms", "ms", "How far this host's clock is off, either way"),
        Metric("round_trip_ms", "ms", "Round trip of the question"),
        Metric("synchronized", "bool", "Whether the system says that its clock is synchronized"),
    )

    def collect(self, settings: ClockSettings, context: Context) -> Iterable[Reading]:
        """Yield one reading for each reference, and one for what the system says.

        Raises ProbeError `clock_no_reference`.
        """
        from agent.system.sntp import ask_time

        if not settings.servers and context.collector is None:
            raise ProbeError("clock_no_reference", outcome=Outcome.SKIPPED)
        for server in settings.servers:
            try:
                found = ask_time(server.address, server.port, settings.answer_within_s, context.now)
            except TroubleError as error:
                yield _failure(server.name, error, context)
                continue
            evidence: dict[str, Json] = {"stratum": found.stratum, "reference": found.reference}
            yield _offset(server.name, found.offset, found.round_trip, evidence, context)
        if context.collector is not None:
            yield from _compare(context.collector, settings.answer_within_s, context)
        yield from _system_says(context)


def _compare(access: CollectorAccess, within_s: float, context: Context) -> Iterator[Reading]:
    """Yield the difference to the collector's clock."""
    from agent.collector_client import CollectorClient

    client = CollectorClient(access, timeout_s=max(within_s, 5.0))
    try:
        client.get("/api/v1/agent/settings")  # connects; the second answer comes without that
        sent = context.now()
        answer = client.get("/api/v1/agent/settings")
        received = context.now()
        told = datetime.fromisoformat(str(answer.json()["server_time"]))
        offset = told - (sent + (received - sent) / 2)
    except (ValueError, KeyError, TypeError) as error:
        trouble = TroubleError("clock_collector_silent", f"{answer.status} {answer.error} {error}")
        yield _failure(COLLECTOR, trouble, context)
        return
    finally:
        client.close()
    yield _offset(COLLECTOR, offset, received - sent, {}, context)


def _system_says(context: Context) -> Iterator[Reading]:
    for command in _STATUS_COMMANDS:
        if shutil.which(command[0]) is None:
            continue
        try:
            done = subprocess.run(  # noqa: S603 - from the table above
                command, capture_output=True, timeout=_STATUS_WITHIN_S, check=False, text=True
            )
        except (subprocess.TimeoutExpired, OSError):
            continue
        said = is_synchronized(command[0], done.stdout) if done.returncode == 0 else None
        if said is not None:
            yield Reading(
                probe=Clock.name,
                target=HOST,
                time=context.now(),
                outcome=Outcome.OK,
                reason=None if said else "clock_not_synchronized",
                values={"synchronized": float(said)},
                details={"command": " ".join(command), "said": done.stdout.strip()[:300]},
            )
            return


def is_synchronized(program: str, output: str) -> bool | None:
    """Return what timedatectl or chronyc said, None where it said nothing known. Pure."""
    if program == "timedatectl":
        return {"yes": True, "no": False}.get(output.strip())
    fields = output.strip().split(",")  # reference, name, stratum, … , leap status
    known = {"Normal": True, "Insert second": True, "Delete second": True}
    if len(fields) != 14:
        return None
    return known.get(fields[-1], False)


def _offset(
    target: str,
    offset: timedelta,
    round_trip: timedelta,
    evidence: dict[str, Json],
    context: Context,
) -> Reading:
    return Reading(
        probe=Clock.name,
        target=target,
        time=context.now(),
        outcome=Outcome.OK,
        reason="clock_off" if abs(offset) > TOLERANCE else None,
        values={"off_by_ms": abs(offset) / _MS, "round_trip_ms": max(round_trip / _MS, 0.0)},
        details={"offset_ms": round(offset / _MS, 3), **evidence},
    )


def _failure(target: str, error: TroubleError, context: Context) -> Reading:
    return Reading(
        probe=Clock.name,
        target=target,
        time=context.now(),
        outcome=Outcome.FAILED,
        reason=error.reason,
        details={"detail": error.detail},
    )

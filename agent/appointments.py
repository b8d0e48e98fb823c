"""When the steady agent runs a test that needs a slot: the collector says when, not a timer here.

The job's own thread asks `GET /api/v1/slots/next`, waits as told (one second to five minutes, so
that a changed plan is noticed and a county's agents ask some times a minute together), and runs
the probe when its time has come. Planned tests that did not run come back with the collector's
reason, and each becomes one `skipped` reading.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from agent.collector_client import NO_ANSWER, Answer, CollectorClient
from agent.reading import Json, Outcome, Reading
from agent.schedule import jitter

NEXT_PATH = "/api/v1/slots/next"
TARGET = "outlet"
"""Target of what concerns the school and no single uplink."""
MIN_WAIT_S = 1.0
MAX_WAIT_S = 300.0
TROUBLE_WAIT_S = 60.0
AFTER_RUN_S = 30.0
"""So that a probe that breaks while its slot is open is not started over and over."""
MAX_SKIPPED = 100
_log = logging.getLogger("agent.appointments")


@dataclass(frozen=True, slots=True)
class Appointment:
    """What to do now: run if `due`, then wait. `readings` say what did not run, and why."""

    due: bool
    wait_s: float
    readings: tuple[Reading, ...] = ()


class Appointments:
    """Asks for one probe. Not thread-safe: it belongs to the job's thread."""

    def __init__(
        self,
        probe: str,
        client: Callable[[], CollectorClient | None],
        *,
        memory: Path | None,
        retell_s: float,
        now: Callable[[], datetime],
        jitter: Callable[[], float] = jitter,
    ) -> None:
        """Prepare, without asking.

        `memory` keeps up to when skipped tests were told. Trouble that lasts is told again every
        `retell_s`.
        """
        self._probe = probe
        self._client = client
        self._memory = memory
        self._retell_s = retell_s
        self._now = now
        self._jitter = jitter
        self._as_of = self._remembered()
        self._told: tuple[str, datetime] | None = None

    def ask(self) -> Appointment:
        """Ask once. Never raises for what the network or the collector does."""
        # What was given out last time has been stored by now.
        self._remember()
        client = self._client()
        if client is None:
            return self._trouble(reason="not_enrolled", detail="")
        query = f"?{urlencode({'skipped_after': self._as_of})}" if self._as_of else ""
        answer = client.get(NEXT_PATH + query)
        if answer.status != 200:
            return self._trouble(*_why(answer))
        try:
            appointment = self._understood(answer.json())
        except (ValueError, KeyError, TypeError) as error:
            return self._trouble(reason="slot_refused", detail=f"no such answer: {error!r}")
        self._told = None
        return appointment

    def accounted(self, readings: Iterable[Reading]) -> list[Reading]:
        """Return readings without planned tests that got no slot.

        The collector decides whether such a test is tried again or given up, and only what it
        gives up is reported: once.
        """
        return [
            reading
            for reading in readings
            if reading.outcome is not Outcome.SKIPPED
            or not (reading.reason or "").startswith("slot_")
        ]

    def _understood(self, body: dict[str, Any]) -> Appointment:
        skipped = tuple(self._skipped(row) for row in body["skipped"][:MAX_SKIPPED])
        due = body["due"] is True
        wait_s = AFTER_RUN_S if due else min(max(float(body["wait_s"]), MIN_WAIT_S), MAX_WAIT_S)
        self._as_of = str(body["as_of"])
        return Appointment(due, wait_s, skipped)

    def _skipped(self, row: dict[str, Any]) -> Reading:
        details: dict[str, Json] = {
            name: str(row[name]) for name in ("planned_at", "ended_at", "server") if row.get(name)
        }
        return Reading(
            probe=self._probe,
            target=TARGET,
            time=datetime.fromisoformat(row["planned_at"]).astimezone(UTC),
            outcome=Outcome.SKIPPED,
            reason=str(row["reason"] or "slot_refused"),
            labels={"occasion": str(row["occasion"])},
            details=details,
        )

    def _trouble(self, reason: str, detail: str) -> Appointment:
        now = self._now()
        wait_s = TROUBLE_WAIT_S * (0.5 + self._jitter())
        retell = timedelta(seconds=self._retell_s)
        if self._told and self._told[0] == reason and now - self._told[1] < retell:
            return Appointment(due=False, wait_s=wait_s)
        self._told = (reason, now)
        _log.warning("no_appointment probe=%s reason=%s detail=%s", self._probe, reason, detail)
        reading = Reading(
            probe=self._probe,
            target=TARGET,
            time=now,
            outcome=Outcome.SKIPPED,
            reason=reason,
            labels={"occasion": "planned"},
            details={"detail": detail} if detail else {},
        )
        return Appointment(due=False, wait_s=wait_s, readings=(reading,))

    def _remembered(self) -> str | None:
        if self._memory is None:
            return None
        try:
            return str(json.loads(self._memory.read_text())["as_of"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _remember(self) -> None:
        if self._memory is None or self._as_of is None or self._as_of == self._remembered():
            return
        try:
            temporary = self._memory.with_suffix(".tmp")
            temporary.write_text(json.dumps({"version": 1, "as_of": self._as_of}))
            temporary.replace(self._memory)
        except OSError as error:
            _log.error("not_remembered file=%s error=%s", self._memory, error)


def _why(answer: Answer) -> tuple[str, str]:
    if answer.status == NO_ANSWER:
        return "collector_unreachable", answer.error
    detail = f"HTTP {answer.status}: {answer.problem().get('detail', '')}"
    return ("push_key_refused" if answer.status in (401, 403) else "slot_refused"), detail

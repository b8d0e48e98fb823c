"""Asking the collector for a test slot, waiting a bounded time for one, giving it back.

What a heavy probe does in its own process. When a planned test is due is the steady process's
business: `agent/appointments.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from agent.bandwidth.connection import Answer, endpoint, exchange
from agent.bandwidth.errors import MeasurementError
from agent.probes.base import CollectorAccess
from agent.reading import Json

SLOTS_PATH = "/api/v1/slots"
MAX_ASKS = 40
MIN_PAUSE_S = 0.2


class Occasion(StrEnum):
    """Why a test is run; readings carry it as the label `occasion`."""

    PLANNED = "planned"
    RETEST = "retest"


@dataclass(frozen=True, slots=True)
class Slot:
    """The permission to test now. `token` is spent by the first use."""

    id: str
    server: str
    token: str = field(repr=False)
    max_seconds: float
    max_bytes: int
    occasion: Occasion


KNOWN_REFUSALS = frozenset(
    {
        "slot_busy", "slot_budget_spent", "slot_none_configured", "slot_not_yet", "slot_exam",
        "slot_quiet_hours", "slot_line_busy", "slot_outside_hours", "slot_retests_spent",
        "push_key_refused",
    }
)  # fmt: skip
SKIPS = KNOWN_REFUSALS | {"server_busy", "collector_unreachable", "slot_refused"}
"""Reasons for which nothing was tried, as opposed to tried in vain."""


def wait_for_slot(
    collector: CollectorAccess,
    occasion: Occasion,
    line_used_ratio: float | None,
    *,
    wait_s: float,
    monotonic: Callable[[], float],
    sleep: Callable[[float], object],
) -> Slot:
    """Return a slot, asking again while another school tests, for at most `wait_s`.

    Raises MeasurementError with the collector's reason.
    """
    deadline_s = monotonic() + wait_s
    for _ in range(MAX_ASKS):
        try:
            return ask_for_slot(collector, occasion, line_used_ratio)
        except MeasurementError as error:
            pause_s = max(MIN_PAUSE_S, error.retry_after_s or 0.0)
            if error.reason != "slot_busy" or monotonic() + pause_s > deadline_s:
                raise
            sleep(pause_s)
    return ask_for_slot(collector, occasion, line_used_ratio)


def ask_for_slot(
    collector: CollectorAccess,
    occasion: Occasion = Occasion.PLANNED,
    line_used_ratio: float | None = None,
    timeout_s: float = 15.0,
) -> Slot:
    """Ask the collector for a slot now. Raises MeasurementError with the collector's reason."""
    wanted: dict[str, Json] = {"purpose": "outlet_bandwidth", "occasion": occasion.value}
    if line_used_ratio is not None:
        wanted["line_used_ratio"] = round(min(line_used_ratio, 10.0), 4)
    try:
        answer = _post(collector, SLOTS_PATH, wanted, timeout_s)
    except (ValueError, OSError) as error:
        raise MeasurementError("bad_server_address", str(error)) from error
    except MeasurementError as error:
        raise MeasurementError(
            "collector_unreachable", error.detail, transient=error.transient
        ) from error
    if answer.status != 200:
        raise _refusal(answer)
    body = answer.json()
    try:
        return Slot(
            str(body["id"]),
            str(body["server"]),
            str(body["token"]),
            float(body["max_seconds"]),
            int(body["max_bytes"]),
            Occasion(body.get("occasion", occasion)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MeasurementError("slot_refused", f"the slot lacks {error}") from error


def release_slot(collector: CollectorAccess, slot: Slot, used_bytes: int | None) -> None:
    """Let the next school test at once. Without this the slot ends by itself a little later.

    `used_bytes` None after a test that failed: the collector asks the measurement server.
    """
    try:
        _post(collector, f"{SLOTS_PATH}/{slot.id}/release", {"used_bytes": used_bytes}, 5.0)
    except (MeasurementError, ValueError, OSError):
        return


def _post(
    collector: CollectorAccess, path: str, value: dict[str, Json], timeout_s: float
) -> Answer:
    return exchange(
        endpoint(collector.url, ca_file=collector.ca_file),
        "POST",
        path,
        {"Authorization": f"Bearer {collector.key}", "Content-Type": "application/json"},
        body=json.dumps(value).encode(),
        timeout_s=timeout_s,
    )


def _refusal(answer: Answer) -> MeasurementError:
    body = answer.json()
    code = body.get("code", "")
    if answer.status in (401, 403):
        code = "push_key_refused"
    retry_after = answer.headers.get("retry-after", "")
    return MeasurementError(
        code if code in KNOWN_REFUSALS else "slot_refused",
        f"HTTP {answer.status}: {body.get('detail', '')}",
        transient=answer.status in (409, 429, 503),
        retry_after_s=float(retry_after) if retry_after.isdigit() else None,
    )

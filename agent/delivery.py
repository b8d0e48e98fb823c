"""What an answer of the collector means for a batch: the transient/permanent table, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from agent.collector_client import NO_ANSWER, Answer


class Action(StrEnum):
    """What happens to the batch."""

    SETTLE = "settle"
    """The collector has it for good."""
    SPLIT = "split"
    """Too large: try its halves."""
    REJECT_ROWS = "reject_rows"
    """Some readings are refused for good; the rest goes on."""
    REJECT = "reject"
    """The whole batch is refused for good."""
    RETRY = "retry"
    """Trouble that passes: same bytes again, soon."""
    HOLD = "hold"
    """Trouble that a person must end (key, address): same bytes again, rarely."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The verdict on one attempt. `reason` is a code of `rubrics/reasons.yaml`."""

    action: Action
    reason: str | None = None
    detail: str = ""
    rows: Mapping[int, str] = field(default_factory=dict)
    retry_after_s: float | None = None


_TABLE: Mapping[int, tuple[Action, str | None]] = {
    NO_ANSWER: (Action.RETRY, "push_unreachable"),
    200: (Action.SETTLE, None),
    400: (Action.REJECT, "push_refused_malformed"),
    401: (Action.HOLD, "push_key_refused"),
    403: (Action.HOLD, "push_key_refused"),
    408: (Action.RETRY, "push_server_busy"),
    409: (Action.REJECT, "push_refused_conflict"),
    413: (Action.SPLIT, None),
    415: (Action.REJECT, "push_refused_malformed"),
    422: (Action.REJECT_ROWS, "push_refused_rows"),
    425: (Action.RETRY, "push_server_busy"),
    429: (Action.RETRY, "push_server_busy"),
}
"""Status -> action. Anything else: 5xx is retried; the rest does not come from a collector (a
proxy, a captive portal, a wrong address), so nothing is given up because of it and it is held."""


_HELD: Mapping[str, str] = {
    "key_revoked": "push_key_revoked",
    "key_superseded": "push_key_superseded",
    "agent_quarantined": "push_quarantined",
}
"""The collector's code beside a 401 or 403 -> what this host says about itself."""


def judge(answer: Answer, batch_readings: int, now: datetime) -> Delivery:
    """Return what to do with a batch of `batch_readings` readings after this answer."""
    fallback = (
        (Action.RETRY, "push_server_busy")
        if 500 <= answer.status <= 599
        else (Action.HOLD, "push_not_a_collector")
    )
    action, reason = _TABLE.get(answer.status, fallback)
    problem = answer.problem()
    detail = answer.error or str(problem.get("detail") or problem.get("title") or "")
    if action is Action.SETTLE and problem.get("status") not in ("stored", "duplicate"):
        return Delivery(Action.HOLD, "push_not_a_collector", "status 200 without a receipt")
    if action in (Action.REJECT, Action.REJECT_ROWS) and "title" not in problem:
        # Some proxy in between said this; it cannot judge readings, so none is given up.
        return Delivery(Action.HOLD, "push_not_a_collector", f"HTTP {answer.status}")
    if action is Action.HOLD:
        reason = _HELD.get(str(problem.get("code")), reason)
    if action is Action.SPLIT and batch_readings == 1:
        return Delivery(Action.REJECT, "push_refused_too_large", detail)
    if action is Action.REJECT_ROWS:
        rows = _refused_rows(problem, batch_readings)
        if not rows:
            return Delivery(Action.REJECT, reason, detail)
        return Delivery(action, reason, detail, rows)
    return Delivery(action, reason, detail, retry_after_s=_retry_after(answer, now))


def _refused_rows(problem: Mapping[str, object], batch_readings: int) -> dict[int, str]:
    """Return row -> `field: reason` for the rows a 422 names; rows that cannot be are ignored."""
    rows: dict[int, str] = {}
    errors = problem.get("errors")
    for error in errors if isinstance(errors, list) else []:
        row = error.get("row") if isinstance(error, dict) else None
        if type(row) is int and 0 <= row < batch_readings:
            text = f"{error.get('field') or 'reading'}: {error.get('reason') or 'refused'}"
            rows[row] = f"{rows[row]}; {text}" if row in rows else text
    return rows


def _retry_after(answer: Answer, now: datetime) -> float | None:
    """Return seconds from Retry-After (RFC 9110 §10.2.3: seconds or a date), None without."""
    text = next((v for k, v in answer.headers.items() if k.lower() == "retry-after"), None)
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    import email.utils  # rare, and 0.6 MiB that the steady process does without

    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())

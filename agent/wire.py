"""Readings -> the wire, version 1: UTF-8 JSON, gzip on the way. Standard library only.

The collector reads the same form with its own, tolerant reader; the two meet in the golden file
`tests/contract/batch_v1.json`, which is frozen. New fields may be added; a field is never renamed,
and never changes its meaning or unit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.reading import Outcome, Reading

WIRE_VERSION = 1
MAX_READING_BYTES = 64 * 1024
"""A larger reading is a flood, not an observation; `encode_reading` refuses it."""


class ReadingTooLargeError(ValueError):
    """The reading's evidence exceeds `MAX_READING_BYTES`."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around the readings of one batch."""

    stream: str
    batch_id: str
    sequence: int
    sent_at: datetime
    version: str
    system: str


def format_time(moment: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC with milliseconds: `2026-11-20T01:00:15.250Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reading_fields(reading: Reading) -> dict[str, Any]:
    """Return a reading as the JSON object that `once`, the child and the wire all use."""
    return {
        "probe": reading.probe,
        "target": reading.target,
        "time": format_time(reading.time),
        "outcome": str(reading.outcome),
        "reason": reading.reason,
        "values": dict(reading.values),
        "labels": dict(reading.labels),
        "limited_by": list(reading.limited_by),
        "details": dict(reading.details),
    }


def reading_from_fields(data: Mapping[str, Any]) -> Reading:
    """Return the reading that `reading_fields` wrote. Raises ValueError for anything else."""
    try:
        return Reading(
            probe=data["probe"],
            target=data["target"],
            time=datetime.fromisoformat(data["time"]),
            outcome=Outcome(data["outcome"]),
            reason=data["reason"],
            values=data["values"],
            labels=data["labels"],
            limited_by=tuple(data["limited_by"]),
            details=data["details"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a reading: {error!r}") from error


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def encode_reading(reading: Reading) -> str:
    """Return a reading as compact JSON.

    Raises ReadingTooLargeError, and TypeError or ValueError for details that JSON cannot hold.
    """
    text = _dump(reading_fields(reading))
    if len(text.encode()) > MAX_READING_BYTES:
        raise ReadingTooLargeError(
            f"{reading.probe}/{reading.target}: {len(text)} characters of evidence"
        )
    return text


def encode_batch(envelope: Envelope, readings: Iterable[tuple[int, str]]) -> bytes:
    """Return the body of one batch from (sequence, encoded reading) pairs, in the given order."""
    head = {
        "wire": WIRE_VERSION,
        "stream": envelope.stream,
        "batch_id": envelope.batch_id,
        "sequence": envelope.sequence,
        "sent_at": format_time(envelope.sent_at),
        "agent": {"version": envelope.version, "system": envelope.system},
    }
    # Each reading is a JSON object already: its number is put in front, and nothing parsed again.
    rows = ",".join(f'{{"sequence":{sequence},{encoded[1:]}' for sequence, encoded in readings)
    return f'{_dump(head)[:-1]},"readings":[{rows}]}}'.encode()


def batch_rows(body: bytes) -> list[tuple[int, str]]:
    """Return the (sequence, encoded reading) pairs of a body that `encode_batch` wrote."""
    rows = json.loads(body)["readings"]
    return [(row.pop("sequence"), _dump(row)) for row in rows]

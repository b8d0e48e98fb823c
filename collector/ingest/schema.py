"""The tolerant reader of the wire, version 1 (`tests/contract/batch_v1.json`).

Pure: bytes in, a batch or named errors out. Unknown fields are passed over, because agents in the
field and the collector are updated at different times; wrong values are never repaired.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    Strict,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, from_json

from collector.domain import Outcome, StoredReading
from collector.errors import MalformedError, RowError, UnprocessableError
from collector.ingest.limits import IngestLimits

WIRE_VERSION = 1
VALUE_BOUND = 1e18
DETAILS_CHARACTERS_MAX = 16_384
ERRORS_PER_ROW_MAX = 3

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
LabelText = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,200}$")]
Sequence63 = Annotated[int, Strict(), Field(ge=0, lt=1 << 63)]
Number = Annotated[FiniteFloat, Strict(), Field(ge=-VALUE_BOUND, le=VALUE_BOUND)]


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class WireReading(_Tolerant):
    """One observation. `reason` is given whenever the outcome is not `ok`."""

    sequence: Sequence63
    probe: Name
    target: Text
    time: AwareDatetime
    outcome: Outcome
    reason: Name | None = None
    values: Annotated[dict[Name, Number], Field(max_length=64)] = {}
    labels: Annotated[dict[Name, LabelText], Field(max_length=16)] = {}
    limited_by: Annotated[list[Name], Field(max_length=10)] = []
    details: dict[str, JsonValue] = {}

    @field_validator("time", mode="before")
    @classmethod
    def _time_is_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be an ISO 8601 text with a zone")  # noqa: TRY004  # pydantic's
        return value

    @field_validator("details")
    @classmethod
    def _details_are_bounded(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if value and len(json.dumps(value)) > DETAILS_CHARACTERS_MAX:
            raise ValueError(f"must not take more than {DETAILS_CHARACTERS_MAX} characters of JSON")
        return value

    @model_validator(mode="after")
    def _says_why(self) -> WireReading:
        if self.outcome is not Outcome.OK and self.reason is None:
            raise ValueError(f"outcome {self.outcome} needs a reason")
        return self

    def stored(self) -> StoredReading:
        """Return the reading as the collector keeps it."""
        return StoredReading(
            sequence=self.sequence,
            probe=self.probe,
            target=self.target,
            time=self.time,
            outcome=self.outcome,
            reason=self.reason,
            values=self.values,
            labels=self.labels,
            limited_by=tuple(self.limited_by),
            details=self.details,
        )


class WireAgent(_Tolerant):
    """What the agent says about itself; only shown, never trusted."""

    version: Text | None = None
    system: Text | None = None


class WireBatch(_Tolerant):
    """A batch of readings of one stream; `batch_id` stays the same when it is sent again."""

    wire: Literal[1]
    stream: Token
    batch_id: Token
    sequence: Sequence63
    sent_at: AwareDatetime
    agent: WireAgent = WireAgent()
    readings: list[WireReading]


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A batch that can be read, with the hash of what the agent measured.

    The hash leaves out `sent_at` and `agent`, which may differ when a batch is sent again.
    """

    wire: WireBatch
    content_sha256: bytes


def read_batch(body: bytes, limits: IngestLimits) -> ReadBatch:
    """Read a decompressed body.

    Raises MalformedError if it is not JSON of a wire version known here, UnprocessableError
    naming every wrong row and field otherwise.
    """
    raw = _parse(body)
    rows = raw.get("readings")
    if isinstance(rows, list) and not 1 <= len(rows) <= limits.readings:
        raise UnprocessableError(
            "batch_length",
            f"A batch holds 1 to {limits.readings} readings, this one {len(rows)}. Split it.",
            errors=(RowError(None, "readings", f"1 to {limits.readings} readings"),),
        )
    try:
        wire = WireBatch.model_validate(raw)
    except ValidationError as error:
        raise _unprocessable(row_errors(error.errors(include_url=False))) from None
    repeated = list(_repeated_sequences(wire.readings))
    if repeated:
        raise _unprocessable(repeated)
    return ReadBatch(wire, _content_hash(raw))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        raw = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedError(
            "not_json", f"The body is not JSON ({error}). Send a batch of wire version 1."
        ) from None
    if not isinstance(raw, dict):
        raise MalformedError("not_json", "The body must be one JSON object: a batch.")
    version = raw.get("wire")
    if version != WIRE_VERSION or isinstance(version, bool):
        raise MalformedError(
            "wire_version",
            f"This collector reads wire version {WIRE_VERSION}; the batch says "
            f"{str(version)[:40]!r}. Update the collector or the agent.",
        )
    return raw


def row_errors(errors: Iterable[ErrorDetails]) -> list[RowError]:
    """Turn pydantic's errors into named rows and fields, at most a few for each row."""
    rows: list[RowError] = []
    seen: dict[int | None, int] = {}
    for error in errors:
        where = error["loc"]
        row: int | None = None
        if len(where) > 1 and where[0] == "readings" and isinstance(where[1], int):
            row, where = where[1], where[2:]
        seen[row] = seen.get(row, 0) + 1
        if seen[row] <= ERRORS_PER_ROW_MAX:
            field = ".".join(str(part)[:64] for part in where if part != "[key]")
            rows.append(RowError(row, field, error["msg"].removeprefix("Value error, ")))
    return rows


def check_times(readings: Sequence[WireReading], now: datetime, limits: IngestLimits) -> None:
    """Refuse rows whose time cannot be: well after `now`, or from a clock that was never set.

    Raises UnprocessableError naming each row.
    """
    latest = now + limits.clock_ahead
    wrong = [
        RowError(
            row,
            "time",
            f"later than the collector's clock ({now.isoformat(timespec='seconds')}) by more than "
            f"{int(limits.clock_ahead.total_seconds())} s: set the host's clock"
            if reading.time > latest
            else "from before 2020: the host's clock was not set",
        )
        for row, reading in enumerate(readings)
        if not limits.earliest_time <= reading.time <= latest
    ]
    if wrong:
        raise _unprocessable(wrong)


def series_digests(agent_id: str, readings: Iterable[WireReading]) -> Mapping[bytes, int]:
    """Return the digest of every series in the readings, with the first row that has it."""
    digests: dict[bytes, int] = {}
    for row, reading in enumerate(readings):
        source = [agent_id, reading.probe, reading.target, sorted(reading.labels.items())]
        # Hashed once for each reading and copied for each of its values: half the time.
        of_source = hashlib.blake2b(json.dumps(source).encode(), digest_size=16)
        for name in reading.values:
            of_series = of_source.copy()
            of_series.update(name.encode())
            digests.setdefault(of_series.digest(), row)
    return digests


def _repeated_sequences(readings: Iterable[WireReading]) -> Iterable[RowError]:
    seen: set[int] = set()
    for row, reading in enumerate(readings):
        if reading.sequence in seen:
            yield RowError(row, "sequence", "appears twice in this batch")
        seen.add(reading.sequence)


def _unprocessable(errors: Sequence[RowError]) -> UnprocessableError:
    rows = {error.row for error in errors if error.row is not None}
    if rows:
        detail = (
            f"{len(rows)} of the batch's rows are wrong; nothing of it was stored. Take the named "
            "rows out and send the rest as a new batch."
        )
    else:
        detail = "The batch's own fields are wrong; nothing of it was stored. See `errors`."
    return UnprocessableError("rows_wrong", detail, errors=tuple(errors))


def _content_hash(raw: Mapping[str, Any]) -> bytes:
    measured = [raw["stream"], raw["sequence"], raw["readings"]]
    text = json.dumps(measured, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()

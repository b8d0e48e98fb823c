"""The wire: what the agent writes is the golden batch, and every reading survives the way."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reading import Outcome, Reading
from agent.wire import (
    MAX_READING_BYTES,
    Envelope,
    ReadingTooLargeError,
    batch_rows,
    encode_batch,
    encode_reading,
    format_time,
    reading_fields,
    reading_from_fields,
)

GOLDEN = Path(__file__).parents[1] / "contract" / "batch_v1.json"


def test_golden_batch_is_written_exactly() -> None:
    """The frozen batch comes out again, field for field and in the same order."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    envelope = Envelope(
        stream=golden["stream"],
        batch_id=golden["batch_id"],
        sequence=golden["sequence"],
        sent_at=datetime.fromisoformat(golden["sent_at"]),
        version=golden["agent"]["version"],
        system=golden["agent"]["system"],
    )
    rows = [
        (row["sequence"], encode_reading(reading_from_fields(row))) for row in golden["readings"]
    ]
    written = encode_batch(envelope, rows)
    assert json.dumps(json.loads(written)) == json.dumps(golden)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)
readings = st.builds(
    Reading,
    probe=st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
    target=texts,
    time=st.integers(946_684_800_000, 4_102_444_800_000).map(
        lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    ),
    outcome=st.sampled_from(Outcome),
    reason=st.just("some_reason"),
    values=st.dictionaries(texts, finite, max_size=4),
    labels=st.dictionaries(texts, texts, max_size=3),
    details=st.dictionaries(texts, st.none() | st.booleans() | texts | finite, max_size=3),
)


@given(readings)
def test_every_reading_survives_the_way(reading: Reading) -> None:
    """Encoding, batching and reading back gives the same reading, whatever characters it holds."""
    envelope = Envelope("s", "b", 1, datetime(2026, 1, 1, tzinfo=UTC), "0", "linux")
    ((sequence, encoded),) = batch_rows(encode_batch(envelope, [(7, encode_reading(reading))]))
    assert sequence == 7
    assert reading_from_fields(json.loads(encoded)) == reading


def test_time_is_utc_with_milliseconds() -> None:
    """Times are RFC 3339 in UTC whatever zone they were given in."""
    moment = datetime.fromisoformat("2026-11-20T09:00:15.250999+08:00")
    assert format_time(moment) == "2026-11-20T01:00:15.250Z"


def test_too_much_evidence_is_refused() -> None:
    """A reading of more than the limit is refused rather than sent."""
    reading = Reading(
        "p",
        "t",
        datetime(2026, 1, 1, tzinfo=UTC),
        Outcome.OK,
        details={"x": "y" * MAX_READING_BYTES},
    )
    with pytest.raises(ReadingTooLargeError):
        encode_reading(reading)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"outcome": "excellent"},
        {"values": {"x_s": math.nan}},
        {"time": "2026-11-20T01:00:00"},
        {"time": 5},
        {"outcome": "failed", "reason": None},
    ],
)
def test_what_is_not_a_reading_is_refused(broken: dict[str, object]) -> None:
    """Each kind of malformed object raises ValueError, so that a child's output can be judged."""
    good = reading_fields(Reading("p", "t", datetime(2026, 1, 1, tzinfo=UTC), Outcome.OK))
    with pytest.raises(ValueError, match=r".+"):
        reading_from_fields({**good, **broken} if broken else {})

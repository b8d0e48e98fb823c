"""The tolerant reader: the golden batch is taken, wrong rows are named, nothing is repaired."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import CollectorError, MalformedError, RowError, UnprocessableError
from collector.ingest.limits import IngestLimits
from collector.ingest.schema import check_times, read_batch, series_digests

LIMITS = IngestLimits()
NOW = datetime(2026, 11, 20, 1, 0, 20, tzinfo=UTC)


def read(batch: Any) -> Any:
    """Read a batch given as a document."""
    return read_batch(json.dumps(batch).encode(), LIMITS)


def refused_rows(batch: Any) -> list[tuple[int | None, str]]:
    """Return row and field of every error."""
    with pytest.raises(UnprocessableError) as caught:
        read(batch)
    return [(error.row, error.field) for error in caught.value.errors]


def test_golden_batch_is_read(golden: dict[str, Any]) -> None:
    """Every reading of the golden file arrives with its values, reason and causes."""
    wire = read(golden).wire
    assert [r.probe for r in wire.readings] == ["server_headroom", "outlet_bandwidth", "link_speed"]
    headroom, outlet, link = (reading.stored() for reading in wire.readings)
    assert headroom.values == {"cpu_used_ratio": 0.125, "memory_used_ratio": 0.5}
    assert (outlet.outcome, outlet.reason, outlet.limited_by) == (
        "limited",
        "same_host",
        ("same_host",),
    )
    assert (link.outcome, link.values, link.reason) == ("failed", {}, "link_speed_unknown")


def test_unknown_fields_are_passed_over(golden: dict[str, Any]) -> None:
    """A newer agent may say more than this collector knows."""
    golden["colour"] = "blue"
    golden["agent"]["mood"] = ["good"]
    golden["readings"][0]["weather"] = {"rain": 1}
    assert len(read(golden).wire.readings) == 3


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("values", {"cpu_used_ratio": "0.5"}, "values.cpu_used_ratio"),
        ("values", {"cpu_used_ratio": True}, "values.cpu_used_ratio"),
        ("values", {"cpu_used_ratio": None}, "values.cpu_used_ratio"),
        ("values", {"cpu_used_ratio": 1e19}, "values.cpu_used_ratio"),
        ("values", {"CPU": 1}, "values.CPU"),
        ("values", {f"v{i}": i for i in range(65)}, "values"),
        ("time", "2026-11-20T01:00:00", "time"),
        ("time", 1_795_000_000, "time"),
        ("time", "yesterday", "time"),
        ("outcome", "fine", "outcome"),
        ("target", "", "target"),
        ("target", "a\x00b", "target"),
        ("target", "x" * 201, "target"),
        ("probe", "Server Headroom", "probe"),
        ("sequence", -1, "sequence"),
        ("sequence", 1.5, "sequence"),
        ("sequence", "7", "sequence"),
        ("sequence", 1 << 63, "sequence"),
        ("labels", {"a": "x" * 201}, "labels.a"),
        ("limited_by", ["Not A Cause"], "limited_by.0"),
        ("details", {"trace": "x" * 20_000}, "details"),
        ("outcome", "failed", ""),
    ],
)
def test_a_wrong_value_is_named_by_row_and_field(
    golden: dict[str, Any], field: str, value: Any, where: str
) -> None:
    """The agent learns which row to take out; here row 0, whatever is wrong with it."""
    golden["readings"][0][field] = value
    assert refused_rows(golden) == [(0, where)]


def test_every_wrong_row_is_named(golden: dict[str, Any]) -> None:
    """Two wrong rows are two errors, so that the agent needs one further attempt only."""
    del golden["readings"][0]["time"]
    golden["readings"][2]["outcome"] = "?"
    assert refused_rows(golden) == [(0, "time"), (2, "outcome")]


def test_a_repeated_sequence_is_named(golden: dict[str, Any]) -> None:
    """Two readings with one sequence number cannot both be evidence."""
    golden["readings"][2]["sequence"] = golden["readings"][0]["sequence"]
    assert refused_rows(golden) == [(2, "sequence")]


@pytest.mark.parametrize("readings", [[], [{}] * (LIMITS.readings + 1)])
def test_batch_length_is_bounded(golden: dict[str, Any], readings: list[Any]) -> None:
    """An empty or endless batch is refused as such, without looking at its rows."""
    golden["readings"] = readings
    assert refused_rows(golden) == [(None, "readings")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe{}",
        b'{"wire": NaN}',
        b"[" * 100_000,
        b'{"wire": 2}',
        b'{"wire": true}',
        b'{"wire": "1"}',
        b"{}",
    ],
)
def test_what_is_no_batch_is_malformed(body: bytes) -> None:
    """Not JSON, not an object, another version: permanent, and the message says which."""
    with pytest.raises(MalformedError):
        read_batch(body, LIMITS)


def test_hash_covers_what_was_measured_and_not_how_it_was_sent(golden: dict[str, Any]) -> None:
    """Sending again changes `sent_at`; a changed value or an unknown field changes the hash."""
    first = read(golden).content_sha256
    golden["sent_at"] = "2026-11-20T02:00:00Z"
    golden["agent"]["version"] = "9.9"
    assert read(golden).content_sha256 == first
    golden["readings"][0]["values"]["cpu_used_ratio"] = 0.126
    assert read(golden).content_sha256 != first


@pytest.mark.parametrize(
    ("offset", "refused"),
    [
        (timedelta(minutes=9, seconds=59), False),
        (timedelta(minutes=10, seconds=1), True),
        (timedelta(days=-400), False),
        (timedelta(days=-3000), True),
    ],
)
def test_impossible_times_are_refused_by_row(
    golden: dict[str, Any], offset: timedelta, refused: bool
) -> None:
    """Ten minutes ahead is a wrong clock; a late replay is fine; before 2020 nothing existed."""
    golden["readings"][1]["time"] = (NOW + offset).isoformat()
    readings = read(golden).wire.readings
    if not refused:
        check_times(readings, NOW, LIMITS)
        return
    with pytest.raises(UnprocessableError) as caught:
        check_times(readings, NOW, LIMITS)
    assert [(error.row, error.field) for error in caught.value.errors] == [(1, "time")]
    assert "clock" in caught.value.errors[0].reason


def test_series_differ_by_agent_target_and_label(golden: dict[str, Any]) -> None:
    """Each of them makes another series, and the same reading always the same one."""
    readings = read(golden).wire.readings
    mine = series_digests("a1", readings)
    assert len(mine) == 3
    assert set(mine) == set(series_digests("a1", readings))
    assert not set(mine) & set(series_digests("a2", readings))
    golden["readings"][0]["labels"] = {"room": "201"}
    assert len(set(mine) & set(series_digests("a1", read(golden).wire.readings))) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    batch=st.fixed_dictionaries(
        {"wire": st.just(1)},
        optional={
            "stream": _JSON,
            "batch_id": _JSON,
            "sequence": _JSON,
            "sent_at": _JSON,
            "agent": _JSON,
            "readings": st.lists(
                st.dictionaries(
                    st.sampled_from(
                        ["sequence", "probe", "target", "time", "outcome", "values", "labels"]
                    ),
                    _JSON,
                ),
                min_size=1,
                max_size=3,
            )
            | _JSON,
        },
    )
)
def test_any_document_is_read_or_refused_with_named_fields(batch: dict[str, Any]) -> None:
    """Whatever arrives, the reader answers with an error of its own; it never crashes."""
    refusal: CollectorError | None = None
    try:
        read(batch)
    except CollectorError as error:
        refusal = error
    if refusal is not None:
        assert isinstance(refusal, MalformedError) or refusal.errors
        assert all(isinstance(row, RowError) and row.reason for row in refusal.errors)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_refused_not_crashed_on(body: bytes) -> None:
    """Random bytes are never a batch and never an exception of a library."""
    with pytest.raises(CollectorError):
        read_batch(body, LIMITS)

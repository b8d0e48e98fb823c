"""Bytes on the wire: compression is undone within bounds, damage is named."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from collector.errors import CollectorError
from collector.ingest.body import decompress
from collector.ingest.limits import IngestLimits

LIMITS = IngestLimits(body_bytes=100_000)


@pytest.mark.parametrize("encoding", [None, "identity", "gzip", "GZIP"])
def test_known_encodings_are_undone(encoding: str | None) -> None:
    """Plain and gzip, however the header is written."""
    plain = b'{"wire": 1}'
    body = gzip.compress(plain) if encoding and encoding.lower() == "gzip" else plain
    assert decompress(body, encoding, LIMITS) == plain


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(bytes(100_001)), "gzip", 413),
        (gzip.compress(b"x" * 1000)[:-1], "gzip", 400),
        (gzip.compress(b"x") + b"tail", "gzip", 400),
        (gzip.compress(b"x") + gzip.compress(b"y"), "gzip", 400),
        (b"not gzip", "gzip", 400),
        (b"", "gzip", 400),
        (zlib.compress(b"x"), "gzip", 400),
        (b"x", "br", 415),
        (b"x", "gzip, gzip", 415),
    ],
    ids=[
        "too-large",
        "cut-off",
        "trailed",
        "two-members",
        "not-gzip",
        "empty",
        "zlib",
        "brotli",
        "twice",
    ],
)
def test_bad_bodies_have_their_status(body: bytes, encoding: str, status: int) -> None:
    """Too large after decompression, cut off, trailed, not gzip, unknown encoding."""
    with pytest.raises(CollectorError) as caught:
        decompress(body, encoding, LIMITS)
    assert caught.value.status == status


def test_exactly_the_bound_is_taken() -> None:
    """The limit itself is allowed."""
    assert len(decompress(gzip.compress(bytes(100_000)), "gzip", LIMITS)) == 100_000


def test_a_bomb_costs_no_more_memory_than_a_body() -> None:
    """A gigabyte of zeros in one megabyte of gzip stops at the bound, not at the gigabyte."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [bomb.compress(bytes(1 << 20)) for _ in range(1024)]
    body = b"".join(parts) + bomb.flush()
    assert len(body) < 1_100_000
    tracemalloc.start()
    with pytest.raises(CollectorError) as caught:
        decompress(body, "gzip", LIMITS)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.status == 413
    assert peak_bytes < 4_000_000

"""What an SNMP client does for the probes: three methods, no library in sight.

Object identifiers are tuples of integers, so that they sort and compare as the standard says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

Oid: TypeAlias = tuple[int, ...]
Value: TypeAlias = "int | bytes | Oid"
"""A number, octets, or an object identifier. What a device does not have is absent instead."""
Column: TypeAlias = Mapping[Oid, Value]
"""One column of a table: index -> value."""

MAX_ROWS = 20_000
"""More rows in one column are cut off; the column says so by its length."""


class SnmpError(Exception):
    """A device could not be asked, or did not answer usably.

    `reason` is a code of `rubrics/reasons.yaml`; `detail` never holds a community or a key.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class SnmpClient(Protocol):
    """One device, as one credential sees it."""

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """Return the objects that the device has; those it has not are left out."""

    async def bulk_columns(self, columns: Sequence[Oid]) -> Mapping[Oid, Column]:
        """Return whole columns of one table, side by side; a missing column is empty."""

    def close(self) -> None:
        """Release the socket."""


def oid(text: str) -> Oid:
    """Return `"1.3.6"` as a tuple. Raises ValueError."""
    return tuple(int(part) for part in text.strip(".").split("."))


def dotted(identifier: Oid) -> str:
    """Return a tuple as `"1.3.6"`."""
    return ".".join(map(str, identifier))


def number(value: Value | None) -> int | None:
    """Return a number, or None for anything else."""
    return value if isinstance(value, int) else None


def text(value: Value | None) -> str:
    """Return octets as text: UTF-8, else GB 18030, else hex; empty where there are none.

    Devices end strings with NUL, pad them, break lines, or name things in GBK.
    """
    if not isinstance(value, bytes):
        return ""
    octets = value.split(b"\0", 1)[0]
    for encoding in ("utf-8", "gb18030"):
        try:
            decoded = " ".join(octets.decode(encoding).split())
        except UnicodeDecodeError:
            continue
        if decoded.isprintable():
            return decoded
    return value.hex()

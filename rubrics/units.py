"""The units that rubrics, cases and indicators may use, and exact conversion between them.

Decimal prefixes throughout (1 Mbit/s = 10^6 bit/s, 1 GB = 10^9 byte). Where an official text
leaves K open, the rubric states a reading choice and gives the size of K itself (`kilo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, Field


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: numbers of the same dimension compare after multiplying by `factor`."""

    name: str
    dimension: str
    factor: Fraction
    zh: str
    en: str


def _table(*rows: tuple[str, str, int | str, str, str]) -> dict[str, Unit]:
    return {row[0]: Unit(row[0], row[1], Fraction(row[2]), row[3], row[4]) for row in rows}


UNITS = _table(
    ("bit/s", "rate", 1, "bit/s", "bit/s"),
    ("kbit/s", "rate", 10**3, "kbit/s", "kbit/s"),
    ("Mbit/s", "rate", 10**6, "Mbit/s", "Mbit/s"),
    ("Gbit/s", "rate", 10**9, "Gbit/s", "Gbit/s"),
    ("byte", "storage", 1, "字节", "bytes"),
    ("MB", "storage", 10**6, "MB", "MB"),
    ("GB", "storage", 10**9, "GB", "GB"),
    ("TB", "storage", 10**12, "TB", "TB"),
    ("s", "duration", 1, "秒", "s"),
    ("minute", "duration", 60, "分钟", "min"),
    ("hour", "duration", 3600, "小时", "h"),
    ("day", "duration", 86400, "天", "d"),
    ("ms", "duration", "1/1000", "毫秒", "ms"),
    ("ratio", "share", 1, "", ""),
    ("percent", "share", "1/100", "%", "%"),
    ("per_person", "share", 1, "每人", "per person"),
    ("per_100_people", "share", "1/100", "每百人", "per 100 people"),
    ("per_1000_people", "share", "1/1000", "每千人", "per 1000 people"),
    ("count", "count", 1, "", ""),
    ("class", "count", 1, "班", "classes"),
    ("person", "count", 1, "人", "people"),
    ("times", "count", 1, "次", "times"),
    ("device", "count", 1, "台", "devices"),
    ("room", "count", 1, "间", "rooms"),
    ("course", "count", 1, "门", "courses"),
    ("item", "count", 1, "项", "items"),
    ("posts/week", "frequency", 1, "条/周", "posts per week"),
    ("m2", "area", 1, "㎡", "m²"),
    ("inch", "length", 1, "英寸", "inches"),
    ("CNY", "money", 1, "元", "CNY"),
    ("10k_CNY", "money", 10**4, "万元", "10k CNY"),
    ("point", "points", 1, "分", "points"),
    ("level", "grade", 1, "级", ""),
    ("dB", "ratio_db", 1, "dB", "dB"),
    ("dBm", "power_dbm", 1, "dBm", "dBm"),
)

_ALIASES = {
    "B": "byte",
    "bytes": "byte",
    "h": "hour",
    "hours": "hour",
    "min": "minute",
    "minutes": "minute",
    "d": "day",
    "days": "day",
    "%": "percent",
    "1": "ratio",
    "terminals": "count",
    "people": "person",
    "㎡": "m2",
}


def unit(name: str) -> Unit:
    """Look a unit up by name or alias; ValueError with the nearest names when unknown."""
    found = UNITS.get(_ALIASES.get(name, name))
    if found is None:
        near = get_close_matches(name, [*UNITS, *_ALIASES], n=3, cutoff=0.4)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ValueError(f"unknown unit {name!r}{hint}")
    return found


def convertible(one: Unit, other: Unit) -> bool:
    """Say whether numbers of the two units can be compared."""
    return one.dimension == other.dimension


def _known(name: Any) -> str:
    return unit(name).name


UnitName = Annotated[str, Field(min_length=1), AfterValidator(_known)]
"""The name of a known unit in a model; aliases become the canonical name."""

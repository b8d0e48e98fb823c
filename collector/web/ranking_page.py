"""Places by total, as far as the totals settle them; who cannot be compared, and why. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from collector.web.county_rows import SchoolRow
from collector.web.formatting import plain_number
from collector.web.language import Translator
from rubrics.ranking import Interval, propose_prizes

STEPS = 10
"""The distribution names this many shares of the full points."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A school with its place, best and worst case; intervals that overlap share places."""

    row: SchoolRow
    best_place: int
    worst_place: int
    total: Interval
    full: Fraction

    @property
    def start_percent(self) -> str:
        """Where its interval starts, in percent of the full points."""
        return _percent(self.total.proven / self.full)

    @property
    def width_percent(self) -> str:
        """How wide its interval is, in percent of the full points."""
        return _percent((self.total.possible - self.total.proven) / self.full)

    @property
    def place(self) -> str:
        """`3`, or `3–17` while open points can still change it."""
        settled = self.best_place == self.worst_place
        return str(self.best_place) if settled else f"{self.best_place}–{self.worst_place}"


@dataclass(frozen=True, slots=True)
class Reached:
    """How many schools have reached so many points for sure, and how many still can."""

    points: str
    proven: int
    possible: int
    proven_percent: str
    open_percent: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ranking of a set of schools by one rubric."""

    placed: tuple[Placed, ...]
    reached: tuple[Reached, ...]
    left_out: tuple[tuple[SchoolRow, str], ...]
    max: str | None
    version: str | None

    @property
    def settled(self) -> int:
        """How many places nothing can change any more."""
        return sum(one.best_place == one.worst_place for one in self.placed)


def rank(rows: Sequence[SchoolRow], kinds: Sequence[str]) -> Ranking:
    """Rank the schools whose totals can be compared: same version of the rubric, same full points.

    The version and full points that most schools have are the ones that count. `left_out` names
    the others with a code: `other_kind`, `unscored`, `refused`, `vetoed`, `other_version`,
    `no_points`.
    """
    common = Counter(
        (row.summary.rubric_version, row.summary.max)
        for row in rows
        if row.summary and row.summary.max is not None
    ).most_common(1)
    version, full = common[0][0] if common else (None, None)
    compared, left_out = [], []
    for row in rows:
        why = _why_not(row, kinds, version, full)
        if why is None:
            compared.append(row)
        else:
            left_out.append((row, why))
    placed = _placed(compared, Fraction(full)) if full else ()
    reached = _reached(compared, Decimal(full)) if full else ()
    return Ranking(placed, reached, tuple(left_out), full, version)


def _why_not(
    row: SchoolRow, kinds: Sequence[str], version: str | None, full: str | None
) -> str | None:
    found = row.summary
    if row.school.kind.value not in kinds:
        return "other_kind"
    if found is None:
        return "unscored"
    if found.refused:
        return "refused"
    if found.max is None:
        return "no_points"
    if found.vetoed:
        return "vetoed"
    return "other_version" if (found.rubric_version, found.max) != (version, full) else None


def _placed(rows: Sequence[SchoolRow], full: Fraction) -> tuple[Placed, ...]:
    by_id = {row.school.id: row for row in rows}
    totals = {name: _interval(row) for name, row in by_id.items()}
    standings = propose_prizes(totals, "together").standings
    return tuple(
        Placed(
            by_id[name],
            standing.best_place,
            standing.worst_place,
            totals[name],
            full,
        )
        for name, standing in standings.items()
    )


def _interval(row: SchoolRow) -> Interval:
    points = row.points
    return Interval(_exact(points.proven), _exact(points.possible)) if points else _NOTHING


@lru_cache(4096)
def _exact(text: str) -> Fraction:
    """Read a total; many schools share one, and there are thousands."""
    return Fraction(text)


_NOTHING = Interval(Fraction(0), Fraction(0))


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):.2f}%"


def _reached(rows: Sequence[SchoolRow], full: Decimal) -> tuple[Reached, ...]:
    every = [points for row in rows if (points := row.points)]
    proven = _numbers(points.proven for points in every)
    possible = _numbers(points.possible for points in every)
    found = []
    for step in range(STEPS, 0, -1):
        bound = full * step / STEPS
        surely = sum(number for total, number in proven.items() if total >= bound)
        perhaps = sum(number for total, number in possible.items() if total >= bound)
        schools = Fraction(max(1, len(every)))
        found.append(
            Reached(
                plain_number(bound),
                surely,
                perhaps,
                _percent(surely / schools),
                _percent((perhaps - surely) / schools),
            )
        )
    return tuple(found)


def _numbers(totals: Iterable[str]) -> Mapping[Decimal, int]:
    """Count schools by total."""
    return {Decimal(text): number for text, number in Counter(totals).items()}


def left_out_word(code: str, translator: Translator) -> str:
    """Say why a school has no place."""
    _ = translator.gettext
    words = {
        "other_kind": _("这份细则不适用于这类学校"),
        "unscored": _("尚未评分"),
        "refused": _("现有数据无法评分，请打开学校页面查看要更正的字段"),
        "no_points": _("这份文件不计分"),
        "vetoed": _("一票否决"),
        "other_version": _("按另一版本的细则评分，不可比"),
    }
    return words[code]

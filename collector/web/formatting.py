"""Numbers, units and times as people read them, in the page's language.

Unknown is a word (未知, 无数据), never 0, a dash or a blank. A shown number is the exact one
unless it is marked with ≈, so that "660.48 ≥ 660.48" on a page always means what it says.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import TypeAlias
from zoneinfo import ZoneInfo

from collector.web.language import Translator
from rubrics.units import unit

Number: TypeAlias = str | int | float | Decimal

#: Longest tail of decimals that is still shown in full.
EXACT_DECIMALS = 3
_BYTE_UNITS = ("TB", "GB", "MB", "kB")
_DURATIONS = (("day", 86_400), ("hour", 3600), ("minute", 60))
_COMPARISONS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "eq": "="}


def as_decimal(value: Number | None) -> Decimal | None:
    """Return the number behind `value`; None when there is none (also for NaN and infinities)."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def plain_number(number: Decimal) -> str:
    """Write `number` without exponent or trailing zeros.

    More than EXACT_DECIMALS decimals are rounded half-even and marked: `≈ 0.333`.
    """
    rounded = number.quantize(Decimal(1).scaleb(-EXACT_DECIMALS), rounding=ROUND_HALF_EVEN)
    mark = "" if rounded == number else "≈ "
    text = f"{rounded:f}"
    return mark + (text.rstrip("0").rstrip(".") if "." in text else text)


@dataclass(frozen=True)
class Formatter:
    """Writes quantities and times for one language and one time zone."""

    translator: Translator
    zone: ZoneInfo
    english: bool = False

    def quantity(self, value: Number | bool | None, unit_name: str | None = None) -> str:
        """Write `value` with its unit: `980 Mbit/s`, `93.5%` (ratio), `6.45 TB` (byte), 是."""
        _ = self.translator.gettext
        if isinstance(value, bool):
            return _("是") if value else _("否")
        number = as_decimal(value)
        if number is None:
            return str(value) if value not in (None, "") else _("无数据")
        match unit_name:
            case "ratio":
                return f"{plain_number(number * 100)}%"
            case "byte":
                return self._bytes(number)
            case "s":
                return self._seconds(number)
            case _:
                return join_unit(plain_number(number), self.unit(unit_name))

    def unit(self, name: str | None) -> str:
        """Return the unit's name in the page's language; one that is not listed stays as it is."""
        if not name:
            return ""
        try:
            known = unit(name)
        except ValueError:
            return name
        return known.en if self.english else known.zh

    def _seconds(self, number: Decimal) -> str:
        for name, seconds in _DURATIONS:
            if abs(number) >= seconds:
                return join_unit(plain_number(number / seconds), self.unit(name))
        return join_unit(plain_number(number), self.unit("s"))

    def _bytes(self, number: Decimal) -> str:
        # Storage is sold, and the official texts speak, in powers of ten.
        for power, name in zip(range(12, 0, -3), _BYTE_UNITS, strict=True):
            size = Decimal(10) ** power
            if abs(number) >= size:
                return f"{plain_number(number / size)} {name}"
        return f"{plain_number(number)} B"

    def comparison(self, op: str | None) -> str:
        """Return the sign of a comparison: `ge` → ≥; unknown operators stay as written."""
        return _COMPARISONS.get(op or "", op or "")

    def duration(self, span: timedelta) -> str:
        """Write `span` in its largest whole unit: 45 秒, 12 分钟, 5 小时, 3 天."""
        nget = self.translator.ngettext
        seconds = max(0, int(span.total_seconds()))
        if seconds < 60:
            return nget("%(num)s 秒", "%(num)s 秒", seconds) % {"num": seconds}
        if seconds < 3600:
            return nget("%(num)s 分钟", "%(num)s 分钟", seconds // 60) % {"num": seconds // 60}
        if seconds < 2 * 86_400:
            return nget("%(num)s 小时", "%(num)s 小时", seconds // 3600) % {"num": seconds // 3600}
        return nget("%(num)s 天", "%(num)s 天", seconds // 86_400) % {"num": seconds // 86_400}

    def ago(self, moment: datetime | None, now: datetime) -> str:
        """Say how long before `now`: 刚刚, 3 分钟前; a moment ahead of `now` is called so."""
        _ = self.translator.gettext
        if moment is None:
            return _("从未")
        span = now - moment
        if span < timedelta(seconds=-60):
            return _("时钟超前 %(span)s") % {"span": self.duration(-span)}
        if span < timedelta(seconds=10):
            return _("刚刚")
        return _("%(span)s前") % {"span": self.duration(span)}

    def time(self, moment: datetime | None) -> str:
        """Write local time to the minute with its offset: `2026-11-20 09:00 (UTC+8)`."""
        if moment is None:
            return self.translator.gettext("未知")
        local = moment.astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M} ({offset_name(local)})"

    def clock(self, moment: datetime) -> str:
        """Write the local time of a day that stands beside: `09:00`."""
        return f"{moment.astimezone(self.zone):%H:%M}"

    def date(self, moment: datetime | None) -> str:
        """Write the local calendar date: `2026-11-20`."""
        if moment is None:
            return self.translator.gettext("未知")
        return f"{moment.astimezone(self.zone):%Y-%m-%d}"


def join_unit(number: str, unit_name: str) -> str:
    """Put a unit behind its number: `80%`, `980 Mbit/s`, `3` (no unit)."""
    if not unit_name or unit_name == "%":
        return number + unit_name
    return f"{number} {unit_name}"


def offset_name(local: datetime) -> str:
    """Name the UTC offset of an aware datetime: `UTC+8`, `UTC+5:30`, `UTC`."""
    offset = local.utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    if minutes == 0:
        return "UTC"
    sign = "+" if minutes > 0 else "-"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")

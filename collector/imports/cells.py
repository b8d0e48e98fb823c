"""Single cells as people type them: full-width digits, thousands separators, many kinds of dates.

A blank is None: nothing was said, which is never a zero. What cannot be read raises CellError with
a reason that shows how to write it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timedelta

from collector.imports.refusals import CellError
from collector.imports.tables import Cell

TEXT_CHARACTERS_MAX = 2000
_BLANKS = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_QUOTED_FORMULA = re.compile(r'^="(.*)"$')
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:[,' ]\d{3})+(?:\.\d+)?")
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,9})?")
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]0{1,2}:00.*)?")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_UNIT = re.compile(r"(?:人|名|位|个班|个|班|间|台|套|条|项|门|册|%)$")
_EXCEL_EPOCH = date(1899, 12, 30)
_SERIALS = range(20_000, 80_000)
"""Days since 1900 as Excel counts them, from 1954 to 2119: a date cell without its format."""
_NOTHING = {"", "-", "--", "—", "/", "无数据", "未知", "n/a", "unknown"}
_YES = {"是", "有", "√", "✓", "y", "yes", "true", "1"}
_NO = {"否", "无", "×", "n", "no", "false", "0"}


def text_of(cell: Cell) -> str:
    """Return a cell as text: compatibility forms folded, blanks trimmed; empty for a blank."""
    match cell:
        case None:
            return ""
        case bool():
            return "是" if cell else "否"
        case float() if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        case datetime() if cell.time().isoformat() == "00:00:00":
            return cell.date().isoformat()
        case _:
            text = _CONTROL.sub("", unicodedata.normalize("NFKC", str(cell)))
    text = _BLANKS.sub(" ", text).strip().removeprefix("'")
    quoted = _QUOTED_FORMULA.match(text)  # how csv files keep Excel from cutting zeros off
    text = quoted[1] if quoted else text
    if len(text) > TEXT_CHARACTERS_MAX:
        raise CellError(f"文字超过 {TEXT_CHARACTERS_MAX} 字 / longer than that many characters")
    return text


def known_text(cell: Cell) -> str | None:
    """Return the text; None for a blank and for the dashes that stand for one."""
    text = text_of(cell)
    return None if text.casefold() in _NOTHING else text


def number(cell: Cell) -> str | None:
    """Return a number as exact decimal text; None for a blank."""
    text = known_text(cell)
    if text is None:
        return None
    if isinstance(cell, bool | date):
        raise CellError(f"“{text}”不是数字 / not a number")
    plain = _UNIT.sub("", text).strip()
    if _THOUSANDS.fullmatch(plain):
        plain = re.sub(r"[,' ]", "", plain)
    if not _NUMBER.fullmatch(plain):
        raise CellError(f"“{text[:40]}”不是数字，只写数字，如 1200 / write a number like 1200")
    return plain.removeprefix("+")


def whole_number(cell: Cell, highest: int) -> int | None:
    """Return a count from 0 to `highest`; None for a blank."""
    text = number(cell)
    if text is None:
        return None
    whole, _, rest = text.partition(".")
    if rest.strip("0") or not 0 <= int(whole) <= highest:
        raise CellError(f"“{text}”应为 0 到 {highest} 的整数 / a whole number from 0 to that")
    return int(whole)


def day(cell: Cell) -> date | None:
    """Return a day; None for a blank."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = known_text(cell)
    if text is None:
        return None
    parts = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    try:
        if parts:
            year, month, day_of_month = map(int, parts.groups())
            return date(year, month, day_of_month)
        if text.isdecimal() and int(text) in _SERIALS:
            return _EXCEL_EPOCH + timedelta(days=int(text))
    except ValueError:
        pass
    raise CellError(f"“{text[:40]}”不是日期，写成 2026-09-01 / write a day like 2026-09-01")


def yes_or_no(cell: Cell) -> bool | None:
    """Return whether it says yes; None for a blank."""
    text = known_text(cell)
    if text is None:
        return None
    if text.casefold() in _YES:
        return True
    if text.casefold() in _NO:
        return False
    raise CellError(f"“{text[:40]}”应填 是 或 否 / yes or no")

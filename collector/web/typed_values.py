"""Values of fields as people type them: text in, value of a case out, and back. Pure."""

from __future__ import annotations

import unicodedata

from collector.domain import EntryValue

TRUTHS = {"true": True, "false": False}
_NUMBERS = ("count", "percent", "number")
_SEPARATORS = str.maketrans(dict.fromkeys("、,;\n ", ","))
_DIGITS_MAX = 15


def typed_text(value: object, between: str = "\n") -> str:
    """Write a value as it stands in its input; nothing for none, `between` the values of a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return between.join(typed_text(one, between) for one in value)
    return str(value)


def typed_value(field_type: str, text: str) -> EntryValue:
    """Return what was typed as a value; None for an emptied field.

    Full-width digits and Chinese separators are read like others. What is no number stays text,
    so that the field's own rule can say what it takes.
    """
    plain = text.replace("\r\n", "\n").strip()
    if not plain:
        return None
    if field_type == "bool":
        return TRUTHS.get(plain, plain)
    if field_type == "list":
        parts = unicodedata.normalize("NFKC", plain).translate(_SEPARATORS).split(",")
        return [_number(part) for part in parts if part]
    return _number(plain) if field_type in _NUMBERS else plain


def _number(text: str) -> int | str:
    """Return a whole number as such, any other as its text, without the sign of percent."""
    plain = unicodedata.normalize("NFKC", text).strip().removesuffix("%").rstrip()
    digits = plain.removeprefix("-")
    whole = digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX
    return int(plain) if whole else plain

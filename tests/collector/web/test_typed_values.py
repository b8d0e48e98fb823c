"""What people type into fields, read the same on a school's form and on an official's."""

from __future__ import annotations

import pytest

from collector.web.typed_values import typed_text, typed_value


@pytest.mark.parametrize(
    ("field_type", "text", "value"),
    [
        ("count", " １２ ", 12),  # full-width, as Chinese keyboards give
        ("count", "-3", -3),  # read, so that the rule can refuse it as a number
        ("percent", "95％", 95),
        ("percent", "95.5 %", "95.5"),  # exact: a fraction stays the text that was typed
        ("number", "一百", "一百"),
        ("number", "9" * 16, "9" * 16),
        ("bool", "true", True),
        ("bool", "是", "是"),
        ("list", "12、13，14；15\r\n16", [12, 13, 14, 15, 16]),
        ("list", "90% 85.5%", [90, "85.5"]),
        ("text", " 两行\r\n文字 ", "两行\n文字"),
        ("count", "  ", None),
    ],
)
def test_what_is_typed_is_read_as_meant(field_type: str, text: str, value: object) -> None:
    """Signs of Chinese keyboards count, nothing typed is no value, and nothing is guessed."""
    assert typed_value(field_type, text) == value


@pytest.mark.parametrize(
    ("field_type", "value"), [("bool", False), ("count", 0), ("list", [1, "2.5"]), ("text", "空")]
)
def test_what_stands_in_an_input_is_read_back(field_type: str, value: object) -> None:
    """A form that is saved as it was shown changes nothing."""
    for between in ("\n", ", "):
        assert typed_value(field_type, typed_text(value, between)) == value
    assert typed_text(None) == ""

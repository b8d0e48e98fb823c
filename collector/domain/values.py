"""Plain data as it is stored and sent."""

from __future__ import annotations

from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

EntryValue: TypeAlias = "str | int | bool | list[str | int | bool | None] | None"
"""What a person gave. A number with a fraction is kept as its exact text, never as a float."""

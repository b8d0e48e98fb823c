"""What every part of the rubric model shares: strictness, names and bilingual text."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError


class Strict(BaseModel):
    """Frozen, strict, and no field that the language does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    shorthand: ClassVar[str | None] = None
    """Field that a bare scalar stands for (`title: 文字` means `title: {zh: 文字}`)."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors accept the shorthand too."""
        written = handler(schema)
        if cls.shorthand is None:
            return written
        return {"anyOf": [{"type": "string"}, written]}

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, raw: Any) -> Any:
        if cls.shorthand is not None and not isinstance(raw, Mapping | BaseModel):
            return {cls.shorthand: raw}
        if isinstance(raw, Mapping):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for name in raw:
                if name not in known:
                    raise _unknown_field(str(name), sorted(known), alone=raw[name] is None)
        return raw


def _unknown_field(name: str, known: list[str], *, alone: bool) -> PydanticCustomError:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else "known here: " + ", ".join(known)
    if alone and not near:
        hint = "text that holds a comma needs quotes inside { }"
    return PydanticCustomError(
        "unknown_field", "unknown field `{field}`; {hint}", {"field": name, "hint": hint}
    )


class Text(Strict):
    """Chinese text, with an English rendering where there is one."""

    shorthand = "zh"

    zh: Annotated[str, Field(min_length=1)]
    en: str | None = None

    def in_language(self, language: str) -> str:
        """Return the text in `zh` or `en`; Chinese where no English exists."""
        return self.en if language == "en" and self.en else self.zh


def _id_text(raw: Any) -> Any:
    """Take `id: 1` for the id "1": official documents number their items."""
    if isinstance(raw, int | Decimal) and not isinstance(raw, bool):
        return str(raw)
    return raw


Id = Annotated[
    str,
    BeforeValidator(_id_text),
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64),
    WithJsonSchema({"type": ["string", "number"], "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}),
]
"""Id of a rubric, section, item, criterion, stage, reading or alternative."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
"""Name of an entry, a fact, an indicator or a reference: snake_case."""

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
"""Zero or more, in order."""
Some = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]
"""One or more, in order."""

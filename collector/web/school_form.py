"""The form of a school's profile as people type it, and the profile that it makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import TypeVar

from starlette.datastructures import FormData

from collector.domain import School, SchoolKind, Setting, Stage
from collector.errors import RowError
from collector.imports.cells import day, whole_number
from collector.imports.refusals import CellError
from collector.imports.school_reading import COUNTS
from collector.web.form_pages import text_of, wrong_fields

W = TypeVar("W", bound=StrEnum)
_CHOOSE = "请从列出的选项中选 / choose one of the options"


def read_school(form: FormData, held: School) -> School:
    """Return the profile that the form says; a field that is not on the form stays as it was.

    Raises UnprocessableError naming every field that cannot be read.
    """
    wrong: list[RowError] = []

    def word(name: str, words: type[W]) -> W | None:
        text = text_of(form, name)
        if text and text not in set(words):
            wrong.append(RowError(None, name, _CHOOSE))
            return None
        return words(text) if text else None

    def count(name: str) -> int | None:
        try:
            return whole_number(text_of(form, name), COUNTS[name])
        except CellError as error:
            wrong.append(RowError(None, name, str(error)))
            return None

    def as_of() -> date | None:
        try:
            return day(text_of(form, "as_of"))
        except CellError as error:
            wrong.append(RowError(None, "as_of", str(error)))
            return None

    named = [str(one) for one in form.getlist("stages")]
    if not set(named) <= set(Stage):
        wrong.append(RowError(None, "stages", _CHOOSE))
    school = replace(
        held,
        name=text_of(form, "name"),
        kind=word("kind", SchoolKind) or held.kind,
        stages=tuple(stage for stage in Stage if stage.value in named),
        students=count("students"),
        staff=count("staff"),
        classes=count("classes"),
        as_of=as_of(),
        setting=word("setting", Setting),
        award_level=text_of(form, "award_level") or None,
        township_id=text_of(form, "township_id") or None,
        teaching_point=bool(text_of(form, "teaching_point")),
        main_school_id=text_of(form, "main_school_id") or None,
    )
    if wrong:
        raise wrong_fields(*wrong)
    return school


def typed_of(school: School) -> dict[str, list[str]]:
    """Return the form as somebody would have typed this profile; unknown counts are blank."""
    fields = {
        "id": school.id,
        "name": school.name,
        "kind": school.kind.value,
        "students": school.students,
        "staff": school.staff,
        "classes": school.classes,
        "as_of": school.as_of.isoformat() if school.as_of else None,
        "setting": school.setting.value if school.setting else None,
        "award_level": school.award_level,
        "township_id": school.township_id,
        "teaching_point": "yes" if school.teaching_point else None,
        "main_school_id": school.main_school_id,
    }
    typed = {name: ["" if value is None else str(value)] for name, value in fields.items()}
    return {**typed, "stages": [stage.value for stage in school.stages]}

"""The form of a new round as people type it, and the draft that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData

from collector.domain import (
    Deadlines,
    Hours,
    PinnedRubric,
    Round,
    RoundCalendar,
    School,
)
from collector.errors import RowError, UnprocessableError
from collector.web.form_pages import text_of
from rubrics.model import Rubric

_BREAKS = re.compile(r"[\s,，;；、]+")
_BETWEEN = re.compile(r"\s*(?:至|到|~|–|—|\s-\s|\s)\s*")
_DAY = "日期写成 2026-09-01 的样子 / write a day like 2026-09-01"
_SPAN = "每行写起止，如 2026-09-01 至 2027-01-20 / first and last day on each line"
_HOURS = "写成 08:00-11:50 的样子 / write hours like 08:00-11:50"


@dataclass(frozen=True)
class SchoolFilter:
    """Which schools a round is for: those named, or all that fit."""

    kind: str = ""
    stage: str = ""
    township_id: str = ""
    named: tuple[str, ...] = ()

    def choose(self, schools: Iterable[School]) -> tuple[str, ...]:
        """Return the ids of the schools; named ones are taken as they are, unknown ones too."""
        if self.named:
            return self.named
        return tuple(
            school.id
            for school in schools
            if self.kind in ("", school.kind.value)
            and (not self.stage or self.stage in [stage.value for stage in school.stages])
            and self.township_id in ("", school.township_id)
        )


def filter_of(form: FormData) -> SchoolFilter:
    """Read the filter of schools."""
    named = tuple(part for part in _BREAKS.split(text_of(form, "school_ids")) if part)
    return SchoolFilter(
        text_of(form, "kind"), text_of(form, "stage"), text_of(form, "township_id"), named
    )


class RoundForm:
    """Reads the form; collects what is wrong with each field."""

    def __init__(self, form: FormData, zone: ZoneInfo) -> None:
        self._form = form
        self._zone = zone
        self._wrong: list[RowError] = []

    def draft(self, rubrics: Mapping[str, Rubric], schools: Sequence[School]) -> Round:
        """Return the draft. Raises UnprocessableError naming every field that cannot be read."""
        held = Round(
            id=text_of(self._form, "id"),
            title=text_of(self._form, "title"),
            as_of=self._day("as_of"),
            since=self._day("since"),
            until=self._day("until"),
            rubrics=tuple(self._rubrics(rubrics)),
            school_ids=filter_of(self._form).choose(schools),
            calendar=self._calendar(),
            deadlines=self._deadlines(),
        )
        if self._wrong:
            raise UnprocessableError(
                "fields_wrong",
                "请更正标出的各栏，其余内容已保留。",
                detail_en="Correct the marked fields; everything else was kept.",
                errors=tuple(self._wrong),
            )
        return held

    def _rubrics(self, rubrics: Mapping[str, Rubric]) -> Iterable[PinnedRubric]:
        for rubric_id in self._form.getlist("rubric"):
            rubric = rubrics.get(str(rubric_id))
            if rubric is None:
                yield PinnedRubric(str(rubric_id))
                continue
            chosen = {n: text_of(self._form, f"reading.{rubric.id}.{n}") for n in rubric.readings}
            figures = {
                n: text_of(self._form, f"reference.{rubric.id}.{n}") for n in rubric.references
            }
            yield PinnedRubric(
                rubric.id,
                {name: value for name, value in chosen.items() if value},
                {name: value for name, value in figures.items() if value},
            )

    def _calendar(self) -> RoundCalendar:
        return RoundCalendar(
            terms=tuple(self._terms()),
            closed=self._days("closed"),
            open=self._days("open_days"),
            exams=self._days("exams"),
            hours=self._hours(),
        )

    def _deadlines(self) -> Deadlines:
        days = text_of(self._form, "appeal_working_days") or "5"
        if not days.isdecimal() or len(days) > 3:
            self._refuse("deadlines.appeal_working_days", "要填整数 / a whole number is needed")
            days = "5"
        return Deadlines(self._end_of("submit_by"), self._end_of("review_by"), int(days))

    def _end_of(self, name: str) -> datetime | None:
        if not text_of(self._form, name):
            return None
        day = self._day(name, f"deadlines.{name}")
        return datetime.combine(day, time(23, 59, 59), self._zone)

    def _terms(self) -> Iterable[tuple[date, date]]:
        for line in text_of(self._form, "terms").splitlines():
            parts = [part for part in _BETWEEN.split(line.strip()) if part]
            try:
                since, until = (date.fromisoformat(part) for part in parts)
            except ValueError:
                self._refuse("calendar.terms", _SPAN)
            else:
                yield since, until

    def _hours(self) -> Hours:
        hours = []
        for part in _BREAKS.split(text_of(self._form, "hours")):
            first, _, last = part.partition("-")
            try:
                if part:
                    hours.append((time.fromisoformat(first), time.fromisoformat(last)))
            except ValueError:
                self._refuse("calendar.hours", _HOURS)
        return tuple(hours)

    def _days(self, name: str) -> tuple[date, ...]:
        texts = [part for part in _BREAKS.split(text_of(self._form, name)) if part]
        return tuple(self._one_day(text, f"calendar.{name}") for text in texts)

    def _day(self, name: str, field: str = "") -> date:
        return self._one_day(text_of(self._form, name), field or name)

    def _one_day(self, text: str, field: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._refuse(field, _DAY)
            return date.min

    def _refuse(self, field: str, reason: str) -> None:
        self._wrong.append(RowError(None, field, reason))

"""The form of a round as people type it, the round that it makes, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from collector.errors import RowError
from collector.web.form_pages import text_of, wrong_fields
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


def typed_of(held: Round, schools: Sequence[School], zone: ZoneInfo) -> dict[str, list[str]]:
    """Return a round as somebody would have typed it; one of all schools names none of them."""
    calendar, limits = held.calendar, held.deadlines
    everyone = set(held.school_ids) == {school.id for school in schools}
    fields = {
        "title": held.title,
        "as_of": held.as_of.isoformat(),
        "since": held.since.isoformat(),
        "until": held.until.isoformat(),
        "school_ids": "" if everyone else "\n".join(held.school_ids),
        "submit_by": _local_day(limits.submit_by, zone),
        "review_by": _local_day(limits.review_by, zone),
        "appeal_working_days": str(limits.appeal_working_days),
        "terms": "\n".join(f"{first} 至 {last}" for first, last in calendar.terms),
        "closed": _days_text(calendar.closed),
        "open_days": _days_text(calendar.open),
        "exams": _days_text(calendar.exams),
        "hours": " ".join(f"{start:%H:%M}-{stop:%H:%M}" for start, stop in calendar.hours),
    }
    for one in held.rubrics:
        fields |= {f"reading.{one.rubric_id}.{name}": v for name, v in one.readings.items()}
        fields |= {f"reference.{one.rubric_id}.{name}": v for name, v in one.references.items()}
    typed = {name: [value] for name, value in fields.items()}
    return {**typed, "rubric": [one.rubric_id for one in held.rubrics]}


def _local_day(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else moment.astimezone(zone).date().isoformat()


def _days_text(days: Iterable[date]) -> str:
    return " ".join(day.isoformat() for day in days)


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
        self._refuse_if_wrong()
        return held

    def changed_draft(
        self, held: Round, rubrics: Mapping[str, Rubric], schools: Sequence[School]
    ) -> Round:
        """Return the draft with what the form says; raises as `draft`.

        Timetables of single schools are not on the form: those of schools that stay are kept.
        """
        new = self.draft(rubrics, schools)
        kept = {n: h for n, h in held.calendar.school_hours.items() if n in new.school_ids}
        return replace(
            held,
            title=new.title,
            as_of=new.as_of,
            since=new.since,
            until=new.until,
            rubrics=new.rubrics,
            school_ids=new.school_ids,
            calendar=replace(new.calendar, school_hours=kept),
            deadlines=self._kept_times(held.deadlines, new.deadlines),
        )

    def changed_deadlines(self, held: Round) -> Round:
        """Return the round with another title and deadlines, which is all that is not pinned.

        Raises UnprocessableError naming every field that cannot be read.
        """
        title, deadlines = text_of(self._form, "title"), self._deadlines()
        self._refuse_if_wrong()
        kept = self._kept_times(held.deadlines, deadlines)
        return replace(held, title=title, deadlines=kept)

    def _kept_times(self, before: Deadlines, after: Deadlines) -> Deadlines:
        """Keep a time of day that the form cannot say where the day stayed."""
        return replace(
            after,
            submit_by=self._kept_time(before.submit_by, after.submit_by),
            review_by=self._kept_time(before.review_by, after.review_by),
        )

    def _kept_time(self, before: datetime | None, after: datetime | None) -> datetime | None:
        same = before and after and before.astimezone(self._zone).date() == after.date()
        return before if same else after

    def _refuse_if_wrong(self) -> None:
        if self._wrong:
            raise wrong_fields(*self._wrong)

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

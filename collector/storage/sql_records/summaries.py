"""Summaries of score sheets in SQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, or_, select, union_all

from collector.domain import IndicatorVerdict, Summary
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import (
    case_entries,
    case_marks,
    case_overrides,
    case_versions,
    cases,
    entries,
    facts,
    leases,
    school_profiles,
    summaries,
)


class SqlSummaries:
    """The part `SummaryRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_summaries(self, round_id: str, school_id: str, found: Sequence[Summary]) -> None:
        """Replace everything that is kept of a school in a round."""
        held = (summaries.c.round_id == round_id) & (summaries.c.school_id == school_id)
        with self._database.writing() as connection:
            connection.execute(delete(summaries).where(held))
            if found:
                connection.execute(insert(summaries), [_values(summary) for summary in found])

    def summaries(
        self, round_id: str, rubric_id: str, since: datetime | None = None
    ) -> Sequence[Summary]:
        """Return the summaries by one rubric, by school; `since`: those computed then or later."""
        columns = summaries.c
        statement = (
            select(summaries)
            .where(columns.round_id == round_id, columns.rubric_id == rubric_id)
            .order_by(columns.school_id)
        )
        if since is not None:
            statement = statement.where(columns.computed_at >= since)
        with self._database.reading() as connection:
            return [_summary(row) for row in connection.execute(statement)]

    def school_summaries(self, round_id: str, school_ids: Collection[str]) -> Sequence[Summary]:
        """Return what is kept of these schools in a round, by every rubric."""
        columns = summaries.c
        statement = (
            select(summaries)
            .where(columns.round_id == round_id, columns.school_id.in_(school_ids))
            .order_by(columns.school_id, columns.rubric_id)
        )
        with self._database.reading() as connection:
            return [_summary(row) for row in connection.execute(statement)]

    def summary_times(self, round_id: str) -> Mapping[str, datetime]:
        """Return by school when its summaries in a round were computed."""
        columns = summaries.c
        statement = select(columns.school_id, func.min(columns.computed_at))
        statement = statement.where(columns.round_id == round_id).group_by(columns.school_id)
        return self._times(statement)

    def declared_times(self) -> Mapping[str, datetime]:
        """Return by school when anything was last declared or entered for it, outside rounds."""
        tables = (facts, entries, school_profiles)
        each = [
            select(table.c.school_id, func.max(table.c.recorded_at).label("at")).group_by(
                table.c.school_id
            )
            for table in tables
        ]
        return self._newest_times(each)

    def case_times(self, round_id: str) -> Mapping[str, datetime]:
        """Return by school when its cases of a round, or anything in them, last changed."""
        columns = [cases.c.changed_at]
        columns += [t.c.recorded_at for t in (case_entries, case_marks, case_overrides)]
        columns.append(case_versions.c.recorded_at)
        each = [
            select(column.table.c.school_id, func.max(column).label("at"))
            .where(column.table.c.round_id == round_id, column.is_not(None))
            .group_by(column.table.c.school_id)
            for column in columns
        ]
        return self._newest_times(each)

    def take_lease(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Hold the lease up to `until`, if nobody else holds it; the holder may extend it."""
        free: ColumnElement[bool] = or_(leases.c.holder == holder, leases.c.until < now)
        taken = {"holder": holder, "until": until}
        statement = self._database.insert(leases).values(name=name, **taken)
        statement = statement.on_conflict_do_update(
            index_elements=[leases.c.name], set_=taken, where=free
        )
        with self._database.writing() as connection:
            return connection.execute(statement.returning(leases.c.name)).first() is not None

    def release_lease(self, name: str, holder: str) -> None:
        """Give the lease up; nothing happens if somebody else holds it."""
        held = (leases.c.name == name) & (leases.c.holder == holder)
        with self._database.writing() as connection:
            connection.execute(delete(leases).where(held))

    def _newest_times(self, each: Sequence[Select[Any]]) -> Mapping[str, datetime]:
        together = union_all(*each).subquery()
        statement = select(together.c.school_id, func.max(together.c.at))
        return self._times(statement.group_by(together.c.school_id))

    def _times(self, statement: Select[Any]) -> Mapping[str, datetime]:
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}


def _values(summary: Summary) -> dict[str, Any]:
    # Lists instead of objects: three thousand schools are read at once.
    rows = [list(asdict(verdict).values()) for verdict in summary.indicators]
    texts = {
        "counts": _text(dict(summary.counts)),
        "indicators": _text(rows),
    }
    fields = {name: getattr(summary, name) for name in Summary.__dataclass_fields__}
    return {**fields, **texts}


def _summary(row: Row[Any]) -> Summary:
    fields = dict(zip(row._fields, row, strict=True))
    fields["counts"] = json.loads(fields["counts"])
    fields["indicators"] = tuple(map(_verdict, json.loads(fields["indicators"])))
    return Summary(**fields)


def _verdict(fields: list[Any]) -> IndicatorVerdict:
    indicator, result, value, unit, op, threshold, *rest = fields
    return IndicatorVerdict(indicator, result, value, unit, op, tuple(threshold), *rest)


def _text(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

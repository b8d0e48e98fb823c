"""What readings do to the cases of a round, in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from collector.domain import EffectsState, ReadingEffects
from collector.storage.sql_records.database import Database
from collector.storage.sql_records.schema import reading_effects


class SqlReadingEffects:
    """The part `ReadingEffectsRecords` of the record store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_reading_effects(self, one: ReadingEffects) -> None:
        """Replace what is kept for its round and rubric."""
        fields = {name: getattr(one, name) for name in ReadingEffects.__dataclass_fields__}
        found = json.dumps(one.found, ensure_ascii=False, separators=(",", ":"))
        values = {**fields, "state": one.state.value, "found": found}
        statement = self._database.insert(reading_effects).values(values)
        keys = ["round_id", "rubric_id"]
        with self._database.writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))

    def reading_effects(self, round_id: str, rubric_id: str) -> ReadingEffects | None:
        """Return what is kept; None if nobody ever asked."""
        columns = reading_effects.c
        wanted = (columns.round_id == round_id) & (columns.rubric_id == rubric_id)
        with self._database.reading() as connection:
            row = connection.execute(select(reading_effects).where(wanted)).first()
        return _effects(row) if row else None

    def waiting_reading_effects(self) -> Sequence[ReadingEffects]:
        """Return those waiting or under way, the one asked for first at the head."""
        columns = reading_effects.c
        open_states = [EffectsState.WAITING.value, EffectsState.RUNNING.value]
        statement = select(reading_effects).where(columns.state.in_(open_states))
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(columns.asked_at))
            return [_effects(row) for row in rows]


def _effects(row: Row[Any]) -> ReadingEffects:
    fields = dict(zip(row._fields, row, strict=True))
    return ReadingEffects(
        **{**fields, "state": EffectsState(row.state), "found": json.loads(row.found)}
    )

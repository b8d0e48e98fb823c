"""Batches turned into columns, and columns into DuckDB.

Columns go in as list parameters and are unnested in SQL. Measured on two cores: 350,000 rows/s,
ten times `executemany` and as fast as a JSON parameter, with no numpy or Arrow beside the store.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import duckdb

from collector.domain import Batch, Outcome, StoredReading

SourceKey: TypeAlias = tuple[str, str, str, str, tuple[tuple[str, str], ...]]
"""School, agent, probe, target and the sorted labels."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_UNNEST: Final = {
    "MAP": "map_from_entries(unnest(?::STRUCT(k VARCHAR, v VARCHAR)[][]))",
    "TIME": "make_timestamp(unnest(?::BIGINT[]))",
}


def insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    types: Sequence[str],
    columns: Sequence[list[object]],
) -> None:
    """Append the columns, equally long and typed as named, to the table."""
    selected = ", ".join(_UNNEST.get(name, f"unnest(?::{name}[])") for name in types)
    connection.execute(f"INSERT INTO {table} SELECT {selected}", list(columns))


class NewRows:
    """Batches turned into columns, with ids given to the sources and series that are new."""

    def __init__(self, sources: dict[SourceKey, int], series: dict[tuple[int, str], int]) -> None:
        self.sources = sources
        self.series = series
        self._source_rows: list[tuple[object, ...]] = []
        self._series_rows: list[tuple[object, ...]] = []
        self._reading_rows: list[tuple[object, ...]] = []
        self._sample_rows: list[tuple[object, ...]] = []

    @property
    def sample_count(self) -> int:
        """How many samples the batches hold."""
        return len(self._sample_rows)

    def add(self, batch: Batch) -> None:
        """Take every reading of the batch with its samples."""
        for reading in batch.readings:
            source = self._source(batch, reading)
            causes = _causes(reading)
            moment = (reading.time - _EPOCH) // _MICROSECOND
            details = json.dumps(reading.details, ensure_ascii=False) if reading.details else None
            self._reading_rows.append(
                (source, moment, reading.sequence, reading.outcome.value, reading.reason,
                 list(reading.limited_by) or None, details)
            )  # fmt: skip
            for metric, value in reading.values.items():
                self._sample_rows.append(
                    (self._series_id(source, metric), moment, value, reading.outcome.value, causes)
                )

    def _source(self, batch: Batch, reading: StoredReading) -> int:
        labels = tuple(sorted(reading.labels.items()))
        key = (batch.school_id, batch.agent_id, reading.probe, reading.target, labels)
        if key not in self.sources:
            self.sources[key] = len(self.sources) + 1
            pairs = [{"k": name, "v": text} for name, text in labels]
            self._source_rows.append((self.sources[key], *key[:4], pairs))
        return self.sources[key]

    def _series_id(self, source: int, metric: str) -> int:
        key = (source, metric)
        if key not in self.series:
            self.series[key] = len(self.series) + 1
            self._series_rows.append((self.series[key], *key))
        return self.series[key]

    def insert(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write the rows within the caller's transaction."""
        for table, types, rows in (
            ("sources", "INTEGER VARCHAR VARCHAR VARCHAR VARCHAR MAP", self._source_rows),
            ("series", "INTEGER INTEGER VARCHAR", self._series_rows),
            ("recent_readings", "INTEGER TIME BIGINT VARCHAR VARCHAR VARCHAR[] VARCHAR",
             self._reading_rows),
            ("recent_samples", "INTEGER TIME DOUBLE VARCHAR VARCHAR[]", self._sample_rows),
        ):  # fmt: skip
            if rows:
                columns = [list(column) for column in zip(*rows, strict=True)]
                insert(connection, table, types.split(), columns)


def _causes(reading: StoredReading) -> list[str] | None:
    """Name what held the values back; a limited reading without a cause has its reason as one."""
    if reading.limited_by:
        return sorted(set(reading.limited_by))
    if reading.outcome is Outcome.LIMITED and reading.reason:
        return [reading.reason]
    return None

"""The embedded series store: one DuckDB file, one writer, many readers.

Layout. A source is one (school, agent, probe, target, labels); a series is one metric of a source.
Both are small tables whose ids keep the large ones narrow. `readings` keeps each reading as
evidence, `samples` its numbers. New rows arrive in time order in `recent_*` and are moved, sorted
by series, to `archive_*` in bulk: sorted rows take less room and let a query for one school skip
the others. The views `readings` and `samples` hide the difference.

Idempotence. The key of every batch is recorded in the transaction that stores it. Only the newest
keys are kept: the inbox hands a batch over again only if the process died between this commit and
its own mark, so a repetition is always among the latest.

DuckDB lets one process open a file at a time; the second gets an UnavailableError.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from collector.domain import AgentReading, Batch, Outcome, StoredReading
from collector.errors import UnavailableError
from collector.storage.duckdb_rows import NewRows, SourceKey, insert
from collector.storage.duckdb_samples import outages, samples
from collector.storage.duckdb_statistics import summarise
from collector.storage.ports import GroupSummary, Outage, SamplePoint, SeriesQuery

SCHEMA_VERSION = 1
APPLIED_KEYS_KEPT = 100_000
ARCHIVE_AT_ROWS = 2_000_000
"""Recent samples that trigger archiving: about a day of 60 schools, a second or two of work."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL);
CREATE SEQUENCE IF NOT EXISTS batch_positions;
CREATE TABLE IF NOT EXISTS applied_batches (
    position BIGINT DEFAULT nextval('batch_positions'), key VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS sources (
    source_id INTEGER NOT NULL, school_id VARCHAR NOT NULL, agent_id VARCHAR NOT NULL,
    probe VARCHAR NOT NULL, target VARCHAR NOT NULL, labels MAP(VARCHAR, VARCHAR) NOT NULL);
CREATE TABLE IF NOT EXISTS series (
    series_id INTEGER NOT NULL, source_id INTEGER NOT NULL, metric VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS recent_samples (
    series_id INTEGER NOT NULL, time TIMESTAMP NOT NULL, value DOUBLE NOT NULL,
    outcome VARCHAR NOT NULL, limited_by VARCHAR[]);
CREATE TABLE IF NOT EXISTS archive_samples AS FROM recent_samples LIMIT 0;
CREATE TABLE IF NOT EXISTS recent_readings (
    source_id INTEGER NOT NULL, time TIMESTAMP NOT NULL, sequence BIGINT NOT NULL,
    outcome VARCHAR NOT NULL, reason VARCHAR, limited_by VARCHAR[], details VARCHAR);
CREATE TABLE IF NOT EXISTS archive_readings AS FROM recent_readings LIMIT 0;
CREATE OR REPLACE VIEW samples AS FROM archive_samples UNION ALL FROM recent_samples;
CREATE OR REPLACE VIEW readings AS FROM archive_readings UNION ALL FROM recent_readings;
"""

_LATEST = """
WITH newest AS (
    SELECT r.*, s.agent_id, s.probe, s.target, s.labels
    FROM readings r JOIN sources s USING (source_id)
    WHERE s.school_id = $school AND ($probe IS NULL OR s.probe = $probe)
    ORDER BY r.time DESC, r.sequence DESC LIMIT $limit
)
SELECT n.agent_id, n.sequence, n.probe, n.target, n.time, n.outcome, n.reason,
       coalesce(n.limited_by, []), n.details,
       map_keys(n.labels), map_values(n.labels),
       coalesce(list(e.metric ORDER BY e.metric) FILTER (v.value IS NOT NULL), []),
       coalesce(list(v.value ORDER BY e.metric) FILTER (v.value IS NOT NULL), [])
FROM newest n
LEFT JOIN series e USING (source_id)
LEFT JOIN samples v ON v.series_id = e.series_id AND v.time = n.time
    AND v.time >= (SELECT min(time) FROM newest)
GROUP BY ALL
ORDER BY n.time DESC, n.sequence DESC
"""


class DuckDBSeriesStore:
    """SeriesStore on one DuckDB file. Safe to share between threads."""

    def __init__(
        self, path: Path, *, memory_limit: str = "1GB", archive_at_rows: int = ARCHIVE_AT_ROWS
    ) -> None:
        """Open the file, making it if need be.

        Raises UnavailableError if another process has it open, if it cannot be read, or if a newer
        release wrote it.
        """
        self._path = path
        self._archive_at_rows = archive_at_rows
        self._write_lock = threading.Lock()
        self._cursor_lock = threading.Lock()
        self._held: duckdb.DuckDBPyConnection | None = self._open(memory_limit)
        self._prepare_schema()
        self._sources = self._load_sources()
        self._series = {
            (source, metric): series
            for series, source, metric in self._read(
                "SELECT series_id, source_id, metric FROM series"
            )
        }
        self._recent_samples: int = self._read("SELECT count(*) FROM recent_samples")[0][0]
        self._last_times = self._load_last_times()

    # Opening

    def _open(self, memory_limit: str) -> duckdb.DuckDBPyConnection:
        try:
            return duckdb.connect(str(self._path), config={"memory_limit": memory_limit})
        except duckdb.Error as error:
            locked = "lock" in str(error).lower()
            step = (
                "Stop the other process that uses it, or ask the running collector instead."
                if locked
                else "Check folder and disk; restore the file from a backup if it is damaged."
            )
            raise UnavailableError(
                "series_store_locked" if locked else "series_store_unreadable",
                f"{self._path} cannot be opened: {error}. {step}",
            ) from error

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._held is None:
            raise UnavailableError(
                "series_store_closed", f"{self._path} is closed: the collector is stopping."
            )
        return self._held

    def _prepare_schema(self) -> None:
        self._connection.execute("BEGIN")
        self._connection.execute(_SCHEMA)
        found = self._connection.execute("SELECT max(version) FROM schema_version").fetchall()[0][0]
        if found is None:
            self._connection.execute("INSERT INTO schema_version VALUES (?)", [SCHEMA_VERSION])
        self._connection.execute("COMMIT")
        if found is not None and found > SCHEMA_VERSION:
            self._connection.close()
            raise UnavailableError(
                "series_store_newer",
                f"{self._path} has schema {found}, this release knows {SCHEMA_VERSION}. "
                "Run the release that wrote it, or a later one.",
            )

    def _load_sources(self) -> dict[SourceKey, int]:
        rows = self._read(
            "SELECT source_id, school_id, agent_id, probe, target, "
            "map_keys(labels), map_values(labels) FROM sources"
        )
        return {
            (school, agent, probe, target, tuple(zip(names, texts, strict=True))): source
            for source, school, agent, probe, target, names, texts in rows
        }

    def _load_last_times(self) -> dict[str, datetime]:
        rows = self._read(
            "SELECT s.school_id, max(r.newest) FROM sources s JOIN "
            "(SELECT source_id, max(time) AS newest FROM readings GROUP BY 1) r USING (source_id) "
            "GROUP BY 1"
        )
        return {school: time.replace(tzinfo=UTC) for school, time in rows}

    # Writing

    def apply_batches(self, batches: Sequence[Batch]) -> int:
        """Store what is new in one durable transaction; see SeriesStore."""
        with self._write_lock:
            known = self._applied(batch.key for batch in batches)
            new = {batch.key: batch for batch in batches if batch.key not in known}
            if not new:
                return 0
            with _Transaction(self._connection):
                rows = NewRows(dict(self._sources), dict(self._series))
                for batch in new.values():
                    rows.add(batch)
                rows.insert(self._connection)
                insert(self._connection, "applied_batches (key)", ["VARCHAR"], [list(new)])
            self._sources, self._series = rows.sources, rows.series
            self._recent_samples += rows.sample_count
            self._note_times(new.values())
            if self._recent_samples >= self._archive_at_rows:
                self._archive()
            return len(new)

    def _applied(self, keys: Iterable[str]) -> frozenset[str]:
        rows = self._connection.execute(
            "SELECT key FROM applied_batches WHERE key IN (SELECT unnest(?::VARCHAR[]))",
            [list(keys)],
        ).fetchall()
        return frozenset(key for (key,) in rows)

    def _note_times(self, batches: Iterable[Batch]) -> None:
        newest = dict(self._last_times)
        for batch in batches:
            for reading in batch.readings:
                last = newest.get(batch.school_id)
                if last is None or reading.time > last:
                    newest[batch.school_id] = reading.time
        self._last_times = newest

    def archive(self) -> None:
        """Sort the recent rows into the archive now. Changes no answer, only its price."""
        with self._write_lock:
            self._archive()

    def _archive(self) -> None:
        with _Transaction(self._connection):
            for table, order in (("samples", "series_id, time"), ("readings", "source_id, time")):
                self._connection.execute(
                    f"INSERT INTO archive_{table} FROM recent_{table} ORDER BY {order}"
                )
                self._connection.execute(f"DELETE FROM recent_{table}")  # noqa: S608 - as above
            self._connection.execute(
                "DELETE FROM applied_batches WHERE position <= "
                "(SELECT max(position) FROM applied_batches) - ?",
                [APPLIED_KEYS_KEPT],
            )
        self._connection.execute("CHECKPOINT")
        self._recent_samples = 0

    # Reading

    def _read(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[Any]:
        with self._cursor_lock:
            cursor = self._connection.cursor()
        try:
            return cursor.execute(sql, parameters).fetchall()
        finally:
            cursor.close()

    def summarise(self, query: SeriesQuery) -> Sequence[GroupSummary]:
        """Reduce the samples of each group; see SeriesStore."""
        return summarise(self._read, query)

    def samples(
        self, query: SeriesQuery, max_points: int, max_groups: int
    ) -> Sequence[SamplePoint]:
        """Return the samples of a query, thinned for a chart; see SeriesStore."""
        return samples(self._read, query, max_points, max_groups)

    def outages(self, query: SeriesQuery, max_outages: int) -> Sequence[Outage]:
        """Return the outages of a query; see SeriesStore."""
        return outages(self._read, query, max_outages)

    def latest_readings(
        self, school_id: str, probe: str | None = None, limit: int = 100
    ) -> Sequence[AgentReading]:
        """Return readings of a school, newest first."""
        rows = self._read(_LATEST, {"school": school_id, "probe": probe, "limit": limit})
        return [_reading(school_id, row) for row in rows]

    def probes_of(self, school_id: str) -> frozenset[str]:
        """Return the probes of which the school ever sent a reading."""
        statement = "SELECT DISTINCT probe FROM sources WHERE school_id = $school"
        return frozenset(probe for (probe,) in self._read(statement, {"school": school_id}))

    def last_reading_times(self) -> Mapping[str, datetime]:
        """Return the time of the newest reading per school."""
        return MappingProxyType(self._last_times)

    def check(self) -> None:
        """Return if the store answers."""
        try:
            self._read("SELECT count(*) FROM schema_version")
        except duckdb.Error as error:
            raise UnavailableError(
                "series_store_down", f"{self._path} does not answer: {error}. Check disk and log."
            ) from error

    def close(self) -> None:
        """Checkpoint and release the file. Closing again does nothing.

        The connection is let go as well: whoever still holds the store at the end of the process
        would keep it beyond the end of the library that it belongs to.
        """
        with self._write_lock, self._cursor_lock:
            if self._held is not None:
                self._held.close()
                self._held = None


class _Transaction:
    """BEGIN … COMMIT, or ROLLBACK if the body raises."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


def _reading(school_id: str, row: tuple[Any, ...]) -> AgentReading:
    (agent, sequence, probe, target, time, outcome, reason, limited_by, details,
     label_names, label_texts, metrics, values) = row  # fmt: skip
    return AgentReading(
        school_id,
        agent,
        StoredReading(
            sequence=sequence,
            probe=probe,
            target=target,
            time=time.replace(tzinfo=UTC),
            outcome=Outcome(outcome),
            reason=reason,
            values=dict(zip(metrics, values, strict=True)),
            labels=dict(zip(label_names, label_texts, strict=True)),
            limited_by=tuple(limited_by),
            details=json.loads(details) if details else {},
        ),
    )

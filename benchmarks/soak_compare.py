"""What an agent's spool kept against what the collector stored: lost, doubled, out of order."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from soak_site import Agent

Source = tuple[str, str, tuple[tuple[str, str], ...]]
"""Probe, target and sorted labels."""
Row = tuple[Source, datetime, str, str | None]
"""One reading: source, time, outcome and reason."""
Sample = tuple[Source, datetime, str, float]


@dataclass
class Ledger:
    """Readings and their samples, counted, and the readings of every source in order."""

    readings: Counter[Row] = field(default_factory=Counter)
    samples: Counter[Sample] = field(default_factory=Counter)
    order: dict[Source, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: Row) -> None:
        """Count a reading as the next of its source."""
        self.readings[row] += 1
        self.order[row[0]].append(row)


@dataclass
class Comparison:
    """What came of the readings of one or more agents; the first four must be 0."""

    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    damaged_spools: int = 0
    readings_kept: int = 0
    readings_stored: int = 0
    samples_stored: int = 0

    def add(self, other: Comparison) -> None:
        """Add another agent's figures to these."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def clean(self) -> bool:
        """Whether everything kept is stored once, in order, and something was kept at all."""
        faults = self.lost + self.doubled + self.out_of_order + self.damaged_spools
        return faults == 0 and self.readings_kept > 0


def compare(agent: Agent, series_file: Path) -> Comparison:
    """Compare one stopped agent with the stopped collector's series."""
    asked, kept = asked_and_kept(agent.side_log)
    with duckdb.connect(str(series_file), read_only=True) as series:
        stored = stored_ledger(series, agent.agent_id)
        sequences = [
            row[0]
            for row in series.execute(
                "SELECT sequence FROM readings JOIN sources USING (source_id) WHERE agent_id = ?"
                " ORDER BY sequence",
                [agent.agent_id],
            ).fetchall()
        ]
    lost = (kept.readings - stored.readings).total() + (kept.samples - stored.samples).total()
    # More than was ever asked for can only have come from storing one twice.
    doubled = (stored.readings - asked.readings).total() + (stored.samples - asked.samples).total()
    given = last_sequence(agent)
    return Comparison(
        lost=max(lost, given - len(set(sequences))),
        doubled=max(doubled, len(sequences) - len(set(sequences))),
        out_of_order=sum(
            not is_subsequence(rows, asked.order[source]) for source, rows in stored.order.items()
        ),
        damaged_spools=len(list((agent.state / "spool").glob("*.damaged-*"))),
        readings_kept=kept.readings.total(),
        readings_stored=stored.readings.total(),
        samples_stored=stored.samples.total(),
    )


def asked_and_kept(side_log: Path) -> tuple[Ledger, Ledger]:
    """Read the side log: all readings that were asked for, and those known to be kept."""
    asked, kept = Ledger(), Ledger()
    rows: list[dict[str, Any]] = []
    for kind, content in _lines(side_log):
        if kind == "asked":
            rows = content
            _add(asked, rows)
        else:
            _add(kept, rows)
    return asked, kept


def _lines(side_log: Path) -> Iterator[tuple[str, Any]]:
    for line in side_log.read_text(encoding="utf-8").splitlines():
        kind, content = json.loads(line)
        yield kind, content


def _add(ledger: Ledger, rows: list[dict[str, Any]]) -> None:
    for reading in rows:
        source = (reading["probe"], reading["target"], tuple(sorted(reading["labels"].items())))
        moment = datetime.fromisoformat(reading["time"]).replace(tzinfo=None)
        ledger.add((source, moment, reading["outcome"], reading["reason"]))
        for metric, value in reading["values"].items():
            ledger.samples[source, moment, metric, float(value)] += 1


def stored_ledger(series: duckdb.DuckDBPyConnection, agent_id: str) -> Ledger:
    """Return what the collector has of an agent, in the order of its sequences."""
    ledger = Ledger()
    for probe, target, labels, moment, outcome, reason in series.execute(
        "SELECT probe, target, labels, time, outcome, reason"
        " FROM readings JOIN sources USING (source_id) WHERE agent_id = ? ORDER BY sequence",
        [agent_id],
    ).fetchall():
        ledger.add(((probe, target, tuple(sorted(labels.items()))), moment, outcome, reason))
    for probe, target, labels, moment, metric, value in series.execute(
        "SELECT probe, target, labels, time, metric, value FROM samples JOIN series"
        " USING (series_id) JOIN sources USING (source_id) WHERE agent_id = ?",
        [agent_id],
    ).fetchall():
        source = (probe, target, tuple(sorted(labels.items())))
        ledger.samples[source, moment, metric, value] += 1
    return ledger


def last_sequence(agent: Agent) -> int:
    """Return the sequence of the last reading that the agent's spool ever committed."""
    with closing(sqlite3.connect(agent.state / "spool" / "spool.db")) as database:
        row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'queue'").fetchone()
    return int(row[0]) if row else 0


def is_subsequence(rows: list[Row], of: list[Row]) -> bool:
    """Tell whether `rows` all occur in `of`, in the same order."""
    rest = iter(of)
    return all(any(row == other for other in rest) for row in rows)

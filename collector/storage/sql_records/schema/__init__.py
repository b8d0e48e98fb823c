"""The tables of the record store, for SQLite and PostgreSQL alike.

Values that must stay exact (facts, entries, sheets) are text. Times are UTC. Whoever changes a
table here adds a migration and sets `SCHEMA_VERSION`; a test compares the two.
"""

from __future__ import annotations

from collector.storage.sql_records.schema.base import UtcTime, metadata
from collector.storage.sql_records.schema.identity import agents, enrolment_codes, keys
from collector.storage.sql_records.schema.inbox import (
    inbox,
    refusal_counts,
    refusals,
    school_series,
)
from collector.storage.sql_records.schema.schools import entries, facts, schools
from collector.storage.sql_records.schema.sheets import sheets
from collector.storage.sql_records.schema.slots import (
    slot_days,
    slot_pauses,
    slot_settings,
    slot_tests,
)

__all__ = [
    "SCHEMA_VERSION",
    "UtcTime",
    "agents",
    "enrolment_codes",
    "entries",
    "facts",
    "inbox",
    "keys",
    "metadata",
    "refusal_counts",
    "refusals",
    "school_series",
    "schools",
    "sheets",
    "slot_days",
    "slot_pauses",
    "slot_settings",
    "slot_tests",
]

SCHEMA_VERSION = "0002"
"""The migration that this code is written for."""

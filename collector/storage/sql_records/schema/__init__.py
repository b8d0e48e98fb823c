"""The tables of the record store, for SQLite and PostgreSQL alike.

Values that must stay exact (facts, entries, sheets) are text. Times are UTC. Whoever changes a
table here adds a migration and sets `SCHEMA_VERSION`; a test compares the two.
"""

from __future__ import annotations

from collector.storage.sql_records.schema.assessment import (
    CASE_KEY,
    appeals,
    case_entries,
    case_marks,
    case_overrides,
    case_versions,
    cases,
    documents,
    rounds,
    school_profiles,
    townships,
)
from collector.storage.sql_records.schema.audit import audit, audit_head
from collector.storage.sql_records.schema.base import UtcTime, metadata
from collector.storage.sql_records.schema.evidence import evidence, evidence_supports, flag_notes
from collector.storage.sql_records.schema.identity import (
    agents,
    enrolment_codes,
    keys,
    quarantine,
)
from collector.storage.sql_records.schema.imports import import_contents, imports
from collector.storage.sql_records.schema.inbox import (
    bundles,
    inbox,
    refusal_counts,
    refusals,
    school_series,
)
from collector.storage.sql_records.schema.people import (
    assignments,
    one_time_codes,
    passwords,
    people,
    sessions,
    sign_in_failures,
    tokens,
)
from collector.storage.sql_records.schema.publications import publications
from collector.storage.sql_records.schema.reading_effects import reading_effects
from collector.storage.sql_records.schema.schools import entries, facts, schools
from collector.storage.sql_records.schema.sheets import sheets
from collector.storage.sql_records.schema.slots import (
    slot_days,
    slot_pauses,
    slot_settings,
    slot_tests,
)
from collector.storage.sql_records.schema.summaries import leases, summaries

__all__ = [
    "CASE_KEY",
    "SCHEMA_VERSION",
    "TRACKED_TABLES",
    "UtcTime",
    "agents",
    "appeals",
    "assignments",
    "audit",
    "audit_head",
    "bundles",
    "case_entries",
    "case_marks",
    "case_overrides",
    "case_versions",
    "cases",
    "documents",
    "enrolment_codes",
    "entries",
    "evidence",
    "evidence_supports",
    "facts",
    "flag_notes",
    "import_contents",
    "imports",
    "inbox",
    "keys",
    "leases",
    "metadata",
    "one_time_codes",
    "passwords",
    "people",
    "publications",
    "quarantine",
    "reading_effects",
    "refusal_counts",
    "refusals",
    "rounds",
    "school_profiles",
    "school_series",
    "schools",
    "sessions",
    "sheets",
    "sign_in_failures",
    "slot_days",
    "slot_pauses",
    "slot_settings",
    "slot_tests",
    "summaries",
    "tokens",
    "townships",
]

SCHEMA_VERSION = "0010"
"""The migration that this code is written for."""

TRACKED_TABLES = (
    people,
    assignments,
    passwords,
    one_time_codes,
    tokens,
    schools,
    townships,
    school_profiles,
    facts,
    entries,
    rounds,
    cases,
    case_entries,
    case_marks,
    case_overrides,
    case_versions,
    appeals,
    evidence,
    evidence_supports,
    flag_notes,
    publications,
    imports,
)
"""Tables whose every row has a record in the audit chain: changed only through `append_audit`."""

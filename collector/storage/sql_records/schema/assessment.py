"""Profiles, rounds, cases, appeals, and the documents they pin.

What people write is appended with a revision: the newest row counts, the others are the history.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from collector.storage.sql_records.schema.base import UtcTime, metadata

townships = Table(
    "townships",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("parent_id", ForeignKey("townships.id")),
)

school_profiles = Table(
    "school_profiles",
    metadata,
    Column("school_id", ForeignKey("schools.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("stages", String(100), nullable=False),
    Column("students", Integer),
    Column("staff", Integer),
    Column("classes", Integer),
    Column("as_of", Date),
    Column("award_level", String(40)),
    Column("is_example", Boolean, nullable=False),
    Column("township_id", String(64)),
    Column("setting", String(20)),
    Column("teaching_point", Boolean, nullable=False),
    Column("main_school_id", String(64)),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("why", Text, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("sha256", String(80), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

rounds = Table(
    "rounds",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("rubrics_json", Text, nullable=False),
    Column("calendar_json", Text, nullable=False),
    Column("deadlines_json", Text, nullable=False),
    Column("schools_json", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("calendar_hash", String(80), nullable=False),
    Column("catalogue_hash", String(80), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("opened_at", UtcTime),
    Column("closed_at", UtcTime),
    Column("published_at", UtcTime),
    Column("revision", Integer, nullable=False),
    Index(None, "created_at"),
)

CASE_KEY = ("round_id", "school_id", "rubric_id")


def _case_key() -> tuple[Column[str], ...]:
    return tuple(Column(name, String(100), primary_key=True) for name in CASE_KEY)


def _of_case() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(CASE_KEY, [f"cases.{name}" for name in CASE_KEY])


cases = Table(
    "cases",
    metadata,
    Column("round_id", ForeignKey("rounds.id"), primary_key=True),
    Column("school_id", ForeignKey("schools.id"), primary_key=True),
    Column("rubric_id", String(100), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("stage_id", String(64)),
    Column("signed_by", String(200)),
    Column("signed_at", UtcTime),
    Column("signed_version", Integer),
    Column("facts_upto", Integer),
    Column("profile_version", Integer),
    Column("version", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("due_at", UtcTime),
    Column("appeal_until", UtcTime),
    Column("changed_at", UtcTime),
    Column("revision", Integer, nullable=False),
    Index(None, "school_id"),
    Index(None, "round_id", "state"),
)

case_entries = Table(
    "case_entries",
    metadata,
    *_case_key(),
    Column("side", String(10), primary_key=True),
    Column("item_id", String(100), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("value_json", Text, nullable=False),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    _of_case(),
)

case_marks = Table(
    "case_marks",
    metadata,
    *_case_key(),
    Column("stage_id", String(64), primary_key=True),
    Column("item_id", String(100), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("points", String(40)),
    Column("remark", Text, nullable=False),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    _of_case(),
)

case_overrides = Table(
    "case_overrides",
    metadata,
    *_case_key(),
    Column("item_id", String(100), primary_key=True),
    Column("finding_id", String(100), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("result", String(20)),
    Column("why", Text, nullable=False),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("appeal_id", String(64)),
    _of_case(),
)

case_versions = Table(
    "case_versions",
    metadata,
    *_case_key(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("cause", String(20), nullable=False),
    Column("document_sha256", ForeignKey("documents.sha256"), nullable=False),
    Column("content_hash", String(80), nullable=False),
    Column("author", String(200), nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("why", Text, nullable=False),
    _of_case(),
)

appeals = Table(
    "appeals",
    metadata,
    Column("id", String(64), primary_key=True),
    *(Column(name, String(100), nullable=False) for name in CASE_KEY),
    Column("item_id", String(100), nullable=False),
    Column("grounds", Text, nullable=False),
    Column("filed_by", String(200), nullable=False),
    Column("filed_at", UtcTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("handled_by", String(200)),
    Column("accepted_at", UtcTime),
    Column("retest_asked_at", UtcTime),
    Column("retest_json", Text),
    Column("decided_by", String(200)),
    Column("decided_at", UtcTime),
    Column("outcome", String(20)),
    Column("decision", Text, nullable=False),
    Column("before_json", Text),
    Column("after_json", Text),
    Column("revision", Integer, nullable=False),
    _of_case(),
    Index(None, *CASE_KEY),
    Index(None, "filed_at"),
)

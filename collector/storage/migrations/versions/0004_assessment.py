"""Profiles in versions, rounds, cases, appeals, and the documents that rounds pin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
CASE = ["round_id", "school_id", "rubric_id"]


def upgrade() -> None:
    """Apply."""
    _profiles()
    _rounds()
    _written()
    _results()
    _first_versions()


def _profiles() -> None:
    with op.batch_alter_table("schools", schema=None) as batch_op:
        batch_op.add_column(sa.Column("township_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("setting", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("teaching_point", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("main_school_id", sa.String(length=64), nullable=True))

    op.create_table(
        "townships",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("parent_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["townships.id"], name=op.f("fk_townships_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_townships")),
    )
    op.create_table(
        "school_profiles",
        sa.Column("school_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("stages", sa.String(length=100), nullable=False),
        sa.Column("students", sa.Integer(), nullable=True),
        sa.Column("staff", sa.Integer(), nullable=True),
        sa.Column("classes", sa.Integer(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=True),
        sa.Column("award_level", sa.String(length=40), nullable=True),
        sa.Column("is_example", sa.Boolean(), nullable=False),
        sa.Column("township_id", sa.String(length=64), nullable=True),
        sa.Column("setting", sa.String(length=20), nullable=True),
        sa.Column("teaching_point", sa.Boolean(), nullable=False),
        sa.Column("main_school_id", sa.String(length=64), nullable=True),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_school_profiles_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", "version", name=op.f("pk_school_profiles")),
    )


def _rounds() -> None:
    op.create_table(
        "documents",
        sa.Column("sha256", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_documents")),
    )
    op.create_table(
        "rounds",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("rubrics_json", sa.Text(), nullable=False),
        sa.Column("calendar_json", sa.Text(), nullable=False),
        sa.Column("deadlines_json", sa.Text(), nullable=False),
        sa.Column("schools_json", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("calendar_hash", sa.String(length=80), nullable=False),
        sa.Column("catalogue_hash", sa.String(length=80), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
    )
    op.create_index(op.f("ix_rounds_created_at"), "rounds", ["created_at"])

    op.create_table(
        "cases",
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("school_id", sa.String(length=64), nullable=False),
        sa.Column("rubric_id", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("stage_id", sa.String(length=64), nullable=True),
        sa.Column("signed_by", sa.String(length=200), nullable=True),
        sa.Column("signed_at", INSTANT, nullable=True),
        sa.Column("signed_version", sa.Integer(), nullable=True),
        sa.Column("facts_upto", sa.Integer(), nullable=True),
        sa.Column("profile_version", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("appeal_until", INSTANT, nullable=True),
        sa.Column("changed_at", INSTANT, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_cases_round_id")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_cases_school_id")),
        sa.PrimaryKeyConstraint("round_id", "school_id", "rubric_id", name=op.f("pk_cases")),
    )
    op.create_index(op.f("ix_cases_round_id_state"), "cases", ["round_id", "state"])
    op.create_index(op.f("ix_cases_school_id"), "cases", ["school_id"])


def _written() -> None:
    op.create_table(
        "case_entries",
        sa.Column("round_id", sa.String(length=100), nullable=False),
        sa.Column("school_id", sa.String(length=100), nullable=False),
        sa.Column("rubric_id", sa.String(length=100), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("item_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value_json", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            CASE, [f"cases.{name}" for name in CASE], name=op.f("fk_case_entries_round_id")
        ),
        sa.PrimaryKeyConstraint(
            "round_id",
            "school_id",
            "rubric_id",
            "side",
            "item_id",
            "name",
            "revision",
            name=op.f("pk_case_entries"),
        ),
    )
    op.create_table(
        "case_marks",
        sa.Column("round_id", sa.String(length=100), nullable=False),
        sa.Column("school_id", sa.String(length=100), nullable=False),
        sa.Column("rubric_id", sa.String(length=100), nullable=False),
        sa.Column("stage_id", sa.String(length=64), nullable=False),
        sa.Column("item_id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("points", sa.String(length=40), nullable=True),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            CASE, [f"cases.{name}" for name in CASE], name=op.f("fk_case_marks_round_id")
        ),
        sa.PrimaryKeyConstraint(
            "round_id",
            "school_id",
            "rubric_id",
            "stage_id",
            "item_id",
            "revision",
            name=op.f("pk_case_marks"),
        ),
    )
    op.create_table(
        "case_overrides",
        sa.Column("round_id", sa.String(length=100), nullable=False),
        sa.Column("school_id", sa.String(length=100), nullable=False),
        sa.Column("rubric_id", sa.String(length=100), nullable=False),
        sa.Column("item_id", sa.String(length=100), nullable=False),
        sa.Column("finding_id", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("result", sa.String(length=20), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("appeal_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            CASE, [f"cases.{name}" for name in CASE], name=op.f("fk_case_overrides_round_id")
        ),
        sa.PrimaryKeyConstraint(
            "round_id",
            "school_id",
            "rubric_id",
            "item_id",
            "finding_id",
            "revision",
            name=op.f("pk_case_overrides"),
        ),
    )


def _results() -> None:
    op.create_table(
        "case_versions",
        sa.Column("round_id", sa.String(length=100), nullable=False),
        sa.Column("school_id", sa.String(length=100), nullable=False),
        sa.Column("rubric_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("document_sha256", sa.String(length=80), nullable=False),
        sa.Column("content_hash", sa.String(length=80), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_sha256"], ["documents.sha256"], name=op.f("fk_case_versions_document_sha256")
        ),
        sa.ForeignKeyConstraint(
            CASE, [f"cases.{name}" for name in CASE], name=op.f("fk_case_versions_round_id")
        ),
        sa.PrimaryKeyConstraint(
            "round_id", "school_id", "rubric_id", "version", name=op.f("pk_case_versions")
        ),
    )
    op.create_table(
        "appeals",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("round_id", sa.String(length=100), nullable=False),
        sa.Column("school_id", sa.String(length=100), nullable=False),
        sa.Column("rubric_id", sa.String(length=100), nullable=False),
        sa.Column("item_id", sa.String(length=100), nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("filed_by", sa.String(length=200), nullable=False),
        sa.Column("filed_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("handled_by", sa.String(length=200), nullable=True),
        sa.Column("accepted_at", INSTANT, nullable=True),
        sa.Column("retest_asked_at", INSTANT, nullable=True),
        sa.Column("retest_json", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("before_json", sa.Text(), nullable=True),
        sa.Column("after_json", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            CASE, [f"cases.{name}" for name in CASE], name=op.f("fk_appeals_round_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeals")),
    )
    op.create_index(op.f("ix_appeals_filed_at"), "appeals", ["filed_at"])
    op.create_index(
        op.f("ix_appeals_round_id_school_id_rubric_id"),
        "appeals",
        ["round_id", "school_id", "rubric_id"],
    )


def _first_versions() -> None:
    """Make what is known of each school the first version of its profile."""
    op.execute(
        """
        INSERT INTO school_profiles (
            school_id, version, name, kind, stages, students, staff, classes, as_of, award_level,
            is_example, teaching_point, author, recorded_at, why
        )
        SELECT id, 1, name, kind, stages, students, staff, classes, as_of, award_level,
            is_example, FALSE, 'system', CURRENT_TIMESTAMP, ''
        FROM schools
        """
    )

"""Summaries of score sheets, and leases of background work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "summaries",
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("school_id", sa.String(length=64), nullable=False),
        sa.Column("rubric_id", sa.String(length=100), nullable=False),
        sa.Column("rubric_version", sa.String(length=40), nullable=False),
        sa.Column("computed_at", INSTANT, nullable=False),
        sa.Column("content_hash", sa.String(length=80), nullable=False),
        sa.Column("refused", sa.String(length=100), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("proven", sa.String(length=40), nullable=True),
        sa.Column("possible", sa.String(length=40), nullable=True),
        sa.Column("max", sa.String(length=40), nullable=True),
        sa.Column("vetoed", sa.Boolean(), nullable=True),
        sa.Column("case_state", sa.String(length=20), nullable=False),
        sa.Column("indicators", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_summaries_school_id")),
        sa.PrimaryKeyConstraint("round_id", "school_id", "rubric_id", name=op.f("pk_summaries")),
    )
    op.create_index(
        op.f("ix_summaries_round_id_rubric_id_computed_at"),
        "summaries",
        ["round_id", "rubric_id", "computed_at"],
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )

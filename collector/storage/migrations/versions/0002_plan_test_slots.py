"""Plan test slots: days, tests, pauses, settings of schools."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    row_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    school = sa.String(length=64)
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "slot_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("wanted_per_school", sa.Integer(), nullable=False),
        sa.Column("planned_per_school", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_slot_days")),
    )
    op.create_table(
        "slot_tests",
        sa.Column("position", row_number, autoincrement=True, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("school_id", school, nullable=False),
        sa.Column("occasion", sa.String(length=20), nullable=False),
        sa.Column("server", sa.String(length=300), nullable=False),
        sa.Column("planned_at", instant, nullable=False),
        sa.Column("latest_at", instant, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("slot_id", sa.String(length=32), nullable=True),
        sa.Column("started_at", instant, nullable=True),
        sa.Column("ended_at", instant, nullable=True),
        sa.Column("reserved_bytes", sa.BigInteger(), nullable=False),
        sa.Column("used_bytes", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_slot_tests_school_id")
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_slot_tests")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_slot_tests_day"), "slot_tests", ["day"])
    op.create_index(
        op.f("ix_slot_tests_school_id_ended_at"), "slot_tests", ["school_id", "ended_at"]
    )
    op.create_table(
        "slot_pauses",
        sa.Column("position", row_number, autoincrement=True, nullable=False),
        sa.Column("school_id", school, nullable=True),
        sa.Column("since", instant, nullable=False),
        sa.Column("until", instant, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", instant, nullable=False),
        sa.Column("ended_at", instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_slot_pauses_school_id")
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_slot_pauses")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_slot_pauses_until"), "slot_pauses", ["until"])
    op.create_table(
        "slot_settings",
        sa.Column("school_id", school, nullable=False),
        sa.Column("quiet_hours", sa.Text(), nullable=False),
        sa.Column("needed_mbps", sa.Float(), nullable=True),
        sa.Column("daily_bytes", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_slot_settings_school_id")
        ),
        sa.PrimaryKeyConstraint("school_id", name=op.f("pk_slot_settings")),
    )

"""Keep agents apart: keys that replace others, quarantine, codes for a successor, bundles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.add_column("agents", sa.Column("quarantined_at", INSTANT, nullable=True))
    op.add_column("agents", sa.Column("quarantine_reason", sa.String(64), nullable=True))
    op.add_column("agents", sa.Column("trusted_after", sa.BigInteger(), nullable=True))
    op.add_column("agents", sa.Column("key_wanted_at", INSTANT, nullable=True))
    op.add_column("keys", sa.Column("replaces", sa.String(32), nullable=True))
    op.add_column("keys", sa.Column("superseded_at", INSTANT, nullable=True))
    op.add_column("enrolment_codes", sa.Column("agent_id", sa.String(64), nullable=True))
    op.create_index("ix_inbox_batch_id", "inbox", ["batch_id"])
    _quarantine()
    op.create_table(
        "bundles",
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("imported_at", INSTANT, nullable=False),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_bundles_school_id")),
        sa.PrimaryKeyConstraint("bundle_id", name=op.f("pk_bundles")),
    )


def _quarantine() -> None:
    row_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "quarantine",
        sa.Column("position", row_number, autoincrement=True, nullable=False),
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("stream", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_quarantine_school_id")
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_quarantine_agent_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("agent_id", "batch_id", name=op.f("uq_quarantine_agent_id_batch_id")),
        sqlite_autoincrement=True,
    )

"""Outages, and when somebody looked for them"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_PARTS = ("AGENTS", "FILES", "KEYS", "LEDGER", "MODEL", "PLATFORM")


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    component = sa.Enum(*_PARTS, name="component", native_enum=False, length=40)
    kind = sa.Enum("FOUND", "MAINTENANCE", name="outagekind", native_enum=False, length=40)
    op.create_table(
        "outages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("component", component, nullable=False),
        sa.Column("kind", kind, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("last_seen_at", moment, nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("announced_at", moment, nullable=True),
        sa.Column("announced_by", sa.Uuid(), nullable=True),
        sa.Column("explained_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outages")),
    )
    op.create_index(op.f("ix_outages_started_at"), "outages", ["started_at"])
    op.create_index(
        "uq_outages_open",
        "outages",
        ["component"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "outage_watches",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("looked_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outage_watches")),
    )

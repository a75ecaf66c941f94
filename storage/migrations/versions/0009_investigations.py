"""Investigations, and how far the log has been delivered"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "investigations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("correlation_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum("OPEN", "CLOSED", "EXPIRED", name="investigationstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("reason", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("opened_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", storage.records.UtcDateTime(timezone=True), nullable=True),
        sa.Column("released_at", storage.records.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_investigations")),
    )
    op.create_index(op.f("ix_investigations_correlation_id"), "investigations", ["correlation_id"])
    op.create_index(op.f("ix_investigations_person_id"), "investigations", ["person_id"])
    op.create_table(
        "audit_deliveries",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_deliveries")),
    )

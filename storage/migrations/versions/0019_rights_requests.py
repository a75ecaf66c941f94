"""Corrections and complaints, with deadlines"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.create_table(
        "rights_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind", sa.Enum("CORRECTION", "COMPLAINT", name="rightskind", native_enum=False, length=40), nullable=False
        ),
        sa.Column(
            "topic",
            sa.Enum(
                "ACCOUNT",
                "CONTENT",
                "USE",
                "ACCESS",
                "DELETION",
                "EXPORT",
                "OTHER",
                name="rightstopic",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "status", sa.Enum("OPEN", "ANSWERED", name="rightsstatus", native_enum=False, length=40), nullable=False
        ),
        sa.Column("identified", sa.Boolean(), nullable=False),
        sa.Column("text", storage.sealed.SealedBytes(), nullable=True),
        sa.Column("answer", storage.sealed.SealedBytes(), nullable=True),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("answered_at", moment, nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_requests")),
    )
    op.create_index(op.f("ix_rights_requests_owner_id"), "rights_requests", ["owner_id"])
    op.create_index(op.f("ix_rights_requests_status"), "rights_requests", ["status"])

"""Appointments of staff, which a second person agrees to; changes with an assessment"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    status = sa.Enum("REQUESTED", "APPROVED", "DENIED", name="appointmentstatus", native_enum=False, length=40)
    op.create_table(
        "appointments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("opens_account", sa.Boolean(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("ends_at", moment, nullable=True),
        sa.Column("email", storage.sealed.SealedBytes(), nullable=True),
        sa.Column("password_hash", storage.sealed.SealedBytes(), nullable=True),
        sa.Column("why", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("status", status, nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("requested_at", moment, nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointments")),
    )
    op.create_index(op.f("ix_appointments_staff_id"), "appointments", ["staff_id"])
    op.add_column("changes", sa.Column("assessment", storage.sealed.SealedBytes(), nullable=True))

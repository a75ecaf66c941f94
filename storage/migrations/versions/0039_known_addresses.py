"""Addresses from which accounts have signed in, as keyed hashes"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_addresses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("CONTRIBUTOR", "STAFF", name="subjectkind", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_addresses")),
        sa.UniqueConstraint("lookup", name=op.f("uq_known_addresses_lookup")),
    )
    op.create_index(op.f("ix_known_addresses_subject_id"), "known_addresses", ["subject_id"])

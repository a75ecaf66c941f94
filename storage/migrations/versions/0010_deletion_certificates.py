"""Deletion certificates"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    origin = sa.Enum("CONTRIBUTOR", name="deletionorigin", native_enum=False, length=40)
    op.add_column("deletions", sa.Column("bytes_destroyed", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("deletions", sa.Column("origin", origin, server_default="CONTRIBUTOR", nullable=False))
    op.add_column(
        "deletions", sa.Column("keys_destroyed_at", storage.records.UtcDateTime(timezone=True), nullable=True)
    )
    op.add_column("deletions", sa.Column("certificate", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("deletion_receipts", sa.Column("salt", sa.LargeBinary(), nullable=True))

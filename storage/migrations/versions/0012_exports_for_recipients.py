"""Exports for recipients, since a moment, for as long as is wanted, and announced"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("exports", sa.Column("since", moment, nullable=True))
    op.add_column("exports", sa.Column("lifetime_days", sa.Integer(), nullable=True))
    op.add_column("exports", sa.Column("recipient", storage.sealed.SealedBytes(), nullable=True))
    op.add_column("exports", sa.Column("webhook_url", storage.sealed.SealedBytes(), nullable=True))
    op.add_column("exports", sa.Column("webhook_secret", storage.sealed.SealedBytes(), nullable=True))
    op.add_column("exports", sa.Column("notified_at", moment, nullable=True))

"""Findings that somebody answers for, until a date"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("findings", sa.Column("accepted_at", moment, nullable=True))
    op.add_column("findings", sa.Column("accepted_by", sa.Uuid(), nullable=True))
    op.add_column("findings", sa.Column("accepted_until", moment, nullable=True))
    op.add_column("findings", sa.Column("acceptance", storage.sealed.SealedBytes(), nullable=True))

"""Grants are reviewed once they are over"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    verdicts = sa.Enum("JUSTIFIED", "EXCESSIVE", "UNJUSTIFIED", name="grantverdict", native_enum=False, length=40)
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("access_grants", sa.Column("reviewed_at", moment, nullable=True))
    op.add_column("access_grants", sa.Column("reviewed_by", sa.Uuid(), nullable=True))
    op.add_column("access_grants", sa.Column("verdict", verdicts, nullable=True))
    op.add_column("access_grants", sa.Column("review_note", storage.sealed.SealedBytes(), nullable=True))

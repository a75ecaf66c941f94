"""Jobs of staff that end by themselves"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("role_assignments", sa.Column("ends_at", moment, nullable=True))

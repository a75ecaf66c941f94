"""Thumbnails"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assets", sa.Column("thumbnail_id", sa.Uuid(), nullable=True))
    op.add_column("assets", sa.Column("thumbnail_size", sa.Integer(), nullable=True))

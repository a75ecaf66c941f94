"""Since when a file that a row names is missing"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("blobs", sa.Column("missing_since", storage.records.UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("blobs", "missing_since")

"""Services that may have work"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("privacy_preferences", sa.Column("services", sa.JSON(), nullable=False, server_default="[]"))

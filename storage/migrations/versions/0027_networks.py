"""Networks that accounts and API keys were seen in"""

import sqlalchemy as sa
from alembic import op

import storage.sealed

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("api_keys", "contributors"):
        op.add_column(table, sa.Column("networks", storage.sealed.SealedBytes(), nullable=True))

"""API keys are compared with a sealed digest, so that what protects it can be renewed

Of a keyed hash no digest can be made: keys issued before end here.
"""

import sqlalchemy as sa
from alembic import op

import storage.sealed

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_keys") as table:
        table.add_column(sa.Column("secret_digest", storage.sealed.SealedBytes(), nullable=True))
        table.drop_column("secret_hash")
    op.execute("UPDATE api_keys SET revoked_at = CURRENT_TIMESTAMP WHERE revoked_at IS NULL")

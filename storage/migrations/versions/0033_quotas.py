"""How much room each contributor's files take, counted once from what is there"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("most_files", sa.BigInteger(), nullable=True),
        sa.Column("most_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_quotas")),
    )
    op.execute(
        "INSERT INTO quotas (owner_id, files, byte_size) "
        "SELECT owner_id, count(*), sum(byte_size) FROM assets GROUP BY owner_id"
    )

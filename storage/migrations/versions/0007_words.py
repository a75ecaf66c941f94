"""The words of assets and prompts, hashed"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, row in (("asset_words", "asset"), ("prompt_words", "prompt")):
        op.create_table(
            table,
            sa.Column(f"{row}_id", sa.Uuid(), nullable=False),
            sa.Column("token", sa.LargeBinary(length=16), nullable=False),
            sa.Column("owner_id", sa.Uuid(), nullable=False),
            sa.Column("project_id", sa.Uuid(), nullable=False),
            sa.ForeignKeyConstraint([f"{row}_id"], [f"{row}s.id"], name=op.f(f"fk_{table}_{row}_id")),
            sa.PrimaryKeyConstraint(f"{row}_id", "token", name=op.f(f"pk_{table}")),
        )
        op.create_index(op.f(f"ix_{table}_owner_id"), table, ["owner_id"])
        op.create_index(op.f(f"ix_{table}_project_id"), table, ["project_id"])
        op.create_index(f"ix_{table}_token_{row}_id", table, ["token", f"{row}_id"])

"""Copies at providers of models"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.create_table(
        "provider_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("prompt_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_sent_at", moment, nullable=False),
        sa.Column("last_sent_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_provider_copies_prompt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_copies")),
    )
    for column in ("owner_id", "project_id", "prompt_id", "asset_id"):
        op.create_index(op.f(f"ix_provider_copies_{column}"), "provider_copies", [column])
    op.add_column("deletions", sa.Column("copies", sa.JSON(), server_default="[]", nullable=False))

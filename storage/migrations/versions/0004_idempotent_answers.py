"""Answers under an Idempotency-Key"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotent_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("place_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("expires_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotent_answers")),
        sa.UniqueConstraint("place_hash", name=op.f("uq_idempotent_answers_place_hash")),
    )
    with op.batch_alter_table("idempotent_answers", schema=None) as batch_op:
        for column in ("owner_id", "key_hash", "expires_at"):
            batch_op.create_index(batch_op.f(f"ix_idempotent_answers_{column}"), [column], unique=False)

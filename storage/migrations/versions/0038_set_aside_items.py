"""What unattended loops could not process, and why intrusion detection does not get on"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("sentinel_marks", sa.Column("cause", sa.String(), nullable=True))
    op.add_column("sentinel_marks", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "set_aside_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("loop", sa.String(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_at", moment, nullable=False),
        sa.Column("last_at", moment, nullable=False),
        sa.Column("next_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_aside_items")),
        sa.UniqueConstraint("loop", "item_id", name="uq_set_aside_items_item"),
    )
    op.create_index(op.f("ix_set_aside_items_loop"), "set_aside_items", ["loop"])

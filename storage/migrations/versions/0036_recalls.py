"""What providers of models are asked to delete, and what they answered"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_ANSWERS = ("DELETED", "NOT_THERE", "REFUSED", "UNREACHABLE", "KEPT_BACK")


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("services", sa.Column("deletion_path", sa.String(), nullable=True))
    op.add_column("deletions", sa.Column("addendum", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("deletions", sa.Column("addendum_at", moment, nullable=True))
    op.create_table(
        "provider_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("prompt_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("output_id", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("sent_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_provider_calls_prompt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_calls")),
    )
    for column in ("call_id", "owner_id", "project_id", "prompt_id", "asset_id", "output_id"):
        op.create_index(op.f(f"ix_provider_calls_{column}"), "provider_calls", [column])
    op.create_table(
        "provider_recalls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("deletion_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked_at", moment, nullable=True),
        sa.Column("last_answer", sa.Enum(*_ANSWERS, name="recallanswer", native_enum=False, length=40), nullable=True),
        sa.Column("next_try_at", moment, nullable=False),
        sa.Column("deadline_at", moment, nullable=False),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_recalls")),
        sa.UniqueConstraint("deletion_id", "provider", "reference", name="uq_provider_recalls_reference"),
    )
    op.create_index(op.f("ix_provider_recalls_next_try_at"), "provider_recalls", ["next_try_at"])

"""Legal holds"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SCOPES = ("ACCOUNT", "PROJECT", "PROMPT", "OUTPUT", "ASSET")
_REASONS = ("LITIGATION", "AUTHORITY_ORDER", "STATUTORY_DUTY")
_STATES = ("PROPOSED", "ACTIVE", "RELEASED")


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("deletions", sa.Column("deferred_at", moment, nullable=True))
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Enum(*_SCOPES, name="deletionscope", native_enum=False, length=40), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("prompt_id", sa.Uuid(), nullable=True),
        sa.Column("reason_code", sa.Enum(*_REASONS, name="holdreason", native_enum=False, length=40), nullable=False),
        sa.Column("matter", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("reason", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("status", sa.Enum(*_STATES, name="legalholdstatus", native_enum=False, length=40), nullable=False),
        sa.Column("placed_by", sa.Uuid(), nullable=False),
        sa.Column("placed_at", moment, nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", moment, nullable=True),
        sa.Column("review_at", moment, nullable=False),
        sa.Column("released_by", sa.Uuid(), nullable=True),
        sa.Column("released_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
    )
    for column in ("subject_id", "object_id", "project_id", "prompt_id"):
        op.create_index(op.f(f"ix_legal_holds_{column}"), "legal_holds", [column])

"""Access reviews"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_KINDS = ("AGENT", "API_KEY", "COMPONENT", "SERVICE", "STAFF_ROLE")
_CHANGES = ("CHANGED", "NEW", "REMOVED", "UNCHANGED")
_STATES = ("OPEN", "KEPT", "REVOKED", "ENDED", "IN_USE", "GONE", "OVERDUE")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=40)


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.create_table(
        "access_reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=True),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("closed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_reviews")),
        sa.UniqueConstraint("number", name=op.f("uq_access_reviews_number")),
    )
    op.create_table(
        "access_review_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _enum("reviewkind", *_KINDS), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("holder_id", sa.Uuid(), nullable=True),
        sa.Column("rights_hash", sa.String(), nullable=False),
        sa.Column("change", _enum("reviewchange", *_CHANGES), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("last_used_at", moment, nullable=True),
        sa.Column("status", _enum("reviewitemstatus", *_STATES), nullable=False),
        sa.Column("told_at", moment, nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("note", storage.sealed.SealedBytes(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review_items")),
    )
    for column in ("owner_id", "review_id"):
        op.create_index(op.f(f"ix_access_review_items_{column}"), "access_review_items", [column])

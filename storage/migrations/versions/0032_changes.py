"""The change register, and what began to run"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_PARTS = ("CONFIGURATION", "KEYS", "LIBRARIES", "POLICY", "PROGRAM", "SCHEMA")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=40)


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.create_table(
        "changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", _enum("changekind", "INFRASTRUCTURE", "SECURITY_PATCH", "SYSTEM_UPDATE"), nullable=False),
        sa.Column("effect", _enum("changeeffect", "NONE", "ON_DATA", "ON_WORKFLOW"), nullable=False),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("why", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("tests", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("status", _enum("changestatus", "REGISTERED", "APPROVED", "DENIED"), nullable=False),
        sa.Column("registered_by", sa.Uuid(), nullable=False),
        sa.Column("registered_at", moment, nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("note", storage.sealed.SealedBytes(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("part", _enum("runningpart", *_PARTS), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("last_began_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
    )
    op.create_index(op.f("ix_deployments_began_at"), "deployments", ["began_at"])
    op.create_index("uq_deployments_number", "deployments", ["component", "part", "number"], unique=True)

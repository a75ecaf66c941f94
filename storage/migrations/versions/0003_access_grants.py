"""Access grants"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=40)


def upgrade() -> None:
    op.create_table(
        "access_grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("grantee_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role", _one_of("staffrole", "AUDITOR", "PRIVACY", "SECURITY", "SUPPORT", "SYSADMIN"), nullable=False
        ),
        sa.Column("scope", _one_of("accessscope", "ACCOUNT", "PROJECT", "ASSET", "PROMPT", "OUTPUT"), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column(
            "reason",
            _one_of("reasoncode", "SUPPORT_REQUEST", "RIGHTS_REQUEST", "SECURITY_INCIDENT", "LEGAL_DUTY"),
            nullable=False,
        ),
        sa.Column("decider", _one_of("decider", "CONTRIBUTOR", "SECOND_PERSON"), nullable=False),
        sa.Column("justification", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("ticket", storage.sealed.SealedBytes(), nullable=False),
        sa.Column(
            "status", _one_of("grantstatus", "REQUESTED", "ACTIVE", "DENIED", "ENDED", "EXPIRED"), nullable=False
        ),
        sa.Column("requested_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", storage.records.UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", storage.records.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grants")),
    )
    with op.batch_alter_table("access_grants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_grants_object_id"), ["object_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_grants_grantee_id"), ["grantee_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_access_grants_subject_id_grantee_id"), ["subject_id", "grantee_id"], unique=False
        )

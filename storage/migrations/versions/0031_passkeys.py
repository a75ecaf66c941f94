"""Passkeys, and the challenges that they sign"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    kinds = sa.Enum("CONTRIBUTOR", "STAFF", name="subjectkind", native_enum=False, length=40)
    uses = sa.Enum("REGISTER", "SIGN_IN", "STEP_UP", name="passkeyuse", native_enum=False, length=40)
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", kinds, nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("credential", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("last_used_at", moment, nullable=True),
        sa.Column("copied_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
    )
    op.create_index(op.f("ix_passkeys_subject_id"), "passkeys", ["subject_id"])
    op.create_table(
        "passkey_challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", kinds, nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("use", uses, nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("challenge", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey_challenges")),
    )
    op.create_index(op.f("ix_passkey_challenges_subject_id"), "passkey_challenges", ["subject_id"])

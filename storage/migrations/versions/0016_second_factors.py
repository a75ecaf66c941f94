"""Second factors, their recovery codes, and which sessions were proven with one"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    kinds = sa.Enum("CONTRIBUTOR", "STAFF", name="subjectkind", native_enum=False, length=40)
    op.add_column("sessions", sa.Column("second_factor_at", moment, nullable=True))
    op.create_table(
        "second_factors",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", kinds, nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("secret", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("enrolled_at", moment, nullable=False),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factors")),
    )
    op.create_index(op.f("ix_second_factors_subject_id"), "second_factors", ["subject_id"])
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("digest", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_subject_id"), "recovery_codes", ["subject_id"])

"""Policies that were in force"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_versions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_policy_versions")),
        sa.UniqueConstraint("version", name=op.f("uq_policy_versions_version")),
    )
    origins = sa.Enum("START", "FILE", "RELOAD", "ACCEPTED", name="policyorigin", native_enum=False, length=40)
    op.create_table(
        "policy_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("origin", origins, nullable=False),
        sa.Column("follows", sa.Integer(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("in_force_at", storage.records.UtcDateTime(timezone=True), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_changes")),
        sa.UniqueConstraint("number", name=op.f("uq_policy_changes_number")),
    )
    op.create_index(op.f("ix_policy_changes_proposed_at"), "policy_changes", ["proposed_at"], unique=False)

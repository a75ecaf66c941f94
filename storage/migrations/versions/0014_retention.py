"""Retention"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_SETTINGS = (
    "until_i_delete",
    "delete_after_30_days",
    "delete_after_90_days",
    "delete_after_365_days",
    "at_project_end",
)


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.create_table(
        "retention_settings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("setting", sa.Enum(*_SETTINGS, name="retention", native_enum=False, length=40), nullable=False),
        sa.Column("project_ends_at", moment, nullable=True),
        sa.Column("set_at", moment, nullable=False),
        sa.Column("announced_until", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_settings")),
        sa.UniqueConstraint("place_id", name=op.f("uq_retention_settings_place_id")),
    )
    op.create_index(op.f("ix_retention_settings_owner_id"), "retention_settings", ["owner_id"])
    op.create_table(
        "retention_sweeps",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("swept_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_sweeps")),
    )

"""Services, and to which of them a contributor lets their work be sent"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_KINDS = (
    "ANALYTICS", "BACKUP", "DATABASE", "EMAIL", "HOSTING", "IDENTITY", "INTERNAL", "KEY_MANAGEMENT", "MODEL_PROVIDER",
    "SIEM",
)  # fmt: skip
_ASSURANCES = ("ISO_27001", "OWN_OPERATION", "SOC2_TYPE_1", "SOC2_TYPE_2")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=40)


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("privacy_preferences", sa.Column("services", sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "services",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("kind", _enum("servicekind", *_KINDS), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("sub_processors", sa.JSON(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("breach_hours", sa.Integer(), nullable=False),
        sa.Column("trains_on_inputs", sa.Boolean(), nullable=False),
        sa.Column("status", _enum("servicestatus", "APPROVED", "PROPOSED", "RETIRED"), nullable=False),
        sa.Column("registered_by", sa.Uuid(), nullable=True),
        sa.Column("registered_at", moment, nullable=False),
        sa.Column("assessment", storage.sealed.SealedBytes(), nullable=True),
        sa.Column("risk", _enum("risk", "HIGH", "LOW", "MEDIUM"), nullable=True),
        sa.Column("assessed_by", sa.Uuid(), nullable=True),
        sa.Column("assessed_at", moment, nullable=True),
        sa.Column("assessment_expires_at", moment, nullable=True),
        sa.Column("assurance", _enum("assurance", *_ASSURANCES), nullable=True),
        sa.Column("assurance_expires_at", moment, nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", moment, nullable=True),
        sa.Column("effective_at", moment, nullable=True),
        sa.Column("retired_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
    )
    op.create_index(op.f("ix_services_address"), "services", ["address"])

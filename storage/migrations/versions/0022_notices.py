"""Notices"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_KINDS = ("POLICY", "PRODUCT", "RETENTION", "SECURITY", "SERVICES")
_DELIVERIES = ("FAILED", "MUTED", "QUEUED", "SENT", "UNUSED")


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    content = storage.sealed.SealedBytes()
    kind = sa.Enum(*_KINDS, name="noticekind", native_enum=False, length=40)
    delivery = sa.Enum(*_DELIVERIES, name="delivery", native_enum=False, length=40)
    op.create_table(
        "published_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", kind, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("effective_at", moment, nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_notices")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", kind, nullable=False),
        sa.Column("published_id", sa.Uuid(), nullable=True),
        sa.Column("title", content, nullable=False),
        sa.Column("body", content, nullable=False),
        sa.Column("effective_at", moment, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("read_at", moment, nullable=True),
        sa.Column("email", delivery, nullable=False),
        sa.Column("email_at", moment, nullable=True),
        sa.Column("webhook", delivery, nullable=False),
        sa.Column("webhook_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index("ix_notices_owner_id_published_id", "notices", ["owner_id", "published_id"], unique=True)
    op.create_index("ix_notices_published_id", "notices", ["published_id"])
    op.create_table(
        "notice_settings",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("product_emails", sa.Boolean(), nullable=False),
        sa.Column("webhook_url", content, nullable=True),
        sa.Column("webhook_secret", content, nullable=True),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_notice_settings")),
    )

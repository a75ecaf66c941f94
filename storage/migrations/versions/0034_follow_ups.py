"""What an incident cost, what caused it, and what is to be done after it"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_OPEN = sa.text("status = 'OPEN'")
_EACH = sa.text("status = 'OPEN' AND about_id IS NULL")


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("incidents", sa.Column("impacts", sa.JSON(none_as_null=True), nullable=True))
    for column in ("impact", "root_cause", "no_follow_ups"):
        op.add_column("incidents", sa.Column(column, storage.sealed.SealedBytes(), nullable=True))
    op.create_table(
        "follow_ups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("task", storage.sealed.SealedBytes(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("OPEN", "DONE", "VERIFIED", name="followupstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("done_at", moment, nullable=True),
        sa.Column("verified_at", moment, nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column("notes", storage.sealed.SealedBytes(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_ups")),
    )
    for column in ("due_at", "incident_id", "owner_id"):
        op.create_index(op.f(f"ix_follow_ups_{column}"), "follow_ups", [column])
    op.add_column("findings", sa.Column("about_id", sa.Uuid(), nullable=True))
    op.drop_index("uq_findings_open", "findings")
    op.create_index(
        "uq_findings_open", "findings", ["found_by"], unique=True, sqlite_where=_EACH, postgresql_where=_EACH
    )
    op.create_index(
        "uq_findings_open_about",
        "findings",
        ["found_by", "about_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )

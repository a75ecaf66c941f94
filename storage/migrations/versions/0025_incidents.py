"""Incidents, how far the sentinel is, and what measures do with sessions and API keys"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_STATES = (
    "DETECTED", "CONTAINED", "FALSE_POSITIVE", "CONFIRMED", "NOTIFIED", "RECOVERED", "REVIEWED", "CLOSED",
)  # fmt: skip


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=40)


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("api_keys", sa.Column("suspended_at", moment, nullable=True))
    for table in ("api_keys", "sessions"):
        op.add_column(table, sa.Column("exports_held_at", moment, nullable=True))
    for table in ("api_keys", "federated_identities", "sessions"):
        op.add_column(table, sa.Column("throttled_until", moment, nullable=True))
    if op.get_bind().dialect.name == "postgresql":  # a key that is suspended ends what somebody follows with it
        op.execute("DROP TRIGGER muniment_told ON api_keys")
        op.execute(
            "CREATE TRIGGER muniment_told AFTER UPDATE OF revoked_at, expires_at, suspended_at OR DELETE ON api_keys "
            "FOR EACH STATEMENT EXECUTE FUNCTION muniment_tell('rights')"
        )
    op.create_table(
        "incidents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("detection", sa.String(), nullable=False),
        sa.Column("severity", _enum("severity", "CRITICAL", "HIGH", "MEDIUM"), nullable=False),
        sa.Column("status", _enum("incidentstatus", *_STATES), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("detected_at", moment, nullable=False),
        sa.Column("contained_at", moment, nullable=True),
        sa.Column("sessions_ended", sa.Integer(), nullable=False),
        sa.Column("sessions_held", sa.Integer(), nullable=False),
        sa.Column("keys_suspended", sa.Integer(), nullable=False),
        sa.Column("keys_held", sa.Integer(), nullable=False),
        sa.Column("grants_ended", sa.Integer(), nullable=False),
        sa.Column("alerted_at", moment, nullable=True),
        sa.Column("escalations", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", moment, nullable=True),
        sa.Column("acknowledged_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("words", storage.sealed.SealedBytes(), nullable=True),
        sa.Column("clock_until", moment, nullable=False),
        sa.Column("notice", storage.sealed.SealedBytes(), nullable=True),
        sa.Column("notice_drafted_at", moment, nullable=True),
        sa.Column("notice_drafted_by", sa.Uuid(), nullable=True),
        sa.Column("notice_sent_at", moment, nullable=True),
        sa.Column("notice_approved_by", sa.Uuid(), nullable=True),
        sa.Column("notified", sa.Integer(), nullable=False),
        sa.Column("recovered_at", moment, nullable=True),
        sa.Column("reviewed_at", moment, nullable=True),
        sa.Column("closed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    for column in ("detection", "actor_id"):
        op.create_index(op.f(f"ix_incidents_{column}"), "incidents", [column])
    op.create_table(
        "sentinel_marks",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_index", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sentinel_marks")),
    )

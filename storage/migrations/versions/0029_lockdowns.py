"""Lock-downs"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    states = sa.Enum("ACTIVE", "ENDED", "EXPIRED", name="lockdownstatus", native_enum=False, length=40)
    op.create_table(
        "lockdowns",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", states, nullable=False),
        sa.Column("reason", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("begun_by", sa.Uuid(), nullable=True),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lockdowns")),
    )
    op.create_index(
        "uq_lockdowns_active",
        "lockdowns",
        ["status"],
        unique=True,
        sqlite_where=sa.text("status = 'ACTIVE'"),
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    if op.get_bind().dialect.name == "postgresql":  # every process looks at once, as at another policy
        op.execute(
            "CREATE TRIGGER muniment_told AFTER INSERT OR UPDATE ON lockdowns "
            "FOR EACH STATEMENT EXECUTE FUNCTION muniment_tell('policy')"
        )

"""What is tried again later, and runs that stand back for those of others"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    for way in ("email", "webhook"):
        op.add_column("notices", sa.Column(f"{way}_attempts", sa.Integer(), nullable=False, server_default="0"))
        op.add_column("notices", sa.Column(f"{way}_due_at", moment, nullable=True))
    op.add_column("exports", sa.Column("announce_attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("prompts", sa.Column("yielded_at", moment, nullable=True))
    op.add_column("contributors", sa.Column("email_refused_at", moment, nullable=True))

"""What was done about a file's metadata"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    handlings = sa.Enum("AS_SENT", "REMOVED", "NOT_REMOVABLE", name="handling", native_enum=False, length=40)
    op.add_column("assets", sa.Column("metadata_handling", handlings, nullable=False, server_default="AS_SENT"))

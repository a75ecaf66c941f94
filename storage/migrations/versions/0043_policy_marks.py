"""That the program which brought a policy into force found it sound"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policy_changes", sa.Column("sound_mark", sa.LargeBinary(), nullable=True))

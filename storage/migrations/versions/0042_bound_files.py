"""What kind of file a blob is, which its encryption names; none for a file of an asset in format 1"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.Enum("content", "thumbnail", "archive", name="filekind", native_enum=False, length=40)
    op.add_column("blobs", sa.Column("kind", kind, nullable=True))
    # Archives keep their format until they expire: they are at most days old.
    op.execute("UPDATE blobs SET kind = 'archive' WHERE object_id IN (SELECT id FROM exports)")
    where = sa.text("kind IS NULL")
    op.create_index("ix_blobs_unbound", "blobs", ["id"], sqlite_where=where, postgresql_where=where)

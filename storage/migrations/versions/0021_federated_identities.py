"""Identities that an issuer of tokens vouches for"""

import sqlalchemy as sa
from alembic import op

import storage.records
import storage.sealed

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kinds = sa.Enum("CONTRIBUTOR", "STAFF", name="subjectkind", native_enum=False, length=40)
    op.create_table(
        "federated_identities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", kinds, nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("name", storage.sealed.SealedBytes(), nullable=False),
        sa.Column("name_lookup", sa.LargeBinary(), nullable=False),
        sa.Column("linked_at", storage.records.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_federated_identities")),
        sa.UniqueConstraint("name_lookup", name=op.f("uq_federated_identities_name_lookup")),
        sa.UniqueConstraint("subject_id", name=op.f("uq_federated_identities_subject_id")),
    )
    if op.get_bind().dialect.name == "postgresql":  # a tie that is undone ends what somebody follows by it
        op.execute(
            "CREATE TRIGGER muniment_told AFTER DELETE ON federated_identities "
            "FOR EACH STATEMENT EXECUTE FUNCTION muniment_tell('rights')"
        )

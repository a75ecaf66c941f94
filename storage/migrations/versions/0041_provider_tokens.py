"""Until when tokens of an OpenID provider were issued that are not good any more"""

import sqlalchemy as sa
from alembic import op

import storage.records

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = storage.records.UtcDateTime(timezone=True)
    op.add_column("federated_identities", sa.Column("newest_token_at", moment, nullable=True))
    op.add_column("federated_identities", sa.Column("tokens_refused_until", moment, nullable=True))

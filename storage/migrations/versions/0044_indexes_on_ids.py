"""Indexes on every id in what people have: an erasure looks for the erased thing's id in each of them"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("access_grants", "decided_by"),
    ("access_grants", "reviewed_by"),
    ("access_review_items", "decided_by"),
    ("access_review_items", "holder_id"),
    ("access_review_items", "object_id"),
    ("assets", "blob_id"),
    ("assets", "thumbnail_id"),
    ("deletion_receipts", "deletion_id"),
    ("exports", "blob_id"),
    ("exports", "project_id"),
    ("idempotent_answers", "session_id"),
    ("legal_holds", "approved_by"),
    ("legal_holds", "placed_by"),
    ("legal_holds", "released_by"),
    ("passkey_challenges", "session_id"),
    ("retention_settings", "project_id"),
    ("rights_requests", "answered_by"),
)


def upgrade() -> None:
    for table, column in _COLUMNS:
        op.create_index(f"ix_{table}_{column}", table, [column])

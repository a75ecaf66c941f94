"""Changes are told: PostgreSQL notifies other processes of what is followed, by id"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_FOLLOWED = {"prompts": "id", "prompt_steps": "prompt_id", "exports": "id", "deletions": "id"}
"""By which column of the row that changed those who follow it are called."""
_RIGHTS = {
    "sessions": "UPDATE OF revoked_at OR DELETE",
    "api_keys": "UPDATE OF revoked_at, expires_at OR DELETE",
    "project_members": "INSERT OR UPDATE OR DELETE",
    "access_grants": "INSERT OR UPDATE OR DELETE",
    "role_assignments": "INSERT OR UPDATE OR DELETE",
    "contributors": "UPDATE OF status OR DELETE",
    "staff_members": "UPDATE OR DELETE",
    "privacy_preferences": "UPDATE OR DELETE",
}
"""Whose changes may end what somebody sees, whatever it is that they follow."""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for column in sorted(set(_FOLLOWED.values())):
        op.execute(
            f"CREATE FUNCTION muniment_tell_{column}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"PERFORM pg_notify('muniment', COALESCE(NEW.{column}, OLD.{column})::text); RETURN NULL; END $$"
        )
    op.execute(
        "CREATE FUNCTION muniment_tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_notify('muniment', TG_ARGV[0]); RETURN NULL; END $$"
    )
    for table, column in _FOLLOWED.items():
        op.execute(
            f"CREATE TRIGGER muniment_told AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION muniment_tell_{column}()"
        )
    for table, changes in _RIGHTS.items():
        _tell(table, changes, "rights")
    _tell("policy_changes", "INSERT OR UPDATE", "policy")


def _tell(table: str, changes: str, name: str) -> None:
    op.execute(
        f"CREATE TRIGGER muniment_told AFTER {changes} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION muniment_tell('{name}')"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in [*_FOLLOWED, *_RIGHTS, "policy_changes"]:
        op.execute(f"DROP TRIGGER muniment_told ON {table}")
    for column in sorted(set(_FOLLOWED.values())):
        op.execute(f"DROP FUNCTION muniment_tell_{column}()")
    op.execute("DROP FUNCTION muniment_tell()")

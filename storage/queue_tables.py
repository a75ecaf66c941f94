"""DBOS's tables, looked at without DBOS: that takes a start a while to load, and hardly any has a use for it there."""

from sqlalchemy import Engine, inspect, text

from storage.database import transaction

SCHEMA = "dbos"
"""Where DBOS's tables lie on PostgreSQL; SQLite has no schemas, there they lie beside ours."""
NEWEST = 125
"""The last migration of the release of DBOS that is pinned."""

_RECORDED = "dbos_migrations"


def are_newest(engine: Engine) -> bool:
    """Whether the tables in `engine`'s database are there, and such as DBOS has them."""
    schema = None if engine.dialect.name == "sqlite" else SCHEMA
    with transaction(engine, read_only=True) as session:
        if not inspect(session.connection()).has_table(_RECORDED, schema=schema):
            return False
        place = _RECORDED if schema is None else f"{schema}.{_RECORDED}"
        return (session.scalar(text(f"SELECT version FROM {place}")) or 0) >= NEWEST  # noqa: S608

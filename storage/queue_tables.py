"""DBOS's tables, looked at without DBOS: that takes a start a while to load, and hardly any has a use for it there."""

from sqlalchemy import Engine, text

from storage.database import has_table, looking

SCHEMA = "dbos"
"""Where DBOS's tables lie on PostgreSQL; SQLite has no schemas, there they lie beside ours."""
NEWEST = 125
"""The last migration of the release of DBOS that is pinned."""

_RECORDED = "dbos_migrations"


def are_newest(engine: Engine) -> bool:
    """Whether the tables in `engine`'s database are there, and such as DBOS has them."""
    place = _RECORDED if engine.dialect.name == "sqlite" else f"{SCHEMA}.{_RECORDED}"
    with looking(engine) as connection:
        if not has_table(connection, place):
            return False
        return (connection.scalar(text(f"SELECT version FROM {place}")) or 0) >= NEWEST  # noqa: S608

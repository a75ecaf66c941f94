"""What a database holds, told so that two moments can be compared: nothing may have changed after a refusal."""

import marshal
from functools import lru_cache

from sqlalchemy import Connection, Engine, text

from storage.catalogue import models


def tables() -> list[str]:
    """The names of all tables of the house, also of those that nothing has needed in this process yet."""
    return [model.__tablename__ for model in models()]


def rows(connection: Connection, tables: list[str]) -> dict[str, list[str]]:
    """What is in these tables, and the ids of all jobs: past SQLAlchemy, for it is asked twice a refusal."""
    cursor = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        asked = {name: f"SELECT * FROM {name}" for name in tables}  # noqa: S608 - ours
        found = {name: cursor.execute(each).fetchall() for name, each in asked.items()}
        found["queue"] = [row[0] for row in cursor.execute("SELECT workflow_uuid FROM workflow_status")]
    else:
        parts = [f"SELECT '{name}', each::text FROM {name} AS each" for name in tables]  # noqa: S608 - ours
        parts.append("SELECT 'queue', workflow_uuid FROM dbos.workflow_status")
        found = {name: [] for name in (*tables, "queue")}
        cursor.execute(" UNION ALL ".join(parts))
        for name, text_of_row in cursor.fetchall():
            found[name].append(text_of_row)
    return {name: _in_order(marshal.dumps(kept, 2)) for name, kept in found.items()}


@lru_cache(maxsize=512)
def _in_order(kept: bytes) -> list[str]:
    """Rows as text. Most tables hold, to the byte and the type, what they held a moment before, and are told once."""
    return sorted(map(repr, marshal.loads(kept)))  # noqa: S302 - written in the line above


def jobs(engine: Engine) -> set[str]:
    """The ids of what the queue knows."""
    schema = "" if engine.dialect.name == "sqlite" else "dbos."
    with engine.connect() as connection:
        return set(connection.execute(text(f"SELECT workflow_uuid FROM {schema}workflow_status")).scalars())  # noqa: S608 - ours

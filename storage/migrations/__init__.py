"""Migrations of the database, from the first table on.

Alembic is imported where there is something to migrate: hardly any start has, and each would wait for it.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from storage.database import has_table, looking

if TYPE_CHECKING:
    from alembic.config import Config

_VERSIONS = Path(__file__).parent / "versions"


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision; on an empty one, make every table."""
    with looking(engine) as connection:
        if _current(connection) == [newest()]:
            return
    with engine.begin() as connection:
        if _current(connection) != [newest()]:  # nobody else was first
            from alembic import command

            command.upgrade(config(connection), "head")


def _current(connection: Connection) -> list[str]:
    """The revisions the database says it is at, as alembic notes them there."""
    if not has_table(connection, "alembic_version"):
        return []
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def newest() -> str:
    """The last revision, by the numbers of the files: alembic reads all of them to tell, which takes a start longer."""
    return max(name[:4] for name in os.listdir(_VERSIONS) if name[0].isdigit() and name.endswith(".py"))  # noqa: PTH208


def config(connection: Connection) -> "Config":
    """Alembic's configuration over an open connection; there is no alembic.ini."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made

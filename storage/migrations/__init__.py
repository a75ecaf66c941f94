"""Migrations of the database, from the first table on."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine

_VERSIONS = Path(__file__).parent / "versions"


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision; on an empty one, make every table."""
    with engine.begin() as connection:
        if MigrationContext.configure(connection).get_current_revision() != newest():
            command.upgrade(config(connection), "head")


def newest() -> str:
    """The last revision, by the numbers of the files: alembic reads all of them to tell, which takes a start longer."""
    return max(path.name[:4] for path in _VERSIONS.glob("[0-9]*.py"))


def config(connection: Connection) -> Config:
    """Alembic's configuration over an open connection; there is no alembic.ini."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made

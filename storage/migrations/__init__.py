"""Migrations of the database, from the first table on."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision; on an empty one, make every table."""
    with engine.begin() as connection:
        command.upgrade(config(connection), "head")


def config(connection: Connection) -> Config:
    """Alembic's configuration over an open connection; there is no alembic.ini."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made

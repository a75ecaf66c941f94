"""Migrations make what the models say, on both databases."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from storage import migrations
from storage.catalogue import models
from storage.records import Record


def test_migrated_database_is_what_the_models_describe(engine: Engine) -> None:
    """A model that changed without its migration is found before it reaches anyone's data."""
    models()
    ours = {"include_name": lambda name, kind, parents: kind != "table" or name in Record.metadata.tables}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), Record.metadata) == []


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    """Every start runs the migrations; on a database that is up to date they do nothing."""
    migrations.upgrade(engine)
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() is not None


@pytest.mark.one_database("postgresql", reason="SQLite has one schema; on PostgreSQL DBOS must keep to its own")
def test_the_queue_keeps_to_its_own_schema(engine: Engine) -> None:
    """What durable work stores lies beside our tables, never among them."""
    with engine.connect() as connection:
        tables = connection.exec_driver_sql("select tablename from pg_tables where schemaname = 'public'").scalars()
        assert set(tables) - set(Record.metadata.tables) == {"alembic_version"}

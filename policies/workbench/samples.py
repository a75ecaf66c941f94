"""A database in memory with the world of the scenarios in it, so that the very SQL of the door can be tried."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, insert, inspect
from sqlalchemy.pool import StaticPool

from policies.workbench.casts import MODELS, World
from storage.database import Transaction, transaction
from storage.records import Record


@contextmanager
def sample(world: World) -> Iterator[Transaction]:
    """A session that reads the world's rows. The database is gone afterwards."""
    engine = create_engine("sqlite://", poolclass=StaticPool, hide_parameters=True)
    Record.metadata.create_all(engine, tables=[Record.metadata.tables[m.__tablename__] for m in MODELS.values()])
    try:
        with transaction(engine) as session:
            for thing in world.things.values():
                mapper = inspect(type(thing))
                loaded = inspect(thing).dict
                # Not through the session: a row of the world stays a plain value, with its relations filled.
                session.connection().execute(
                    insert(type(thing)).values({c.key: loaded[c.key] for c in mapper.columns if c.key in loaded})
                )
        with transaction(engine, read_only=True) as session:
            yield session
    finally:
        engine.dispose()

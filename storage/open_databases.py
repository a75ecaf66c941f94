"""The databases of an installation as this process has them open, once each, for whoever looks an installation over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from storage.database import DatabaseUnreachable, exists, open_engine, transaction
from storage.keys.errors import KeyStoreError
from storage.keys.stores import KeyStore
from storage.work import Store

T = TypeVar("T")


@dataclass(frozen=True)
class OpenDatabases:
    """The data and the key store. None: it is not there yet, or it does not open."""

    data: Engine | None
    keys: KeyStore | None
    refusal: KeyStoreError | None = None
    """Why the key store is not open."""

    @classmethod
    def of(cls, store: Store) -> "OpenDatabases":
        """Return those that a running installation has open already."""
        return cls(store.engine, store.keyring.key_store)

    def read(self, question: Callable[[Session], T | None]) -> T | None:
        """Return what the data say; None where there are none, or the database does not answer."""
        if self.data is None:
            return None
        try:
            with transaction(self.data, read_only=True) as session:
                return question(session)
        except DatabaseUnreachable:
            return None


@contextmanager
def opened(database_url: str, key_store_url: str) -> Iterator[OpenDatabases]:
    """Open both for as long as the block runs, in a process that has neither open. Makes no database."""
    engine = open_engine(database_url)
    keys, refusal = None, None
    try:
        try:
            keys = KeyStore.open_existing(key_store_url)
        except KeyStoreError as error:
            refusal = error
        yield OpenDatabases(engine if exists(engine) else None, keys, refusal)
    finally:
        if keys is not None:
            keys.close()
        engine.dispose()

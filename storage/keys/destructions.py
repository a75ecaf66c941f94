"""Telling other processes that keysets were destroyed, so that they forget what they have unwrapped of them.

PostgreSQL tells by NOTIFY, as the destruction is committed: names of keysets, which are ids. SQLite tells nobody, nor
does a connection that was lost: then an unwrapped key ends when its time in memory does.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.bells import Listener
from storage.keys.cache import KeyCache
from storage.keys.names import KeysetName
from storage.keys.stores import KeyStore

CHANNEL = "muniment_keys"
_ALL = "*"
_MOST = 500
"""So many are told one by one; of more it is told that everything is to be forgotten, which costs loading it anew."""


def tell(session: Session, gone: Iterable[KeysetName]) -> None:
    """Tell every process of it, once this transaction is committed."""
    if session.get_bind().dialect.name != "postgresql":
        return
    said = [f"{name.kind} {name.id}" for name in gone]
    for payload in said if len(said) <= _MOST else [_ALL]:
        session.execute(select(func.pg_notify(CHANNEL, payload)))


@contextmanager
def heard(store: KeyStore, cache: KeyCache) -> Iterator[None]:
    """Drop from `cache` what is told, while the block runs; after a silence everything: who knows what it was.

    What nobody tells of goes as its time is up.
    """
    if store.engine.dialect.name != "postgresql":
        with cache.swept():
            yield
        return

    def hear(payload: str) -> None:
        if payload == _ALL:
            cache.clear()
        else:
            cache.drop([KeysetName(*payload.split(" "))])  # type: ignore[arg-type]

    with cache.swept(), Listener(store.engine, CHANNEL, hear).listening(cache.clear, lambda: None):
        yield

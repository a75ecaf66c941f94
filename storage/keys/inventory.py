"""What keys there are: kinds, numbers, ages, and what wraps them. No key material; no service is asked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from storage.keys.stores import KeyStore
from storage.keys.tables import keysets as table
from storage.keys.tables import layout


@dataclass(frozen=True)
class Keysets:
    """Keysets of one kind. `keyed_at` is when the oldest of the keys in use was made; None where there are none."""

    kind: str
    count: int
    rotating: int
    keyed_at: datetime | None


@dataclass(frozen=True)
class Kek:
    """A key-encryption key: how many keysets lie under it, the oldest since when, and whether new ones will."""

    uri: str
    count: int
    wrapped_at: datetime | None
    wraps: bool


@dataclass(frozen=True)
class Inventory:
    """Every key of an installation, by kind."""

    keks: list[Kek]
    keysets: list[Keysets]


def read(store: KeyStore, first_kek: str) -> Inventory:
    """Return the keys in this key store; `first_kek` wraps unless the key store says another does.

    Raises KeyStoreUnavailable.
    """
    kind = case((table.c.kind == "platform", table.c.id), else_=table.c.kind)
    made = func.min(func.coalesce(table.c.keyed_at, table.c.created_at), type_=table.c.created_at.type)
    kinds = select(kind, func.count(), func.count(table.c.stage), made).group_by(kind).order_by(kind)
    since = func.min(func.coalesce(table.c.wrapped_at, table.c.created_at), type_=table.c.created_at.type)
    under = select(table.c.kek, func.count(), since).where(table.c.parent_kind.is_(None)).group_by(table.c.kek)
    with store.begin(read_only=True) as session:
        wrapping = session.scalar(select(layout.c.kek)) or first_kek
        found = {kek or first_kek: (count, at) for kek, count, at in session.execute(under)}
        groups = [Keysets(*row) for row in session.execute(kinds)]
    found.setdefault(wrapping, (0, None))
    keks = [Kek(uri, count, at, uri == wrapping) for uri, (count, at) in sorted(found.items())]
    return Inventory(keks, groups)

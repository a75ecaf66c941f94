"""Hashing anew: what is found by a keyed hash is written down under the newest key, while it is looked for under both.

What is hashed is opened inside the vault, and only its hash comes out. Rows are changed a few at a time, where they are
still the same; so it may be stopped and begun again anywhere.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from storage.contributors import Contributor
from storage.database import transaction
from storage.federation import PURPOSE, FederatedIdentity
from storage.keys.errors import KeyDestroyed
from storage.keys.names import HASHES, KeysetName
from storage.search import indexes
from storage.staff import StaffMember
from storage.vault import SealedDamaged, Vault
from storage.work import Store

_AT_ONCE = 50
_ATTEMPTS = 10
_LONGEST_PAUSE = 0.1


@dataclass(frozen=True)
class _Found:
    """Rows that are found by the keyed hash, made for `purpose`, of what is sealed in one of their columns."""

    model: Any
    column: str
    lookup: str
    purpose: str


_BY_NAME = (
    _Found(Contributor, "email", "email_lookup", "email"),
    _Found(StaffMember, "email", "email_lookup", "email"),
    _Found(FederatedIdentity, "name", "name_lookup", PURPOSE),
)

Told = Callable[[int, int], None]
"""Is told how much was looked at, out of how much."""


@dataclass
class Rehashed:
    """How many accounts and projects were written down anew, and keysets whose old keys are still needed: something
    under them does not open."""

    renewed: int = 0
    damaged: set[KeysetName] = field(default_factory=set)


def rehash(store: Store, names: list[KeysetName], told: Told) -> Rehashed:
    """Write down anew what the keysets `names` hash: e-mails of accounts, words of projects.

    Raises KeyStoreUnavailable, and DatabaseUnreachable.
    """
    found = Rehashed()
    with transaction(store.engine, read_only=True) as session:
        counts = (session.scalar(select(func.count()).select_from(each.model)) or 0 for each in _BY_NAME)
        accounts = sum(counts)
    projects = [uuid.UUID(name.id) for name in names if name.kind == "search"]
    emails = accounts if HASHES in names else 0
    total, done = max(1, emails + len(projects)), 0
    if emails:
        for each in _BY_NAME:
            done = _names(store, each, found, done, lambda at: told(at, max(total, at)))
    for number, project in enumerate(projects, 1):
        _words(store, project, found)
        told(emails + number, total)
    told(total, total)
    return found


def _names(store: Store, kept: _Found, found: Rehashed, done: int, told: Callable[[int], None]) -> int:
    """Go over the rows that are there now: what comes in later is hashed under the newest key."""
    last, model = None, kept.model
    with transaction(store.engine, read_only=True) as session:
        end = session.scalar(select(model.id).order_by(model.id.desc()).limit(1))
    while last != end:
        batch = select(model).where(model.id <= end).order_by(model.id).limit(_AT_ONCE)
        with transaction(store.engine, read_only=True) as session:
            rows = list(session.scalars(batch if last is None else batch.where(model.id > last)))
        if not rows:
            return done
        began = time.monotonic()
        _with_patience(lambda rows=rows: _replace(store, kept, rows, found))  # type: ignore[misc]
        last, done = rows[-1].id, done + len(rows)
        told(done)
        time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))
    return done


def _replace(store: Store, kept: _Found, rows: list[Any], found: Rehashed) -> None:
    vault, anew = Vault(store.keyring), {}
    column = getattr(kept.model, kept.lookup)
    for row in rows:
        try:
            anew[row.id] = vault.lookup(row, kept.column, kept.purpose)
        except KeyDestroyed:
            continue  # the account is being erased
        except SealedDamaged:
            found.damaged.add(HASHES)
    before = {row.id: getattr(row, kept.lookup) for row in rows}
    changes = [(row.id, before[row.id], anew[row.id]) for row in rows if anew.get(row.id) not in (None, before[row.id])]
    if not changes:
        return
    with transaction(store.engine) as session:
        for row_id, old, new in changes:
            same = update(kept.model).where(kept.model.id == row_id, column == old)
            found.renewed += session.execute(same.values({kept.lookup: new})).rowcount  # type: ignore[attr-defined]


def _words(store: Store, project: uuid.UUID, found: Rehashed) -> None:
    after: uuid.UUID | None = None
    while True:
        began = time.monotonic()
        try:
            after = _with_patience(lambda at=after: _some_words(store, project, at))  # type: ignore[misc]
        except KeyDestroyed:
            return  # the project is being erased
        except SealedDamaged:
            found.damaged.add(KeysetName("search", str(project)))
            return
        if after is None:
            found.renewed += 1
            return
        time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))


def _some_words(store: Store, project: uuid.UUID, after: uuid.UUID | None) -> uuid.UUID | None:
    with transaction(store.engine) as session:
        return indexes.reindex(session, Vault(store.keyring), project, after)


def _with_patience(change: Callable[[], Any]) -> Any:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return change()
        except (OperationalError, IntegrityError):  # somebody changed these rows too; one of us had to give way
            if attempt == _ATTEMPTS:
                raise
    return None

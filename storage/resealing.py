"""Sealing anew: every value that an older key of its keyset sealed is brought under the newest, while all is in use.

Values are read in short transactions and replaced one by one where they are still the same; whoever writes at the same
time wins, and has written under the newest key. So a pass may be repeated, stopped and resumed anywhere.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Engine, func, inspect, select, update
from sqlalchemy.exc import OperationalError

from storage.database import transaction
from storage.keys.errors import KeyDestroyed
from storage.keys.keyring import Keyring
from storage.keys.names import KeysetName
from storage.records import Holding, Record
from storage.vault import SealedDamaged, Vault

_BATCH = 200
_ATTEMPTS = 10

Told = Callable[[int, int], None]
"""Is told how many rows were looked at, out of how many."""


class _Change(NamedTuple):
    key: uuid.UUID
    column: str
    before: Any
    after: Any


@dataclass
class Pass:
    """What one pass over all tables found: values sealed anew, and keysets of values that do not open."""

    renewed: int = 0
    damaged: set[KeysetName] = field(default_factory=set)


def reseal(engine: Engine, keyring: Keyring, told: Told) -> Pass:
    """Look at every sealed value once. Raises KeyStoreUnavailable, and DatabaseUnreachable."""
    found, vault = Pass(), Vault(keyring)
    models = dict(_sealed_columns())
    with transaction(engine, read_only=True) as session:
        total = sum(session.scalar(select(func.count()).select_from(model)) or 0 for model in models)
    looked_at = 0
    for model, columns in models.items():
        for rows in _batches(engine, model):
            changes = [change for row in rows for change in _changes(vault, row, columns, found)]
            if changes:
                found.renewed += _apply(engine, model, changes)
            looked_at += len(rows)
            told(looked_at, max(total, looked_at))
    return found


def _sealed_columns() -> Iterator[tuple[type[Record], list[str]]]:
    for mapper in sorted(Record.registry.mappers, key=lambda each: each.class_.__tablename__):
        sealed = [key for key, column in mapper.columns.items() if column.info.get("holding") is Holding.SEALED]
        if sealed:
            yield mapper.class_, sealed


def _batches(engine: Engine, model: type[Record]) -> Iterator[list[Record]]:
    """Every row, in the order of the primary key; ones that come in meanwhile are sealed under the newest key."""
    [key] = inspect(model).primary_key
    last: Any = None
    while True:
        statement = select(model).order_by(key).limit(_BATCH)
        with transaction(engine, read_only=True) as session:
            rows = list(session.scalars(statement if last is None else statement.where(key > last)))
        if not rows:
            return
        yield rows
        last = _key_of(rows[-1])


def _key_of(row: Record) -> Any:
    return inspect(row).identity[0]  # type: ignore[index]


def _changes(vault: Vault, row: Record, columns: list[str], found: Pass) -> Iterator[_Change]:
    for column in columns:
        try:
            after = vault.renewed(row, column)
        except KeyDestroyed:
            continue  # it is being erased
        except SealedDamaged:
            found.damaged.add(vault.keyset_of(row, column))
            continue
        if after is not None:
            yield _Change(_key_of(row), column, getattr(row, column), after)


def _apply(engine: Engine, model: type[Record], changes: list[_Change]) -> int:
    table = inspect(model).local_table
    [key] = table.primary_key
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with transaction(engine) as session:
                done = 0
                for change in changes:
                    column = inspect(model).columns[change.column]
                    same = update(table).where(key == change.key, column == change.before)  # type: ignore[arg-type]
                    done += session.execute(same.values({column.name: change.after})).rowcount  # type: ignore[attr-defined]
                return done
        except OperationalError:  # somebody changed these rows in another order; one of us had to give way
            if attempt == _ATTEMPTS:
                raise
    return 0

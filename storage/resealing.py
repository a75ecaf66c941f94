"""Sealing anew: every value that an older key of its keyset sealed is brought under the newest, while all is in use.

Rows are read in short transactions and their values replaced where they are still the same; whoever writes at the same
time wins, and has written under the newest key. So a pass may be repeated, stopped and resumed anywhere.
"""

import time
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
from storage.sealed import Sealed
from storage.vault import SealedDamaged, Vault

_BATCH = 200
_ATTEMPTS = 10

_AT_ONCE = 20
"""Rows replaced in one transaction: on SQLite writers wait while it lasts."""

_LONGEST_PAUSE = 0.1

Told = Callable[[int, int], None]
"""Is told how many rows were looked at, out of how many."""


class _Change(NamedTuple):
    key: uuid.UUID
    before: dict[str, Sealed]
    after: dict[str, Sealed]


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
            changes = [change for row in rows if (change := _change(vault, row, columns, found))]
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


def _change(vault: Vault, row: Record, columns: list[str], found: Pass) -> _Change | None:
    """What is to be replaced in this row; None where nothing is."""
    before, after = {}, {}
    for column in columns:
        try:
            renewed = vault.renewed(row, column)
        except KeyDestroyed:
            continue  # it is being erased
        except SealedDamaged:
            found.damaged.add(vault.keyset_of(row, column))
            continue
        if renewed is not None:
            before[column], after[column] = getattr(row, column), renewed
    return _Change(_key_of(row), before, after) if after else None


def _apply(engine: Engine, model: type[Record], changes: list[_Change]) -> int:
    """Replace a few rows at a time, and leave as much time to others in between; answers how many values."""
    done = 0
    for start in range(0, len(changes), _AT_ONCE):
        began = time.monotonic()
        done += _replace(engine, model, changes[start : start + _AT_ONCE])
        time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))
    return done


def _replace(engine: Engine, model: type[Record], changes: list[_Change]) -> int:
    table, columns = inspect(model).local_table, inspect(model).columns
    [key] = table.primary_key
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with transaction(engine) as session:
                done = 0
                for change in changes:
                    same = [columns[name] == value for name, value in change.before.items()]
                    values = {columns[name].name: value for name, value in change.after.items()}
                    replaced = session.execute(update(table).where(key == change.key, *same).values(values))  # type: ignore[arg-type]
                    done += len(values) * replaced.rowcount  # type: ignore[attr-defined]
                return done
        except OperationalError:  # somebody changed these rows in another order; one of us had to give way
            if attempt == _ATTEMPTS:
                raise
    return 0

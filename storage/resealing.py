"""Sealing anew: every value that an older key of its keyset sealed is brought under the newest, while all is in use.

Rows are read in short transactions and their values replaced where they are still the same; whoever writes at the same
time wins, and has written under the newest key. So a pass may be repeated, stopped and resumed anywhere.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from sqlalchemy import Engine, Table, Update, bindparam, func, inspect, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import load_only

from storage.database import transaction
from storage.keys.errors import KeyDestroyed
from storage.keys.keyring import Keyring
from storage.keys.names import KeysetName
from storage.records import Holding, Record
from storage.sealed import Sealed
from storage.vault import SealedDamaged, Vault

_ATTEMPTS = 10

_AT_ONCE = 50
"""Rows that are read, opened, sealed and replaced together: on SQLite writers wait while they are replaced."""

_LEFT = 4
"""How many times as long as a batch took is left to others: on SQLite their commits wait for its share of the disk."""

_LONGEST_PAUSE = 1.0
"""Seconds: where the disk or the processor is busy, a batch takes long, and so does what is left to others."""

_KEY, _BEFORE, _AFTER = "of_row", "before_", "after_"

Told = Callable[[int, int], None]
"""Is told how many rows were looked at, out of how many."""


_Changes = dict[tuple[str, ...], list[dict[str, Any]]]
"""By the columns in which rows change: for each row its key, and what stands in these columns before and after."""


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
        began = time.monotonic()
        for rows in _batches(engine, model, columns):
            changes = _changes(vault, rows, columns, found)
            if changes:
                found.renewed += _replace(engine, model, changes)
            looked_at += len(rows)
            told(looked_at, max(total, looked_at))
            time.sleep(min(_LEFT * (time.monotonic() - began), _LONGEST_PAUSE))
            began = time.monotonic()
    return found


def _sealed_columns() -> Iterator[tuple[type[Record], list[str]]]:
    for mapper in sorted(Record.registry.mappers, key=lambda each: each.class_.__tablename__):
        sealed = [key for key, column in mapper.columns.items() if column.info.get("holding") is Holding.SEALED]
        if sealed:
            yield mapper.class_, sealed


def _batches(engine: Engine, model: type[Record], columns: list[str]) -> Iterator[list[Record]]:
    """Every row that is there now, in the order of the primary key; later ones are sealed under the newest key.

    Without that bound a pass beside callers that write faster would have no end.
    """
    [key] = inspect(model).primary_key
    bound = {name for name in (model.card.subject, "project_id") if name and name in inspect(model).columns}
    needed = [getattr(model, name) for name in sorted({*columns, *bound})]
    with transaction(engine, read_only=True) as session:
        end = session.scalar(select(key).order_by(key.desc()).limit(1))
    last: Any = None
    while last != end:
        statement = select(model).options(load_only(*needed, raiseload=True)).where(key <= end).order_by(key)
        statement = statement.limit(_AT_ONCE)
        with transaction(engine, read_only=True) as session:
            rows = list(session.scalars(statement if last is None else statement.where(key > last)))
        if not rows:
            return
        yield rows
        last = _key_of(rows[-1])


def _key_of(row: Record) -> Any:
    return inspect(row).identity[0]  # type: ignore[index]


def _changes(vault: Vault, rows: list[Record], columns: list[str], found: Pass) -> _Changes:
    """What is to be replaced in these rows."""
    anew: dict[Record, dict[str, Sealed]] = {}
    for column in columns:
        renewed, others = vault.renewed_all(rows, column)
        for row in others:
            try:
                alone = vault.renewed(row, column)
            except KeyDestroyed:
                continue  # it is being erased
            except SealedDamaged:
                found.damaged.add(vault.keyset_of(row, column))
                continue
            if alone is not None:
                renewed[row] = alone
        for row, sealed in renewed.items():
            anew.setdefault(row, {})[column] = sealed
    changes: _Changes = {}
    for row, values in anew.items():
        change = {f"{_BEFORE}{column}": row.__dict__[column] for column in values}
        change |= {f"{_AFTER}{column}": sealed for column, sealed in values.items()} | {_KEY: _key_of(row)}
        changes.setdefault(tuple(values), []).append(change)
    return changes


def _replace(engine: Engine, model: type[Record], changes: _Changes) -> int:
    """Replace what is still the same, in one transaction; answers how many values were, or somebody else wrote them."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with transaction(engine) as session:
                for columns, rows in changes.items():
                    session.connection().execute(_replacing(model, columns), rows)
            return sum(len(columns) * len(rows) for columns, rows in changes.items())
        except OperationalError:  # somebody changed these rows in another order; one of us had to give way
            if attempt == _ATTEMPTS:
                raise
    return 0


@cache
def _replacing(model: type[Record], columns: tuple[str, ...]) -> Update:
    """The statement that replaces these columns of a row, for many rows."""
    table, known = cast(Table, inspect(model).local_table), inspect(model).columns
    [key] = table.primary_key
    same = [known[name] == bindparam(_BEFORE + name, type_=known[name].type) for name in columns]
    after = {known[name].name: bindparam(_AFTER + name, type_=known[name].type) for name in columns}
    return update(table).where(key == bindparam(_KEY, type_=key.type), *same).values(after)

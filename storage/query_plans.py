"""Keep PostgreSQL to plans that read only the rows asked for, where its statistics suggest another."""

from typing import Any

from sqlalchemy import ARRAY, ColumnElement, CompoundSelect, Select, any_, func, text
from sqlalchemy.orm import Session

_NO_SCANS = "avoids scans"


def within(key: Any, keys: Select[Any] | CompoundSelect[Any], dialect: str) -> ColumnElement[bool]:
    """Return the condition that `key` is one of `keys`, which PostgreSQL evaluates first, as an array."""
    found: ColumnElement[bool] = key.in_(keys)
    if dialect == "postgresql":
        found = key == any_(func.array(keys.scalar_subquery(), type_=ARRAY(key.type)))
    return found


def avoid_scans(session: Session) -> None:
    """Make PostgreSQL use indexes for the rest of this transaction, wherever there is one.

    In the middle of an erasure its statistics are out of date: it expects to find rows of the owner of most of a table
    at once, and reads the whole table for the last few. SQLite uses an index wherever one fits.
    """
    if session.get_bind().dialect.name == "postgresql" and not session.info.get(_NO_SCANS):
        session.execute(text("SET LOCAL enable_seqscan = off"))
        session.info[_NO_SCANS] = True

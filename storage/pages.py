"""Pages: keyset pagination over a `Select` that the door has already filtered.

A door's `Select` yields the entity and one labelled boolean per further permission (`may_<action>`).
"""

from typing import Any

from sqlalchemy import Row, Select
from sqlalchemy.orm import Session

DECISION = "may_"
"""Prefix of a decision column's label: `may_read_content`."""


def fetch(session: Session, statement: Select[Any]) -> list[Any]:
    """The entities of a door's `Select`, each with `decisions` set from its boolean columns."""
    return [with_decisions(row) for row in session.execute(statement)]


def with_decisions(row: Row[Any]) -> Any:
    """The row's entity, carrying what this unit of work's principal may do with it."""
    entity = row[0]
    allowed = {
        label.removeprefix(DECISION) for label, value in row._mapping.items() if value is True and _decides(label)
    }
    entity.decisions = frozenset(entity.decisions | allowed)
    return entity


def _decides(label: Any) -> bool:
    return isinstance(label, str) and label.startswith(DECISION)

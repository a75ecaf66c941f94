"""Which columns a rule may compare, and with what, so that Python, SQLite and PostgreSQL decide alike."""

import difflib
import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, Enum, Integer, Numeric, String, Uuid
from sqlalchemy.types import TypeDecorator

from policies.plans import Operator
from policies.resources import mapper_of, worked_out
from storage.records import Holding, Record


class Unsupported(Exception):
    """A rule asks for something that has no sure counterpart in SQL. `word` helps to find the rule."""

    def __init__(self, message: str, word: str) -> None:
        super().__init__(message)
        self.word = word


def comparable(model: type[Record], name: str) -> Column[Any]:
    """The column behind `model.name`, or one for what is worked out from others, if rules may compare it."""
    mapper = mapper_of(model)
    column = mapper.columns.get(name, worked_out(model).get(name))
    if column is None:
        if name in mapper.relationships:
            raise Unsupported(f"{model.__name__}.{name} is a relation: compare a column of what it leads to", name)
        near = difflib.get_close_matches(name, mapper.columns.keys(), n=1)
        raise Unsupported(f"{model.__name__} has no “{name}”" + (f": did you mean “{near[0]}”?" if near else ""), name)
    if column.info.get("holding") is not Holding.PLAIN:
        raise Unsupported(f"{model.__name__}.{name} is not kept in clear: no rule may depend on content", name)
    if isinstance(column.type, JSON):
        raise Unsupported(f"{model.__name__}.{name} is a JSON document: keep what rules need in a column", name)
    return column


def ordered(model: type[Record], name: str, column: Column[Any]) -> None:
    """Refuse `<` and its like where the databases and Python sort differently."""
    kind: Any = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if not isinstance(kind, Integer | Numeric | DateTime):
        raise Unsupported(f"{model.__name__}.{name} has no order that every database agrees on: use = or in", name)


def bound_to(model: type[Record], name: str, column: Column[Any]) -> None:
    """Refuse to compare one of the principal's ids with anything that is not an id."""
    if not isinstance(column.type, Uuid):
        raise Unsupported(f"{model.__name__}.{name} is no id: a principal's id equals ids only", name)


def value_for(model: type[Record], name: str, column: Column[Any], literal: Any, operator: Operator) -> Any:
    """`literal` as a value of the column's own type; Unsupported where the comparison could never be meant."""
    where = f"{model.__name__}.{name}"
    if literal is None:
        if operator not in ("=", "!="):
            raise Unsupported(f"{where} is compared in order with nil", name)
        return None
    kind = column.type
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return _member(where, name, kind.enum_class, literal)
    fits = {
        Boolean: isinstance(literal, bool),
        Integer: isinstance(literal, int | float) and not isinstance(literal, bool),
        Numeric: isinstance(literal, int | float) and not isinstance(literal, bool),
        String: isinstance(literal, str) and "\0" not in literal,
        DateTime: isinstance(literal, datetime),
    }
    if any(isinstance(kind, known) and fit for known, fit in fits.items()):
        return literal
    raise Unsupported(f"{where} is compared with {literal!r}, which it never holds", name)


def _member(where: str, name: str, members: type[enum.Enum], literal: Any) -> enum.Enum:
    known = [str(member.value) for member in members]
    if not isinstance(literal, str) or literal not in known:
        raise Unsupported(f"{where} is never {literal!r}: write one of {', '.join(known)}", name)
    return members(literal)

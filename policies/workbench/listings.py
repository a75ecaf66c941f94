"""`policy sql`: the statement behind somebody's list, as a database gets it, and how the database would go about it."""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from policies.actions import Action
from policies.compiled import Policy
from policies.facts import parameters_of, shape_of
from policies.principals import Principal
from policies.resources import mapper_of
from storage.database import Transaction
from storage.pages import Slice, page_of
from storage.records import Record

DIALECTS: dict[str, Dialect] = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}  # type: ignore[no-untyped-call]


def statement(policy: Policy, principal: Principal, model: type[Record], action: Action, dialect: str) -> Select[Any]:
    """The first page of the rows that `principal` may `action`, as it is served; all of them where rows have no id."""
    decisions = policy.decisions(shape_of(principal), model)
    page = decisions.listing(action, ())
    if "id" in mapper_of(model).columns:
        page = page_of(model, page, Slice(), dialect, decisions.keys(action))
    return page.params(**parameters_of(principal))


def told(listing: Select[Any], dialect: Dialect) -> str:
    """The statement with its values written in, one clause a line."""
    text = str(listing.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    return _laid_out(" ".join(text.split()))


def query_plan(listing: Select[Any], session: Transaction) -> Iterable[str]:
    """How the database behind `session` would run it: nothing is read."""
    connection = session.connection()
    on_sqlite = connection.dialect.name == "sqlite"
    text = str(listing.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    rows = connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN ") + text)
    return [str(row[-1]) for row in rows]


def advice(steps: Iterable[str]) -> list[str]:
    """For each table that a plan walks from end to end, what would spare it. PostgreSQL walks small tables anyway."""
    walked: dict[str, None] = {}
    for step in steps:
        on_sqlite = re.fullmatch(r"SCAN (?!anon_|sqlite_|SUBQUERY)(\w+?)(?:_\d+)?", step.strip())
        on_postgresql = re.search(r"Seq Scan on (\w+)", step)
        many = on_postgresql is not None and re.search(r"\brows=\d{4,}\b", step) is not None
        if match := on_sqlite or (on_postgresql if many else None):
            walked[match[1]] = None
    return [
        f"It walks the whole of {table}: where that grows large, give {table} an index that begins with the column"
        " by which the rule finds its rows, and ends with id."
        for table in walked
    ]


def _laid_out(text: str) -> str:
    depth, lines = 0, [""]
    for word in re.findall(r"'(?:[^']|'')*'|[()]|[^()'\s]+|\s+", text):
        if word in ("FROM", "WHERE", "AND", "OR", "ORDER", "UNION"):
            lines.append("  " * depth + word)
            continue
        depth += (word == "(") - (word == ")")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)

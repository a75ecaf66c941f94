"""Pages below several parents hold what the door gives below each, and what may be done with it; no more is read."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from policies.access import Access, Policy
from policies.actions import Action
from policies.facts import shape_of
from policies.principals import Kind, Principal
from storage import reading
from storage.assets import Asset
from storage.database import open_engine
from storage.outputs import Output
from storage.pages import Slice, fetch
from storage.prompts import Prompt
from tests import databases
from tests.policies import worlds

EVERYONE = worlds.everyone()
HANGING: list[tuple[Any, str]] = [
    (Asset, "project_id"),
    (Prompt, "project_id"),
    (Output, "project_id"),
    (Output, "prompt_id"),
]
SHAPES = {shape_of(each): each for each in EVERYONE.values()}.values()
WAYS = [(1, False, True), (1, True, False), (2, True, True), (2, False, False), (100, False, True)]
"""How many, from the end, newest first."""


def _differing(policy: Policy, model: Any) -> list[Principal]:
    """One principal of each sort that may do something else with things of this model, or do it for another reason."""
    found = {}
    for principal in SHAPES:
        plans = policy.decisions(shape_of(principal), model).plans
        found[tuple(plans.get(action) for action in (Action.READ, Action.READ_CONTENT, Action.DELETE))] = principal
    return list(found.values())


def _page(rows: list[Any], part: Slice) -> tuple[list[Any], bool, bool]:
    """Ids and decisions of the page of these rows, and whether more lie after and before it."""
    rows = sorted(rows, key=lambda row: row.id.int, reverse=part.newest_first)
    places = [row.id for row in rows]
    begin = 0 if part.after is None else places.index(part.after) + 1 if part.after in places else None
    within = rows[begin:] if begin is not None else [
        row for row in rows if part.after is not None and (row.id.int < part.after.int) is part.newest_first
    ]  # fmt: skip
    shown = within[-part.limit :] if part.from_end else within[: part.limit]
    more = len(within) > part.limit
    ends = (False, more) if part.from_end else (more, part.after is not None)
    return [(row.id, row.decisions) for row in shown], *ends


@pytest.mark.parametrize(("model", "parent"), HANGING, ids=lambda each: getattr(each, "__name__", each))
def test_each_page_holds_what_the_door_gives_below_its_parent(
    model: Any, parent: str, session: Session, policy: Policy
) -> None:
    """For every sort of principal, way round, length and beginning: rows in order, decisions, ends and totals."""
    seen = 0
    parents = sorted({getattr(row, parent) for row in worlds.build().rows if type(row) is model} - {None})
    for principal in _differing(policy, model):
        session.expunge_all()  # an entity would keep what another was let do with it
        access = Access(policy, principal, session)
        allowed = fetch(session, access.select(model, Action.READ, also=(Action.DELETE,)))
        some = allowed[len(allowed) // 2].id if allowed else None
        for limit, from_end, newest in WAYS:
            for after in {None, some}:
                part = Slice(limit, after=after, from_end=from_end, newest_first=newest, count=True)
                door = access.listed(model, Action.READ, (Action.DELETE,))
                named = [*parents, parents[0]]  # one of them twice
                pages = reading.read_pages(session, model, door, part, parent=parent, parents=named)
                assert len(pages.rows) == sum(len(pages.of(each).rows) for each in parents)
                for each in parents:
                    its, page = [row for row in allowed if getattr(row, parent) == each], pages.of(each)
                    found = ([(row.id, row.decisions) for row in page.rows], page.has_next, page.has_previous)
                    assert found == _page(its, part), f"{principal}: {part}"
                    assert page.total == len(its), f"{principal}: {part}"
                    seen += len(page.rows)
    assert seen > 40


def test_who_is_given_nothing_finds_nothing_below(session: Session, policy: Policy) -> None:
    """Not where parents are named that are there."""
    parents = sorted({row.project_id for row in worlds.build().rows if type(row) is Asset and row.project_id})
    nobody = next(each for each in EVERYONE.values() if each.kind is Kind.ANONYMOUS)
    door = Access(policy, nobody, session).listed(Asset, Action.READ)
    pages = reading.read_pages(session, Asset, door, Slice(), parent="project_id", parents=parents)
    assert [len(pages.rows), *(len(pages.of(each).rows) for each in parents)] == [0] * (len(parents) + 1)


@pytest.fixture
def connection(sqlite_template: Path, tmp_path: Path) -> Iterator[Connection]:
    """SQLite, which says how it would go about a statement whatever is in its tables."""
    engine = open_engine(databases.copy_sqlite(sqlite_template, tmp_path / "empty.sqlite3"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_page_is_found_along_the_index_of_what_ties_it(policy: Policy, connection: Connection) -> None:
    """For every sort of principal: never by walking through all that somebody owns, for each parent anew."""
    looked = 0
    for (model, parent), principal in product(HANGING, SHAPES):
        decisions = policy.decisions(shape_of(principal), model)
        if not decisions.plans.get(Action.READ):
            continue
        form = reading._Form.of(Slice(), None, {})
        made = reading._made_below(model, decisions.listing(Action.READ, ()), form, parent, "sqlite")
        text = str(made.question.statement.compile(dialect=sqlite.dialect()))
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (None,) * text.count("?"))]
        steps = [step for step in plan if step.startswith("SEARCH") and model.__tablename__ in step]
        assert any(f"({parent}=?" in step for step in steps), plan
        assert not any("owner_id" in step for step in steps), plan
        assert not any(step.startswith(f"SCAN {model.__tablename__}") for step in plan), plan
        looked += 1
    assert looked > 10


def test_postgresql_finds_each_parents_page_by_itself(policy: Policy) -> None:
    """With LATERAL, since it would answer a list that differs from parent to parent for each row that there is."""
    decisions = policy.decisions(shape_of(EVERYONE["ada"]), Asset)
    form = reading._Form.of(Slice(), None, {})
    made = reading._made_below(Asset, decisions.listing(Action.READ, ()), form, "project_id", "postgresql")
    text = str(made.question.statement.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "JOIN LATERAL (SELECT" in text
    assert "unnest(" in text

"""What runs out does so by the clock of the moment: a statement that was built, compiled and cached before stays right."""

import enum
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from policies.access import Access, Policy
from policies.actions import Action
from policies.compiled import FORESEEN
from policies.principals import Kind, Principal
from policies.resources import PROTECTED
from storage import clock
from storage.grants import AccessGrant, GrantStatus
from storage.pages import Slice, fetch
from storage.projects import Project
from storage.reading import read_page, read_pages, read_some
from storage.statements import _compile
from tests.policies.worlds import FUTURE, PAST, named

SUE = Principal(Kind.STAFF, id=named("sue"), roles=frozenset({"SUPPORT"}))
LEE = Principal(Kind.STAFF, id=named("lee"), roles=frozenset({"SUPPORT"}))
HERS = {named("atlas"), named("alone")}
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("who", "moment", "seen"),
    [
        (SUE, PAST, HERS),
        (SUE, FUTURE - TICK, HERS),
        (SUE, FUTURE, set()),
        (SUE, FUTURE + TICK, set()),
        (LEE, PAST - TICK, HERS),
        (LEE, PAST, set()),
        (LEE, PAST + TICK, set()),
    ],
)
def test_a_grant_opens_until_the_moment_it_runs_out(
    policy: Policy,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    who: Principal,
    moment: datetime,
    seen: set[uuid.UUID],
) -> None:
    """To the microsecond, on both databases: one and the same statement, before and after, however it is read."""
    statement = Access(policy, who, session).select(Project, Action.READ_CONTENT)
    found = {row.id for row in fetch(session, statement)}
    assert found == (HERS if who is SUE else set())
    assert _read(policy, who, session) == [found] * 3
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert {row.id for row in fetch(session, statement)} == seen
    assert {row.id for row in fetch(session, Access(policy, who, session).select(Project, Action.READ_CONTENT))} == seen
    assert _read(policy, who, session) == [seen] * 3


def _read(policy: Policy, who: Principal, session: Session) -> list[set[uuid.UUID]]:
    """What the ways that keep their statements find: a page, pages below several things, and things by their ids."""
    door, part = Access(policy, who, session).listed(Project, Action.READ_CONTENT), Slice(count=True)
    owners = list(session.scalars(select(Project.owner_id)))
    below = read_pages(session, Project, door, part, parent="owner_id", parents=owners)
    page = read_page(session, Project, door, part)
    behind = read_page(session, Project, door, Slice(count=True, after=uuid.UUID(int=0)))
    assert (page.total, behind.total, sum(below.totals.values())) == (len(page.rows),) * 3
    several: list[Sequence[Project]] = [
        page.rows,
        below.rows,
        read_some(session, Project, door, list(session.scalars(select(Project.id)))),
    ]
    return [{row.id for row in rows} for rows in several]


def test_nothing_of_anybody_and_of_no_moment_stays_in_a_statement_that_is_kept(policy: Policy) -> None:
    """For whatever shape and model: ids are bound, the time is asked for, and what stands in it is the policy's own."""
    kinds, asking, met = set[type](), 0, set[object]()
    for shape, model in product(FORESEEN, PROTECTED):
        decisions = policy.decisions(shape, model)
        plans = model, frozenset(decisions.plans.items())
        if plans in met:  # equal plans make equal statements
            continue
        met.add(plans)
        found = decisions.keys(Action.READ)
        branches = () if found is None else (*found.ordered, *found.others)
        for statement in (decisions.listing(Action.READ, Action), decisions.one(Action.READ, Action), *branches):
            made = _compile(statement, sqlite.dialect())
            kinds |= {type(value) for value in made.constants.values()}
            asking += bool(made.asked)
    assert asking > 10
    assert all(kind in (bool, int, str) or issubclass(kind, enum.Enum) for kind in kinds), kinds


@pytest.mark.parametrize("status", GrantStatus)
def test_the_object_says_what_the_database_says(monkeypatch: pytest.MonkeyPatch, status: GrantStatus) -> None:
    """`live` of a row in hand follows the same clock, and nothing but ACTIVE is ever live."""
    grant = AccessGrant(status=status, expires_at=FUTURE)
    for moment, due in ((PAST, True), (FUTURE - TICK, True), (FUTURE, False), (FUTURE + TICK, False)):
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        assert grant.live is (due and status is GrantStatus.ACTIVE)
        waiting = status in (GrantStatus.REQUESTED, GrantStatus.ACTIVE)
        assert grant.standing(moment) is (GrantStatus.EXPIRED if waiting and not due else status)

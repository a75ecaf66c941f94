"""Pages of lists: each in its place, whichever way one turns them, and no dearer for those behind it."""

import uuid
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, insert, inspect, select
from sqlalchemy.orm import Session

from policies.access import Access, Policy
from policies.actions import Action
from policies.principals import Kind, Principal
from storage.assets import Asset
from storage.database import transaction
from storage.ids import new_id
from storage.outputs import Output
from storage.pages import Slice, fetch
from storage.projects import MemberRole, Project, ProjectMember
from storage.prompts import Prompt
from storage.reading import read_page, read_some
from storage.records import Record
from storage.sealed import Sealed
from tests.policies.worlds import NAMES, SEAL, everyone, named

SHOWN = 20
FEW, MANY = 200, 2000


@pytest.mark.parametrize("model", [Asset, Prompt, Output])
def test_pages_put_together_are_the_list_whichever_way_they_are_turned(
    model: type[Record], policy: Policy, session: Session
) -> None:
    """Nothing is left out or shown twice of one's own things and of what others share, and neighbours are told."""
    several = 0
    for name, (newest_first, from_end) in product(NAMES, product((True, False), repeat=2)):
        access = Access(policy, everyone()[name], session)
        ids = sorted(row.id for row in fetch(session, access.select(model, Action.READ)))
        several += len(ids) > 2
        door, found, edge = access.listed(model, Action.READ), list[uuid.UUID](), None
        more = True
        while more:
            at = {"before" if from_end else "after": edge}
            part = Slice(limit=2, newest_first=newest_first, from_end=from_end, count=True, **at)
            page = read_page(session, model, door, part)
            assert page.total == len(ids)
            rows = [row.id for row in page.rows]
            found = [*rows, *found] if from_end else [*found, *rows]
            more = page.has_previous if from_end else page.has_next
            assert more == (len(found) < len(ids)), name
            if more:
                edge = rows[0] if from_end else rows[-1]
        assert found == (ids[::-1] if newest_first else ids), name
    assert several > len(NAMES)


@pytest.mark.parametrize("model", [Asset, Prompt, Output])
def test_things_are_found_by_their_ids_as_far_as_the_door_gives_them(
    model: type[Record], policy: Policy, session: Session
) -> None:
    """Of everybody's things and one that never was exactly one's own and what is shared, each with its decisions."""
    key: Any = inspect(model).primary_key[0]
    everybodys = [*session.scalars(select(key)), new_id()]
    for name in NAMES:
        access = Access(policy, everyone()[name], session)
        expected = {row.id: row.decisions for row in fetch(session, access.select(model, Action.READ, also=Action))}
        rows: Any = read_some(session, model, access.listed(model, Action.READ, also=Action), everybodys * 2)
        assert {row.id: row.decisions for row in rows} == expected
        assert len(rows) == len(expected) < len(everybodys)


@pytest.mark.one_database("sqlite", reason="its steps can be counted, and its planner decides by the indexes alone")
def test_a_thing_costs_the_same_however_many_one_has(engine: Engine, policy: Policy) -> None:
    """What is asked for by its id is found by that, and not by whose it is."""
    costs: list[int] = []
    for name, number in (("few", FEW), ("many", MANY)):
        ids = _furnish(engine, name, number)
        costs.append(_steps(engine, policy, name, ids[number // 2 :][:3]))
    assert costs[1] < 1.5 * costs[0]


@pytest.mark.one_database("sqlite", reason="its steps can be counted, and its planner decides by the indexes alone")
def test_a_page_of_ones_own_costs_the_same_however_many_lie_behind_it(engine: Engine, policy: Policy) -> None:
    """Ten times as many things of one's own are not read for the first page, nor for one in their middle."""
    costs: dict[str, list[int]] = {}
    for name, number in (("few", FEW), ("many", MANY)):
        ids = _furnish(engine, name, number)
        middle = Slice(SHOWN, after=ids[number // 2])
        costs[name] = [_steps(engine, policy, name, part) for part in (Slice(SHOWN), middle)]
    for few, many in zip(costs["few"], costs["many"], strict=True):
        assert many < 1.5 * few


def test_a_page_of_what_others_share_is_in_order(engine: Engine, policy: Policy) -> None:
    """Where one's own and others' things were made by turns, a page has both."""
    made = [each for name in ("mine", "theirs", "mine", "nobody's") for each in _furnish(engine, name, 15)][:45]
    with transaction(engine) as session:
        shared = {"project_id": named("theirs's"), "owner_id": named("theirs")}
        session.add(ProjectMember(contributor_id=named("mine"), role=MemberRole.VIEWER, **shared))
    with transaction(engine, read_only=True) as session:
        door = _access(policy, "mine", session).listed(Asset, Action.READ)
        page = read_page(session, Asset, door, Slice(40))
    assert [row.id for row in page.rows] == made[:-41:-1]


def _furnish(engine: Engine, name: str, number: int) -> list[uuid.UUID]:
    """The ids of so many new assets of somebody's, oldest first."""
    given = {
        "owner_id": named(name),
        "project_id": named(f"{name}'s"),
        "media_type": "",
        "byte_size": 0,
        **dict.fromkeys(("file_name", "title", "description", "tags"), Sealed(b"\x01" + bytes(60))),
    }
    ids = [new_id() for _ in range(number)]
    with transaction(engine) as session:
        session.merge(Project(id=named(f"{name}'s"), owner_id=named(name), name=SEAL))
        session.flush()
        session.execute(insert(Asset), [{"id": each, **given} for each in ids])
    return ids


def _access(policy: Policy, name: str, session: Session) -> Access:
    return Access(policy, Principal(Kind.CONTRIBUTOR, id=named(name)), session)


def _steps(engine: Engine, policy: Policy, name: str, asked: Slice | list[uuid.UUID]) -> int:
    """How many tens of steps the database takes for a page of somebody's assets, or for those with these ids."""
    taken = 0

    def take() -> int:
        nonlocal taken
        taken += 1
        return 0

    with transaction(engine, read_only=True) as session:
        door = _access(policy, name, session).listed(Asset, Action.READ)
        driver: Any = session.connection().connection.dbapi_connection
        driver.set_progress_handler(take, 10)
        if isinstance(asked, Slice):
            assert len(read_page(session, Asset, door, asked).rows) == SHOWN
        else:
            assert len(read_some(session, Asset, door, asked)) == len(asked)
        driver.set_progress_handler(None, 0)
    return taken

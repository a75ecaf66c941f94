"""Columns in which what opens stands beside what does not: the same answers, and the same in the trail, as one by one.

Against the same schema without any short way, by callers to whom the door gives different parts of the same rows.
"""

from typing import Any

import pytest
from sqlalchemy import text

from resolvers.context import Asking, Context
from resolvers.identity import identify
from schema import api
from storage.keys.names import project_keyset
from storage.work import UnitOfWork
from tests.resolvers import granting
from tests.resolvers.granting import Case
from tests.schema.test_executor import ours, said, stock
from tests.world import Person, World, raw_id

__all__ = ["ours", "stock"]

DOCUMENTS = (
    "{ assets { totalCount edges { cursor node { id checksum } } } }",
    "{ assets { edges { node { id ...seen } } } } fragment seen on Node { viewerCan ... on Asset { checksum } }",
    """{ projects { edges { node { id viewerCan all: assets { totalCount edges { node { id checksum viewerCan } } }
       first: assets(first: 1) { edges { node { checksum } } } last: assets(last: 1) { edges { node { checksum } } }
       none: assets(first: 0) { totalCount edges { node { checksum } } } } } } }""",
    "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id viewerCan ... on Asset { checksum project { id } } } }",
    """query($ids: [ID!]!) { one: nodes(ids: $ids) { id ... on Project { assets { edges { node { checksum project {
       assets(first: 2) { edges { node { id checksum } } } } } } } } } two: nodes(ids: $ids) { id } }""",
)


class Told:
    """What a unit of work opened and what did not open in it, in place of entries that the second way would see."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: set[Any] = set()
        self.damaged: set[Any] = set()
        monkeypatch.setattr(Context, "_record_reads", lambda _context, work: self._note(work))

    def _note(self, work: UnitOfWork) -> None:
        self.opened, self.damaged = set(work.vault.opened), set(work.vault.damaged)
        work.vault.damaged.clear()


@pytest.fixture
def case(world: World) -> Case:
    """Somebody with a project of which not everything opens, one of their own, and one of which the key is gone."""
    case = granting.make(world)
    for title in ("Rivers", "Clouds", "Stones"):
        world.asset(case.owner, case.project, title.encode())
    world.announce(case.owner, case.project)  # it has no checksum yet
    world.asset(case.owner, world.project(case.owner, "Apart"), b"Apart")
    gone = world.project(case.owner, "Gone")
    world.asset(case.owner, gone, b"Gone")
    with world.house.store.engine.begin() as connection:
        found = connection.execute(text("SELECT id, checksum FROM assets WHERE checksum IS NOT NULL ORDER BY id")).all()
        for (there, _), (_, checksum) in zip(found[1:3], found[2:0:-1], strict=True):
            connection.execute(text("UPDATE assets SET checksum = :c WHERE id = :id"), {"c": checksum, "id": there})
    world.house.store.keyring.destroy(project_keyset(raw_id(gone)))
    case.granted(case.support)
    return case


def checksums(found: Any) -> set[str]:
    """Every checksum in an answer."""
    if isinstance(found, dict):
        own = {found["checksum"]} if found.get("checksum") else set[str]()
        return own.union(*map(checksums, found.values()))
    return set[str]().union(*map(checksums, found)) if isinstance(found, list) else set()


def test_what_opens_beside_what_does_not_is_answered_and_noted_as_one_by_one(
    case: Case, ours: api.Schema, stock: api.Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged, null, of a key that is gone, not the caller's to open, and not theirs to see: each alone, and in its place."""
    world, told = case.world, Told(monkeypatch)
    friend, stranger = world.register("friend"), world.register("stranger")
    world.share(case.owner, case.project, friend, "VIEWER")
    ids = [edge["node"]["id"] for edge in world.ask(LISTED, case.owner).data["assets"]["edges"]]
    ids = [case.project, *ids, stranger.id, ids[0], world.project(stranger)]
    callers = {
        "owner": case.owner,
        "friend": friend,
        "stranger": stranger,
        "reads": world.key(case.owner, "read")[1],
        "writes": world.key(case.owner, "write")[1],
        "granted": case.support,
        "not granted": case.security,
    }
    shown: dict[str, set[str]] = {}
    for name, caller in callers.items():
        asking, shown[name] = asking_of(world, caller), set()
        for document in DOCUMENTS:
            answers = []
            for schema in (ours, stock):
                answer = said(schema, document, Context(world.house, asking), ids=ids)
                answers.append((answer, told.opened, told.damaged))
            assert answers[0] == answers[1], (name, document)
            [((data, errors), opened, damaged), _] = answers
            assert len(opened) == len(checksums(data)), (name, document)
            assert len(damaged) <= len(errors)
            shown[name] |= checksums(data)
    sizes = {name: len(each) for name, each in shown.items()}
    assert sizes == {
        "owner": 3, "friend": 2, "stranger": 0, "reads": 3, "writes": 0, "granted": 2, "not granted": 0,
    }  # fmt: skip
    assert shown["granted"] == shown["friend"] < shown["owner"]


LISTED = "{ assets { edges { node { id } } } }"


def asking_of(world: World, person: Person) -> Asking:
    return identify(world.house, person.token, ip_address="192.0.2.1", user_agent="test")

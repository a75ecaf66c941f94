"""Callers of every kind, and beside each of them the same rows that none of them may see, there or not there."""

import base64
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Table, bindparam, inspect, update

from policies.principals import Principal
from policies.resources import PROTECTED, RELATED
from policies.workbench.casts import row as described
from resolvers.identity import identify
from resolvers.tickets import cursor
from schema.lookups import KINDS
from storage.clock import now
from storage.ids import new_id
from storage.lockdowns import Lockdown
from storage.outages import Outage
from storage.projects import ProjectMember
from storage.records import Record
from storage.services import Service
from storage.sessions import ApiKey
from storage.staff import StaffRole
from tests.policies.oracle import connect, shared
from tests.world import Person, World, agent_scope, global_id, raw_id


@dataclass
class Cast:
    """Who asks, what they know of, and the rows that stand beside."""

    world: World
    callers: dict[str, Person | None]
    known: list[str]
    """Global ids that callers may have come by: their own, and those of rows that are there only sometimes."""
    nowhere: list[str]
    """Global ids of things that never were."""
    cursors: list[str]
    """Places in lists, handed out to anybody."""
    hidden: list[Record]
    """Rows of other people, to be put beside everybody's own."""
    _unseen: dict[str, list[Record]] = field(default_factory=dict)

    def unseen(self, caller: str) -> list[Record]:
        """Of the hidden rows those with which this caller may do nothing, as oso decides about each."""
        if caller not in self._unseen:
            principal, oracle = self.principal(caller), shared(self.world.house.policy.source)
            self._unseen[caller] = [row for row in self.hidden if not oracle.actions(principal, self._about(row))]
        return self._unseen[caller]

    def hidden_id(self, model: str) -> uuid.UUID:
        """The id of a row of this model that is there only sometimes."""
        found: uuid.UUID = next(row.id for row in self.hidden if type(row).__name__ == model)  # type: ignore[attr-defined]
        return found

    def _about(self, row: Record) -> Record:
        """The row that a rule decides about: an entry's personal side goes with the entry."""
        entry = getattr(row, "event_id", None)
        return row if entry is None else next(each for each in self.hidden if getattr(each, "id", None) == entry)

    def some_ids(self, kind: str) -> list[str]:
        """Of this kind of thing one's own, others' and nobody's, and one of another kind; of every kind for `node(s)`."""
        if kind in ("node", "nodes"):
            return [*{kind_of(each): each for each in self.known}.values(), *self.nowhere[:2]]
        alike = [each for each in [*self.known, *self.nowhere] if kind_of(each).lower() == kind.lower()]
        assert len(alike) > 2, kind
        return [*alike, self.known[0], self.known[1]]

    def principal(self, caller: str) -> Principal:
        """Who the caller is to the policy."""
        person = self.callers[caller]
        return identify(self.world.house, person.token if person else None).principal

    @contextmanager
    def beside(self, caller: str) -> Iterator[None]:
        """While the block runs, what the caller may not see is there."""
        rows = self.unseen(caller)
        tables: list[Table] = [table for table in Record.metadata.sorted_tables if any(_of(r) is table for r in rows)]
        with self.world.house.store.engine.begin() as connection:
            for table in tables:
                connection.execute(table.insert(), [_values(row) for row in rows if _of(row) is table])
        try:
            yield
        finally:
            with self.world.house.store.engine.begin() as connection:
                for table in reversed(tables):
                    same = [column == bindparam(f"key_{column.key}") for column in table.primary_key]
                    keys = [
                        {f"key_{column.key}": _values(row)[column.key] for column in table.primary_key}
                        for row in rows
                        if _of(row) is table
                    ]
                    connection.execute(table.delete().where(*same), keys)


def make(world: World) -> Cast:
    """Ada, who owns things, sees some of Bob's and works in others; staff of every role; keys; and nobody."""
    ada, bob, zoe = (world.register(name) for name in ("ada", "bob", "zoe"))
    own, seen, worked_in = _furnished(world, ada), _furnished(world, bob), _furnished(world, bob)
    world.share(bob, seen["project"], ada, "VIEWER")
    world.share(bob, worked_in["project"], ada, "EDITOR")
    leaving = world.register("leaving")
    world.step_up(leaving)
    world.do("deleteAccount", leaving, confirm=True).data  # noqa: B018 - fails the test where it did not work
    proven = Person("ada, stepped up", world.sign_in(ada.email).data["it"]["session"]["token"], ada.id)
    world.step_up(proven)
    gone = world.announce(ada, own["project"])[0]
    world.do("deleteAsset", proven, assetId=gone).data  # noqa: B018 - as above
    world.do("requestExport", proven, scope="ACCOUNT").data  # noqa: B018 - as above
    callers: dict[str, Person | None] = {"ada": ada, "ada, stepped up": proven, "nobody": None, "departing": leaving}
    for scopes in (("read",), ("write",), ("export",), ("read", "write", "export")):
        callers[f"ada's key to {' and '.join(scopes)}"] = world.key(proven, *scopes)[1]
    for role in StaffRole:
        callers[f"staff: {role.value}"] = world.employ(role)
    with world.house.store.begin(agent_scope()) as work:  # or the first use in a minute would be noted, and seen
        work.session.execute(update(ApiKey).values(last_used_at=now() + timedelta(days=1)))
    near, eve = raw_id(own["project"]), new_id()
    hidden = [*_rows(eve, raw_id(ada.id), near, "eve"), *_rows(raw_id(bob.id), raw_id(zoe.id), near, "bob", 64)]
    joined = {"project_id": raw_id(seen["project"]), "owner_id": raw_id(bob.id), "contributor_id": raw_id(zoe.id)}
    hidden.append(described(ProjectMember, "zoe in Bob's", {**joined, "role": "EDITOR"}))
    connect(hidden)
    cast = Cast(world, callers, [*own.values(), *seen.values(), ada.id, bob.id], [], [], hidden)
    cast.known += [global_id(type(row).__name__, row.id) for row in hidden if type(row).__name__ in KINDS]  # type: ignore[attr-defined]
    cast.nowhere = [global_id(kind, new_id()) for kind in KINDS]
    keyring = world.house.store.keyring
    cast.cursors = [
        cursor(keyring, kind, raw_id(each))
        for each in [*own.values(), *cast.known[-len(KINDS) :]]
        for kind in ("Project", "Asset", "Output", "AuditEvent")
    ]
    return cast


def _furnished(world: World, owner: Person) -> dict[str, str]:
    project = world.project(owner)
    asset = world.asset(owner, project)
    prompt = world.prompt(owner, project, assetIds=[asset])
    return {"project": project, "asset": asset, "prompt": prompt, "output": world.output(prompt)}


_UNPUBLISHED: dict[type[Record], dict[str, Any]] = {
    Lockdown: {"status": "ENDED"},
    Outage: {"ended_at": now()},
    Service: {"status": "PROPOSED"},
}
"""What keeps a row from being everybody's to see, or everybody from doing anything."""


def _rows(owner: uuid.UUID, other: uuid.UUID, near: uuid.UUID, whose: str, after: int = 0) -> list[Record]:
    """One row of every model of the policy, of this owner's, with ids right behind `near`, which a caller owns.

    `other` wrote the prompt once, and is no member (any more). Rows that an owner has one of are made for an owner who
    has an account in no other way.
    """
    ids = {model.__name__: uuid.UUID(int=near.int + 1 + place + after) for place, model in enumerate(PROTECTED)}
    ids |= {} if after else {"Contributor": owner}
    given: dict[str, Any] = {f"{name.lower()}_id": row_id for name, row_id in ids.items()}
    given |= {"owner_id": owner, "contributor_id": new_id(), "author_id": other, "actor_id": owner, "subject_id": owner}
    given |= {"event_id": ids["AuditEvent"], "object_id": ids["Project"]}
    given |= {"media_type": "text/plain", "action": "project.created", "number": 1_000 + after}
    rows = []
    for model in (*PROTECTED, *RELATED):
        columns = inspect(model).columns
        if after and "owner_id" in {column.key for column in inspect(model).primary_key}:
            continue
        said = {"id": ids.get(model.__name__), **given, **_UNPUBLISHED.get(model, {})}
        rows.append(described(model, f"{whose}: {model.__name__}", {k: v for k, v in said.items() if k in columns}))
    return rows


def _of(row: Record) -> Table:
    return type(row).__table__  # type: ignore[return-value]


def _values(row: Record) -> dict[str, Any]:
    columns = inspect(type(row)).columns
    return {column.key: getattr(row, name) for name, column in columns.items() if name in inspect(row).dict}


def kind_of(given: str) -> str:
    """The kind of thing that a global id names."""
    return base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(":")[0]

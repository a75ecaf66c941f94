"""Who and what a command line names: `contributor:ada`, `Asset:0190…`, or by a name of the world's."""

import uuid
from collections.abc import Mapping
from typing import Any

from policies.errors import NotFound
from policies.principals import ANONYMOUS, Principal
from policies.resources import PLATFORM, PROTECTED, Platform, mapper_of
from policies.workbench.casts import MODELS, THE_PLATFORM, Unclear, World, connect, principal, row
from storage.database import Transaction
from storage.records import Record

DESCRIBED = "the row described"


def somebody(said: str, world: World) -> Principal:
    """`said` as a principal: a name of the world's, or kind:who[:more], where who is an id or a name.

    contributor:ada · contributor:ada:stepped_up · departing:ada · key:ada:read,write · agent:exports:ada:RUN ·
    staff:SUPPORT,PRIVACY · anonymous. Raises Unclear.
    """
    if said in world.people:
        return world.people[said]
    kind, *rest = said.split(":")
    match kind, rest:
        case "anonymous", []:
            return ANONYMOUS
        case "contributor", [who]:
            return principal(said, {"contributor": who})
        case "contributor", [who, "stepped_up"]:
            return principal(said, {"contributor": who, "stepped_up": True})
        case "departing", [who]:
            return principal(said, {"departing": who})
        case "key", [who, scopes]:
            return principal(said, {"key of": who, "scopes": _words(scopes)})
        case "agent", [name, *more] if len(more) <= 2:
            return principal(said, {"agent": name, **dict(zip(("for", "run"), more, strict=False))})
        case "staff", [roles]:
            return principal(said, {"staff": _words(roles)})
    known = "contributor:ID, contributor:ID:stepped_up, key:ID:read,write, agent:NAME:ID:RUN, staff:ROLE, anonymous"
    raise Unclear(f"“{said}” is nobody: write {known}, or a name of the scenarios' world ({', '.join(world.people)})")


def something(said: str, world: World) -> Record | Platform:
    """`said` as a thing of the world. Raises Unclear."""
    if said == THE_PLATFORM:
        return PLATFORM
    if said in world.things:
        return world.things[said]
    raise Unclear(f"the world of the scenarios has no “{said}”: {', '.join([THE_PLATFORM, *world.things])}")


def described(kind: str, values: Mapping[str, Any], world: World) -> Record:
    """A row of `kind` with these values, put into the world. Raises Unclear."""
    found = row(given_out(kind), DESCRIBED, values)
    world.things[DESCRIBED] = found
    connect(world.things.values())
    return found


def stored(said: str, session: Transaction) -> Record | Platform:
    """`Model:id` as the row of the database; `the platform` too. Raises Unclear."""
    if said == THE_PLATFORM:
        return PLATFORM
    kind, _, key = said.partition(":")
    model = given_out(kind)
    columns = mapper_of(model).primary_key
    try:
        identity = tuple(uuid.UUID(part) for part in key.split(","))
    except ValueError:
        raise Unclear(f"“{key}” is no id of a {kind}: write {kind}:{','.join('ID' for _ in columns)}") from None
    found: Record | None = session.get(model, identity) if len(identity) == len(columns) else None
    if found is None:
        raise Unclear(f"the database has no {kind} with that id")
    return found


def stored_row(model: type[Record], identity: uuid.UUID, session: Transaction) -> Record:
    """The row with this id, whoever may see it: an explanation shows of it what may be seen. Raises NotFound."""
    found: Record | None = session.get(model, identity) if len(mapper_of(model).primary_key) == 1 else None
    if found is None:
        raise NotFound(model.__name__)
    return found


def given_out(kind: str) -> type[Record]:
    """The model of that name, if the door gives out its rows. Raises Unclear."""
    model = _model(kind)
    if model not in PROTECTED:
        raise Unclear(f"nobody is given a {kind}: {', '.join(known.__name__ for known in PROTECTED)}")
    return model


def _model(kind: str) -> type[Record]:
    if kind not in MODELS:
        raise Unclear(f"there is no {kind}: {', '.join(sorted(MODELS))}")
    return MODELS[kind]


def _words(said: str) -> list[str]:
    return [word for word in said.split(",") if word]

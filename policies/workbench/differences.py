"""`policy diff`: whom a change of the policy gives or takes what, with the rows of a database that show it."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, case, func, inspect, literal, select

from policies.compiled import Policy
from policies.facts import Shape, parameters_of, shape_of
from policies.plans import Plan
from policies.principals import AgentName, Kind, Principal
from policies.sql import predicate
from policies.workbench.comparisons import Change, changes
from storage.contributors import Contributor
from storage.database import Transaction
from storage.deletions import Deletion
from storage.exports import Export
from storage.grants import AccessGrant
from storage.prompts import Prompt
from storage.records import Record

MOST_PEOPLE = 50
_MOST_EXAMPLES = 3

People = Mapping[str, Principal]


@dataclass(frozen=True)
class Difference:
    """A change, and what it means today: how many pairs of somebody and a row, and some of them."""

    change: Change
    rows: int
    examples: tuple[str, ...]


def differences(
    old: Policy, new: Policy, session: Transaction, people: People, names: Mapping[Any, str]
) -> list[Difference]:
    """Every change with its counts over `people` and the rows of `session`'s database. Reads only."""
    return [_counted(change, old, new, session, people, names) for change in changes(old, new)]


def synthetic(session: Transaction, shapes: Iterable[Shape]) -> People:
    """Principals of these shapes for a live database: with the ids of contributors and runs that are there."""
    people = {}
    for shape in shapes:
        for principal in islice(_of_shape(session, shape), MOST_PEOPLE):
            people[_called(shape, principal)] = principal
    return people


def _called(shape: Shape, principal: Principal) -> str:
    """A name for each: the same contributor stepped up, or through a key, is another principal."""
    kind = shape.name or shape.kind.lower()
    marks = [*sorted(shape.scopes), *sorted(shape.roles), *(["mfa"] * shape.mfa), *(["stepped up"] * shape.stepped_up)]
    whom = principal.on_behalf_of or principal.id
    return " ".join([kind, *marks, *([str(whom)] if whom else [])])


def _of_shape(session: Transaction, shape: Shape) -> Iterator[Principal]:
    # The newest are looked at: a sample, which only counts; what is gained was told from the plans.
    contributors = select(Contributor.id).order_by(Contributor.id.desc()).limit(MOST_PEOPLE)
    match shape.kind:
        case Kind.CONTRIBUTOR | Kind.DEPARTING:
            for identity in session.scalars(contributors):
                yield Principal(shape.kind, id=identity, stepped_up=shape.stepped_up)
        case Kind.API_KEY:
            for identity in session.scalars(contributors):
                yield Principal(shape.kind, id=identity, scopes=shape.scopes, on_behalf_of=identity)
        case Kind.AGENT:
            runs: Any = {AgentName.GENERATION: (Prompt, Prompt.author_id), AgentName.EXPORTS: (Export, Export.owner_id)}
            model, whom = runs.get(shape.name, (Deletion, Deletion.owner_id))
            for run, person in session.execute(select(model.id, whom).order_by(model.id.desc()).limit(MOST_PEOPLE)):
                yield Principal(shape.kind, name=shape.name, on_behalf_of=person, run=run)
        case Kind.STAFF:
            # Those who hold a grant, for whom the rules about grants count; if there are none, somebody in the job.
            held = select(AccessGrant.grantee_id).where(AccessGrant.role.in_(shape.roles)).distinct()
            for identity in list(session.scalars(held.limit(MOST_PEOPLE))) or [uuid.UUID(int=0)]:
                yield Principal(shape.kind, id=identity, roles=shape.roles, mfa=shape.mfa, stepped_up=shape.stepped_up)


def _counted(
    change: Change, old: Policy, new: Policy, session: Transaction, people: People, names: Mapping[Any, str]
) -> Difference:
    if change.model is None:
        return Difference(change, 0, ())
    having, lacking = (new, old) if change.gained else (old, new)
    model = change.model
    count, examples = 0, list[str]()
    for who, principal in people.items():
        if shape_of(principal) != change.shape:
            continue
        now = _holds(model, having.decisions(change.shape, model).plans.get(change.action, frozenset()))
        then = _holds(model, lacking.decisions(change.shape, model).plans.get(change.action, frozenset()))
        matching = select(*inspect(model).primary_key).where(now == 1, then == 0).params(**parameters_of(principal))
        count += session.execute(select(func.count()).select_from(matching.subquery())).scalar_one()
        few = session.execute(matching.limit(_MOST_EXAMPLES))
        examples += [f"{who} → {_named(model, tuple(key), names)}" for key in few]
    return Difference(change, count, tuple(examples[:_MOST_EXAMPLES]))


def _holds(model: type[Record], plan: Plan) -> ColumnElement[int]:
    """1 or 0, and never NULL: what is unknown is not allowed."""
    return case((predicate(model, plan), literal(1)), else_=literal(0))


def _named(model: type[Record], key: tuple[Any, ...], names: Mapping[Any, str]) -> str:
    found = names.get((model, *key))
    return found or f"{model.__name__}:{','.join(map(str, key))}"

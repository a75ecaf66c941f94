"""`policy test`: what the door decides, in SQL, over the world of the scenarios, held against their tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, inspect, select

from policies.access import Access
from policies.compiled import Policy
from policies.facts import Shape, parameters_of, shape_of
from policies.principals import Principal
from policies.resources import PROTECTED
from policies.sql import predicate
from policies.workbench.casts import MODELS, THE_PLATFORM, World
from policies.workbench.samples import sample
from policies.workbench.scenarios import Cell, Place, Scenarios
from storage.database import Transaction
from storage.pages import fetch
from storage.records import Record


@dataclass(frozen=True)
class Trial:
    """One line of a table, tried. It holds if `decided` is what was `wanted`, no more and no less."""

    about: str
    wanted: frozenset[str]
    decided: frozenset[str]
    place: Place

    @property
    def holds(self) -> bool:
        """Whether the policy decides as written."""
        return self.wanted == self.decided

    def difference(self) -> str:
        """What is otherwise than written, in words."""
        more, less = sorted(self.decided - self.wanted), sorted(self.wanted - self.decided)
        told = [f"may {', '.join(more)}, and should not"] if more else []
        return "; ".join(told + ([f"should {', '.join(less)}, and may not"] if less else []))


def run(policy: Policy, scenarios: Scenarios) -> list[Trial]:
    """Every table and list of the scenarios, line by line, in a database made for it."""
    with sample(scenarios.world) as session:
        return list(_trials(policy, scenarios, session))


def _trials(policy: Policy, scenarios: Scenarios, session: Transaction) -> Iterator[Trial]:
    decided = decisions(policy, scenarios.world, session)
    for cell, wanted in scenarios.decisions.items():
        found = decided.get(cell, frozenset())
        yield Trial(f"{cell[0]} → {cell[1]}", wanted, found, scenarios.place_of(cell, wanted ^ found))
    names = names_of(scenarios.world)
    for listing in scenarios.lists:
        access = Access(policy, scenarios.world.people[listing.who], session)
        rows = fetch(session, access.select(MODELS[listing.model], listing.action))
        listed = frozenset(names[key_of(row)] for row in rows)
        session.expunge_all()
        yield Trial(f"{listing.who}'s list, {listing.action} {listing.model}", listing.rows, listed, listing.place)


def decisions(policy: Policy, world: World, session: Transaction) -> dict[Cell, frozenset[str]]:
    """What everybody may do with everything; whoever may do nothing is left out."""
    found: dict[Cell, frozenset[str]] = {}
    names, questions = names_of(world), dict[tuple[Shape, type[Record]], Select[Any] | None]()
    models = {type(thing) for thing in world.things.values()}
    for who, principal in world.people.items():
        if actions := policy.platform_actions(shape_of(principal)):
            found[who, THE_PLATFORM] = frozenset(map(str, actions))
        for model in models & set(MODELS.values()):
            asked = shape_of(principal), model
            if asked not in questions:
                questions[asked] = _question(policy, *asked)
            question = questions[asked]
            for key, allowed in _rights(question, principal, model, session) if question is not None else ():
                found[who, names[key]] = allowed
    return found


def _question(policy: Policy, shape: Shape, model: type[Record]) -> Select[Any] | None:
    """The rows of `model` by their keys, with a column for each action: the same for everybody of this shape.

    None for those who may do nothing to any.
    """
    plans = policy.decisions(shape, model).plans if model in PROTECTED else {}
    if not plans:
        return None
    return select(
        *inspect(model).primary_key, *(predicate(model, plan).label(action) for action, plan in plans.items())
    )


def _rights(
    question: Select[Any], principal: Principal, model: type[Record], session: Transaction
) -> Iterator[tuple[tuple[Any, ...], frozenset[str]]]:
    """The primary keys of rows that `principal` may touch at all, and what they may do with each. One statement."""
    keys = len(inspect(model).primary_key)
    for row in session.execute(question, parameters_of(principal)):
        columns = tuple(row._mapping.items())
        if allowed := frozenset(str(action) for action, may in columns[keys:] if may):
            yield (model, *row[:keys]), allowed


def key_of(row: Record) -> tuple[Any, ...]:
    """The model and primary key of a row: what names it in every database."""
    mapper = inspect(type(row))
    return (type(row), *(getattr(row, str(column.key)) for column in mapper.primary_key))


def names_of(world: World) -> dict[tuple[Any, ...], str]:
    """What the world calls each row, by model and primary key."""
    return {key_of(thing): name for name, thing in world.things.items()}

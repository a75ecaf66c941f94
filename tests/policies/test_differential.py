"""The door and oso's own evaluation agree: for every principal, action and model, the same rows."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from policies.access import Access, Policy
from policies.actions import Action
from policies.errors import Forbidden, StepUpRequired
from policies.facts import parameters_of, shape_of
from policies.plans import Plan
from policies.principals import Principal
from policies.resources import PLATFORM, PROTECTED
from storage.pages import fetch
from storage.records import Record
from tests.policies import worlds
from tests.policies.oracle import Oracle, connect, shared

Key = tuple[object, ...]
Verdicts = dict[str, dict[Key, set[str]]]
"""By the principal's name and the row's key, the actions allowed."""
Question = tuple[object, ...]

EVERYONE = worlds.everyone()


@pytest.fixture(scope="session")
def oracle(policy_path: Path) -> Oracle:
    return shared(policy_path.read_text())


@pytest.fixture(scope="session")
def verdicts(oracle: Oracle) -> Callable[[type[Record]], Verdicts]:
    """Answers what oso says about each principal and each row of a model in the world: asking it takes seconds."""
    rows = worlds.build().rows
    connect(rows)

    @cache
    def of(model: type[Record]) -> Verdicts:
        found = [row for row in rows if type(row) is model]
        return {name: {_key(row): oracle.actions(who, row) for row in found} for name, who in EVERYONE.items()}

    return of


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_the_door_gives_exactly_the_rows_that_oso_allows(
    model: type[Record], session: Session, policy: Policy, verdicts: Callable[[type[Record]], Verdicts]
) -> None:
    """For each principal and action, ids from SQL equal ids allowed object by object; decisions too."""
    answered: dict[Question, list[Any]] = {}
    for name, principal in EVERYONE.items():
        allowed = verdicts(model)[name]
        assert allowed
        claimed = policy.decisions(shape_of(principal), model).plans  # where neither side has any, false is false
        for action in {Action.READ, *claimed, *map(Action, set().union(*allowed.values()))}:
            expected = {key for key, actions in allowed.items() if action in actions}
            question = _question(principal, action, claimed)
            if question not in answered:
                session.expunge_all()
                select = Access(policy, principal, session).select(model, action, also=Action)
                answered[question] = fetch(session, select)
            given = answered[question]
            assert {_key(row) for row in given} == expected, f"{name}: {action} {model.__name__}"
            assert len(given) == len(expected), f"{name}: a row came twice"
            for row in given:
                assert row.decisions == allowed[_key(row)], f"{name}: decisions on {row}"


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_lists_begin_at_the_keys_of_exactly_the_rows_that_the_door_gives(
    model: type[Record], session: Session, policy: Policy
) -> None:
    """For each principal and action, the keys found from what the principal has are those of the rows allowed."""
    begun = 0
    answered: set[Question] = set()
    for name, principal in EVERYONE.items():
        access = Access(policy, principal, session)
        plans = policy.decisions(shape_of(principal), model).plans
        for action in plans:
            door, question = access.listed(model, action), _question(principal, action, plans)
            if door.keys is None or question in answered:
                continue
            answered.add(question)
            found = [tuple(row) for row in session.execute(door.keys.every(), dict(door.parameters))]
            given = {_key(row) for row in fetch(session, access.select(model, action))}
            assert set(found) == given, f"{name}: {action} {model.__name__}"
            assert len(found) == len(given), f"{name}: a key came twice"
            begun += 1
    assert begun or model.__name__ in (
        "AccessReview",
        "Appointment",
        "Blob",
        "Change",
        "Finding",
        "Outage",
        "PublishedNotice",
        "RoleAssignment",
    ), "nobody's own: given to nobody, or to a job as a whole"


def test_the_platform_allows_what_oso_allows(session: Session, policy: Policy, oracle: Oracle) -> None:
    """`check` and oso agree for every principal and action."""
    for name, principal in EVERYONE.items():
        permitted = set()
        for action in Action:
            with suppress(Forbidden, StepUpRequired):
                Access(policy, principal, session).check(action)
                permitted.add(action)
        assert permitted == oracle.actions(principal, PLATFORM), name


def _question(principal: Principal, action: Action, plans: dict[Action, Plan]) -> Question:
    """What the database is asked: a statement is made of plans and asked with ids. Without plans there is nothing that
    an id is compared with."""
    ids = parameters_of(principal) if any(plans.values()) else {}
    return action, frozenset(plans.items()), frozenset(ids.items())


def _key(row: Record) -> Key:
    return tuple(inspect(row).mapper.primary_key_from_instance(row))

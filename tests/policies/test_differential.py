"""The door and oso's own evaluation agree: for every principal, action and model, the same rows."""

from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from policies.access import Access, Policy
from policies.actions import Action
from policies.errors import Forbidden, StepUpRequired
from policies.resources import PLATFORM, PROTECTED
from storage.pages import fetch
from storage.records import Record
from tests.policies import worlds
from tests.policies.oracle import Oracle, connect

EVERYONE = worlds.everyone()


@pytest.fixture(scope="module")
def oracle(policy_path: Path) -> Oracle:
    return Oracle(policy_path.read_text())


@pytest.fixture(scope="module")
def things() -> list[Record]:
    rows = worlds.build().rows
    connect(rows)
    return rows


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_the_door_gives_exactly_the_rows_that_oso_allows(
    model: type[Record], session: Session, policy: Policy, oracle: Oracle, things: list[Record]
) -> None:
    """For each principal and action, ids from SQL equal ids allowed object by object; decisions too."""
    rows = [row for row in things if type(row) is model]
    assert rows
    for name, principal in EVERYONE.items():
        access = Access(policy, principal, session)
        allowed = {_key(row): oracle.actions(principal, row) for row in rows}
        for action in Action:
            expected = {key for key, actions in allowed.items() if action in actions}
            session.expunge_all()
            given = fetch(session, access.select(model, action, also=Action))
            assert {_key(row) for row in given} == expected, f"{name}: {action} {model.__name__}"
            assert len(given) == len(expected), f"{name}: a row came twice"
            for row in given:
                assert row.decisions == allowed[_key(row)], f"{name}: decisions on {row}"


def test_the_platform_allows_what_oso_allows(session: Session, policy: Policy, oracle: Oracle) -> None:
    """`check` and oso agree for every principal and action."""
    for (name, principal), action in product(EVERYONE.items(), Action):
        try:
            Access(policy, principal, session).check(action)
            permitted = True
        except (Forbidden, StepUpRequired):
            permitted = False
        assert permitted == (action in oracle.actions(principal, PLATFORM)), f"{name}: {action}"


def _key(row: Record) -> tuple[object, ...]:
    return tuple(inspect(row).mapper.primary_key_from_instance(row))

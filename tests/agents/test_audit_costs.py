"""Reading one's own audit entries costs the same however many entries other people have."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from agents.runtime import Agents
from policies.access import Access
from policies.actions import Action
from policies.principals import Kind, Principal
from storage import holdings
from storage.database import transaction
from storage.ids import new_id
from storage.ledger import trail
from storage.ledger.entries import AuditEvent
from storage.pages import Slice
from storage.reading import Door, read_page
from tests.agents import households
from tests.agents.households import Person, household, person
from tests.rows_read import rows_read

pytestmark = pytest.mark.one_database("postgresql", reason="SQLite does not count what it reads")

OTHERS = 10_000
MOST = 600
"""Rows and index entries: a few for each of the ten or twenty entries that are ada's."""

_MORE = """
WITH model AS (SELECT * FROM audit_events LIMIT 1),
     ids AS (SELECT uuidv7() AS id, ('{00000000-0000-7000-8000-' || lpad((n % :people)::text, 12, '0') || '}')::uuid AS who
             FROM generate_series(1, :count) AS n),
     sides AS (INSERT INTO audit_personal (event_id, actor_id, subject_id) SELECT id, who, who FROM ids)
INSERT INTO audit_events (id, leaf, leaf_hash, timestamp, action, category, outcome, component, resource, correlation_id)
SELECT ids.id, leaf, leaf_hash, timestamp, action, category, outcome, component, resource, correlation_id
FROM ids, model
"""


@pytest.fixture
def ada(agents: Agents, engine: Engine) -> Person:
    """Return a contributor with a few entries, beside ten thousand entries of others."""
    found = person(agents, "ada")
    with transaction(engine) as session:
        session.execute(text(_MORE), {"people": 50, "count": OTHERS})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE) audit_events, audit_personal")  # planning reads what others left
    return found


@pytest.fixture
def agents(home: Any, began: None, engine: Engine) -> Any:
    """A house's agents."""
    with household(home, engine) as found:
        yield found


def access_of(session: Session, who: uuid.UUID) -> Access:
    """What a contributor of this id may do, by the policy that ships."""
    return Access(households.house_policy(), Principal(Kind.CONTRIBUTOR, who), session)


Question = Callable[[Session, Door, uuid.UUID], int]
QUESTIONS: dict[str, Question] = {
    "page": lambda session, door, _: len(trail.page(session, door, Slice()).rows),
    "counted": lambda session, door, _: trail.page(session, door, Slice(limit=1, count=True)).total or 0,
    "oldest": lambda session, door, _: len(trail.page(session, door, Slice(newest_first=False)).rows),
    "of an action": lambda session, door, _: len(
        trail.page(session, door, Slice(count=True), action="contributor.registered").rows
    ),
    "behind a cursor": lambda session, door, _: len(trail.page(session, door, Slice(after=new_id())).rows),
    "read as rows": lambda session, door, _: len(read_page(session, AuditEvent, door, Slice(count=True)).rows),
    "by others": lambda session, door, who: len(trail.page_by_others(session, door, Slice(count=True), who).rows),
    "exported": lambda session, door, _: len(session.execute(trail.all_of(session, door)).all()),
    "access log exported": lambda session, door, who: len(
        session.execute(trail.done_by_others(session, door, who)).all()
    ),
    "my data": lambda session, door, who: len(list(holdings.touches(session, door, who, 100))),
    "held": lambda session, _, who: sum(each.count for each in holdings.held(session, who)),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_own_entries_are_found_without_reading_others(engine: Engine, ada: Person, name: str) -> None:
    """Asked twice: once the statement is prepared, the server may plan it without knowing for whom."""
    with transaction(engine, read_only=True) as session:
        door = access_of(session, ada.id).listed(AuditEvent, Action.READ)
        for _ in range(2):
            with rows_read(session) as read:
                found = QUESTIONS[name](session, door, ada.id)
            assert read and sum(read.values()) <= MOST, f"{name} reads {read}"
            assert 0 < found < 100 or "others" in name or "log" in name or name == "my data"


def test_a_walk_through_the_table_is_counted(engine: Engine, ada: Person) -> None:
    """The counting can tell: the entries of others are seen where they are read."""
    with transaction(engine, read_only=True) as session, rows_read(session) as read:
        session.execute(text("SELECT count(leaf) FROM audit_events")).scalar_one()
    assert read["audit_events"] >= OTHERS

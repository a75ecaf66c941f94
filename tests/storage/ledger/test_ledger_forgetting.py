"""Forgetting a person: their part goes, everyone else's stays, and every leaf and hash stays valid."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from storage.database import transaction
from storage.ledger import leaves, trail
from storage.ledger.entries import AuditEvent, AuditPersonal, append
from storage.ledger.events import ContributorRegistered, Event, Outcome, ProjectCreated
from storage.ledger.scope import AuditScope
from storage.vault import Vault

Scopes = Callable[..., AuditScope]

LEAVER = uuid.uuid4()
OTHER = uuid.uuid4()


def happened(subject: uuid.UUID | None) -> Event:
    """Something that concerned `subject`."""
    return ProjectCreated(resource_id=uuid.uuid4(), subject_id=subject)


def load(session: Session, event_id: uuid.UUID) -> tuple[AuditEvent, AuditPersonal | None]:
    """An entry as the door would give it to someone who may open it, and its personal side."""
    session.expire_all()
    entry = session.scalars(trail.with_personal(select(AuditEvent).where(AuditEvent.id == event_id))).one()
    entry.decisions = frozenset({"read_content"})
    return entry, entry.personal


def test_a_person_who_acted_on_their_own_is_gone(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """The personal side goes as a whole; the leaf, byte for byte, and its hash stay."""
    with transaction(engine) as session:
        event_id = append(session, vault, scope(actor_id=LEAVER), happened(LEAVER), Outcome.SUCCESS)
        session.flush()
        leaf = load(session, event_id)[0].leaf
        assert trail.forget(session, LEAVER) == 1
        entry, personal = load(session, event_id)
        assert personal is None
        assert entry.leaf == leaf
        assert entry.leaf_hash == leaves.leaf_hash(leaf)
        form = trail.public_form(entry, personal, vault)
        assert [form[name] for name in leaves.ACTOR] == [None] * 4
        assert form["action"] == "project.created"


def test_staff_stay_answerable_for_what_they_did_to_someone_erased(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Erasing the subject takes the subject's part only: who read it is still known, and still provable."""
    acting = scope(actor_kind="STAFF", actor_id=OTHER)
    with transaction(engine) as session:
        event_id = append(session, vault, acting, happened(LEAVER), Outcome.SUCCESS)
        assert trail.forget(session, LEAVER) == 1
        entry, personal = load(session, event_id)
        assert personal is not None
        assert (personal.actor_id, personal.subject_id) == (OTHER, None)
        openings = trail.openings(entry, personal, vault)
        assert set(openings) == set(leaves.ACTOR)
        leaves.check_commitments(entry.leaf, openings)
        assert trail.public_form(entry, personal, vault)["ipAddress"] == acting.ip_address


def test_a_contributor_keeps_their_log_when_who_acted_is_erased(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Erasing the actor takes name, address and browser; the subject still sees that it happened."""
    with transaction(engine) as session:
        event_id = append(session, vault, scope(actor_id=LEAVER), happened(OTHER), Outcome.SUCCESS)
        assert trail.forget(session, LEAVER) == 1
        entry, personal = load(session, event_id)
        assert personal is not None
        assert (personal.actor_id, personal.ip_address, personal.user_agent) == (None, None, None)
        assert personal.subject_id == OTHER
        openings = trail.openings(entry, personal, vault)
        assert set(openings) == set(leaves.SUBJECT)
        leaves.check_commitments(entry.leaf, openings)


@pytest.mark.parametrize("kind", ["AGENT", "API_KEY"])
def test_what_acted_for_a_person_is_forgotten_with_them(engine: Engine, vault: Vault, scope: Scopes, kind: str) -> None:
    """A key's or an agent's action on someone's behalf is theirs."""
    actor = uuid.uuid4() if kind == "API_KEY" else None
    acting = scope(actor_kind=kind, actor_id=actor, on_behalf_of=LEAVER)
    with transaction(engine) as session:
        event_id = append(session, vault, acting, happened(LEAVER), Outcome.SUCCESS)
        assert trail.forget(session, LEAVER) == 1
        assert load(session, event_id)[1] is None


def test_a_person_who_is_only_the_resource_is_forgotten(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Also where no subject was named."""
    with transaction(engine) as session:
        registered = ContributorRegistered(resource_id=LEAVER, subject_id=None)
        event_id = append(session, vault, scope(actor_id=OTHER), registered, Outcome.SUCCESS)
        assert trail.remembered(session, LEAVER) == 1
        assert trail.forget(session, LEAVER) == 1
        entry, personal = load(session, event_id)
        assert trail.public_form(entry, personal)["resourceId"] is None


def test_the_address_of_an_unknown_caller_goes_with_the_account(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Registering and failing to sign in happen before anyone is known: the address is likely the person's own."""
    anonymous = scope(actor_kind="ANONYMOUS", actor_id=None)
    with transaction(engine) as session:
        event_id = append(session, vault, anonymous, happened(LEAVER), Outcome.FAILED)
        assert trail.forget(session, LEAVER) == 1
        assert load(session, event_id)[1] is None


def test_forgetting_counts_and_touches_no_one_else(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """The count before is what forget answers, the count after is nothing, and strangers' events are as they were."""
    with transaction(engine) as session:
        for actor, subject in [(LEAVER, LEAVER), (LEAVER, OTHER), (OTHER, LEAVER), (OTHER, OTHER), (OTHER, None)]:
            append(session, vault, scope(actor_id=actor), happened(subject), Outcome.SUCCESS)
        assert trail.remembered(session, LEAVER) == 3
        assert trail.remembered(session, OTHER) == 4
        assert trail.forget(session, LEAVER) == 3
        assert trail.remembered(session, LEAVER) == 0
        assert trail.remembered(session, OTHER) == 4
        assert trail.forget(session, LEAVER) == 0


def test_nothing_of_the_person_is_left_in_the_tables(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """After forgetting, no column of either table holds the person's id in any form."""
    with transaction(engine) as session:
        for actor, subject in [(LEAVER, LEAVER), (LEAVER, OTHER), (OTHER, LEAVER)]:
            append(session, vault, scope(actor_id=actor), happened(subject), Outcome.SUCCESS)
        trail.forget(session, LEAVER)
        tables = (AuditEvent.__table__, AuditPersonal.__table__)
        found = [str(row) for table in tables for row in session.execute(select(table))]
    assert len(found) == 5
    assert not [row for row in found if str(LEAVER) in row or LEAVER.hex in row]


def test_forgetting_is_undone_with_its_transaction(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """If the erasure does not go through, nobody is forgotten."""
    with transaction(engine) as session:
        append(session, vault, scope(actor_id=LEAVER), happened(LEAVER), Outcome.SUCCESS)
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        trail.forget(session, LEAVER)
        raise ZeroDivisionError
    with transaction(engine, read_only=True) as session:
        assert trail.remembered(session, LEAVER) == 1


@pytest.mark.one_database("sqlite", reason="its planner decides by the indexes alone, without counting rows")
def test_events_about_me_are_found_by_index(engine: Engine) -> None:
    """Newest first, for the one whose data it was and for the one who acted, without a scan of the trail."""
    with engine.connect() as connection:
        for column in ("subject_id", "actor_id", "on_behalf_of"):
            plan = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN SELECT event_id FROM audit_personal WHERE {column} = ?"  # noqa: S608
                " ORDER BY event_id DESC LIMIT 50",
                (LEAVER.hex,),
            ).all()
            assert [f"ix_audit_personal_{column}_event_id" in step[3] for step in plan] == [True]


@pytest.mark.one_database("sqlite", reason="its planner decides by the indexes alone, without counting rows")
def test_forgetting_does_not_read_the_whole_trail(engine: Engine) -> None:
    """Every statement that counts, deletes or clears finds its rows by index."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if not statement.startswith("BEGIN"):
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    with transaction(engine) as session:
        trail.forget(session, LEAVER)
    event.remove(engine, "before_cursor_execute", note)
    assert len(statements) == 6
    with engine.connect() as connection:
        for statement, parameters in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert not [step[3] for step in plan if step[3].startswith("SCAN")]

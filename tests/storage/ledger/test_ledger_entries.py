"""Entries: written with the change, without a person in the clear, and with people who can be forgotten."""

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from storage.assets import Classification
from storage.clock import now
from storage.database import transaction
from storage.deletions import DeletionScope
from storage.ledger import leaves, trail
from storage.ledger.entries import AuditEvent, AuditPersonal, append, rows_of
from storage.ledger.events import (
    REGISTRY,
    AccessDenied,
    ContributorRegistered,
    DeletionRequested,
    Event,
    EventRefused,
    Identifier,
    Outcome,
    OutputStored,
    ProjectCreated,
    RefusalCode,
    Resource,
    StaffAdded,
    SystemStarted,
)
from storage.ledger.events.base import MOST_IDS, recorded, required_type
from storage.ledger.scope import AuditScope
from storage.projects import Project
from storage.sealed import Sealed
from storage.vault import SealedWithoutGrant, Vault

Scopes = Callable[..., AuditScope]

ARTICLE = Path("tests/golden/audit_article_event.json")

FORM = [
    "timestamp", "userId", "action", "resource", "details", "ipAddress", "userAgent", "id", "category", "outcome",
    "component", "actorKind", "onBehalfOf", "resourceId", "grantId", "correlationId", "policyVersion", "rule",
]  # fmt: skip


def created(**changes: Any) -> Event:
    """Some event."""
    usual: dict[str, Any] = {"resource_id": uuid.uuid4(), "subject_id": uuid.uuid4()}
    return ProjectCreated(**usual | changes)


def both(session: Session, event_id: uuid.UUID) -> tuple[AuditEvent, AuditPersonal | None]:
    """An entry as the door would give it to someone who may open it, and its personal side."""
    entry = session.scalars(trail.with_personal(select(AuditEvent).where(AuditEvent.id == event_id))).one()
    entry.decisions = frozenset({"read", "read_content"})
    return entry, entry.personal


def test_an_entry_is_committed_with_its_change(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Change and entry are there together after the commit."""
    project = Project(owner_id=uuid.uuid4(), name=Sealed(b"\x01"))
    with transaction(engine) as session:
        session.add(project)
        session.flush()
        event_id = append(session, vault, scope(), created(resource_id=project.id), Outcome.SUCCESS)
    with transaction(engine, read_only=True) as session:
        assert session.get(Project, project.id) is not None
        entry, personal = both(session, event_id)
        assert entry.resource_id == project.id
        assert personal is not None


def test_an_entry_goes_when_its_change_is_rolled_back(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Whatever goes wrong after the entry was written takes change, entry and personal side with it."""
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        session.add(Project(owner_id=uuid.uuid4(), name=Sealed(b"\x01")))
        append(session, vault, scope(), created(), Outcome.SUCCESS)
        session.flush()
        raise ZeroDivisionError
    with transaction(engine, read_only=True) as session:
        for model in (Project, AuditEvent, AuditPersonal):
            assert session.scalar(select(func.count()).select_from(model)) == 0


@pytest.mark.parametrize("table", ["audit_events", "audit_personal"])
def test_a_change_goes_when_its_entry_cannot_be_written(
    engine: Engine, vault: Vault, scope: Scopes, table: str
) -> None:
    """If either half of the entry can't be stored, the change is not made either."""
    with transaction(engine) as session:
        session.connection().exec_driver_sql(f"DROP TABLE {table}")
    with pytest.raises(DBAPIError, match=table), transaction(engine) as session:
        session.add(Project(owner_id=uuid.uuid4(), name=Sealed(b"\x01")))
        append(session, vault, scope(), created(), Outcome.SUCCESS)
    with transaction(engine, read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Project)) == 0


def test_the_published_form_has_the_names_and_types_of_the_article(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """The source article's example event, recorded by us, reads as it does there."""
    example = json.loads(ARTICLE.read_text(encoding="utf-8"))
    contributor = uuid.uuid4()
    acting = scope(actor_id=contributor, ip_address=example["ipAddress"], user_agent=example["userAgent"])
    details = example["details"]
    with transaction(engine) as session:
        event_id = append(
            session,
            vault,
            acting,
            OutputStored(
                resource_id=uuid.uuid4(),
                subject_id=contributor,
                project_id=uuid.uuid4(),
                prompt_id=uuid.uuid4(),
                variation=1,
                byte_size=2048,
                provider=Identifier("openai"),
                prompt_length=details["promptLength"],
                model_used=Identifier(details["modelUsed"]),
                output_generated=details["outputGenerated"],
                data_classification=Classification(details["dataClassification"]),
            ),
            Outcome.SUCCESS,
        )
        session.flush()
        form = trail.public_form(*both(session, event_id), vault)
    assert {name: type(form[name]) for name in example} == {name: type(value) for name, value in example.items()}
    assert {name: form["details"][name] for name in details} == details
    assert (form["userId"], form["ipAddress"]) == (str(contributor), example["ipAddress"])
    assert form["userAgent"] == example["userAgent"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", form["timestamp"])
    assert sorted(form) == sorted(FORM)


def test_the_clock_is_the_servers(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """The moment is now, to the millisecond, and the same in the leaf as in the column."""
    before = now() - timedelta(milliseconds=1)
    with transaction(engine) as session:
        event_id = append(session, vault, scope(), created(), Outcome.SUCCESS)
        session.flush()
        session.expire_all()
        entry, _ = both(session, event_id)
        stamp = datetime.strptime(leaves.read(entry.leaf)["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        assert entry.timestamp == stamp
        assert before <= stamp <= now()


def test_the_columns_repeat_the_leaf(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """What an entry is found by is what its leaf says."""
    acting = scope()
    with transaction(engine) as session:
        event_id = append(session, vault, acting, created(rule=Identifier("policy.polar:12")), Outcome.DENIED)
        session.flush()
        session.expire_all()
        entry, _ = both(session, event_id)
        leaf = leaves.read(entry.leaf)
    assert entry.leaf_hash == leaves.leaf_hash(entry.leaf)
    assert leaf["id"] == str(entry.id)
    assert leaf["resourceId"] == str(entry.resource_id)
    assert leaf["correlationId"] == str(entry.correlation_id) == str(acting.correlation_id)
    for name in ("action", "category", "outcome", "component", "resource"):
        assert leaf[name] == getattr(entry, name)
    assert (leaf["outcome"], leaf["rule"], leaf["policyVersion"]) == ("DENIED", "policy.polar:12", "0123456789abcdef")


def test_commitments_open_with_what_lies_beside_them(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Each of the six personal fields can be shown to be what the leaf was about."""
    acting, happened = scope(on_behalf_of=uuid.uuid4()), created()
    with transaction(engine) as session:
        event_id = append(session, vault, acting, happened, Outcome.SUCCESS)
        session.flush()
        entry, personal = both(session, event_id)
        assert personal is not None
        openings = trail.openings(entry, personal, vault)
        leaves.check_commitments(entry.leaf, openings)
    assert {label: side.value for label, side in openings.items()} == {
        "userId": str(acting.actor_id),
        "onBehalfOf": str(acting.on_behalf_of),
        "ipAddress": acting.ip_address,
        "userAgent": acting.user_agent,
        "subjectId": str(happened.subject_id),
        "resourceId": None,
    }
    assert len({side.salt for side in openings.values()}) == 6


def test_the_same_person_twice_leaves_no_common_trace(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Two events by one person from one address share no commitment, so leaves can't be linked by person."""
    acting, happened = scope(), created()
    with transaction(engine) as session:
        for _ in range(2):
            append(session, vault, acting, happened, Outcome.SUCCESS)
        session.flush()
        first, second = (leaves.read(leaf)["commitments"] for leaf in session.scalars(select(AuditEvent.leaf)))
    assert not set(first.values()) & set(second.values())


def test_a_leaf_does_not_tell_what_was_absent(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """An event with nobody behind it has the same commitments, by name and length, as one with everybody."""
    nobody = scope(actor_kind="AGENT", actor_id=None, ip_address=None, user_agent=None)
    with transaction(engine) as session:
        empty = append(session, vault, nobody, SystemStarted(), Outcome.SUCCESS)
        full = append(session, vault, scope(on_behalf_of=uuid.uuid4()), created(), Outcome.SUCCESS)
        session.flush()
        shapes = [
            {label: len(value) for label, value in leaves.read(both(session, event)[0].leaf)["commitments"].items()}
            for event in (empty, full)
        ]
    assert shapes[0] == shapes[1] == dict.fromkeys([*leaves.ACTOR, *leaves.SUBJECT], 64)


def test_a_refusal_about_a_person_commits_to_whom(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """The kind of thing asked for is the event's resource, and decides that its id is a person's."""
    person = uuid.uuid4()
    refused = AccessDenied(
        resource_id=person,
        subject_id=None,
        resource_kind=Resource.of("Contributor"),
        attempted=Identifier("read"),
        code=RefusalCode("NOT_FOUND"),
    )
    with transaction(engine) as session:
        event_id = append(session, vault, scope(), refused, Outcome.DENIED)
        session.flush()
        entry, personal = both(session, event_id)
    assert (entry.resource, entry.resource_id) == (Resource.CONTRIBUTOR, None)
    assert str(person) not in entry.leaf.decode()
    form = trail.public_form(entry, personal)
    assert (form["resource"], form["resourceId"]) == ("contributor", str(person))
    assert form["details"] == {"attempted": "read", "code": "NOT_FOUND"}


def test_a_person_is_no_correlation_and_no_grant(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Neither of the other ids of a leaf can be a person's by mistake."""
    person = uuid.uuid4()
    with transaction(engine) as session:
        with pytest.raises(EventRefused, match="nowhere else"):
            append(session, vault, scope(actor_id=person, correlation_id=person), created(), Outcome.SUCCESS)
        with pytest.raises(EventRefused, match="nowhere else"):
            append(session, vault, scope(actor_id=person), created(grant_id=person), Outcome.SUCCESS)
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0


@pytest.mark.parametrize("kind", [ContributorRegistered, StaffAdded])
def test_a_person_who_is_the_resource_is_committed_to(
    engine: Engine, vault: Vault, scope: Scopes, kind: type[Event]
) -> None:
    """The id stands neither in the leaf nor in the column beside it, and still comes back in the published form."""
    person = uuid.uuid4()
    with transaction(engine) as session:
        event_id = append(session, vault, scope(), kind(resource_id=person, subject_id=None), Outcome.SUCCESS)
        session.flush()
        entry, personal = both(session, event_id)
        assert entry.resource_id is None
        assert str(person) not in entry.leaf.decode()
        assert trail.public_form(entry, personal)["resourceId"] == str(person)
        assert trail.public_form(entry, None)["resourceId"] is None


def test_a_person_under_any_other_name_is_committed_to(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Even where an event calls the thing something else, the actor's or subject's own id does not stand in clear."""
    acting = scope()
    with transaction(engine) as session:
        event_id = append(session, vault, acting, created(resource_id=acting.actor_id), Outcome.SUCCESS)
        session.flush()
        entry, _ = both(session, event_id)
    assert entry.resource_id is None
    assert str(acting.actor_id) not in entry.leaf.decode()


def test_a_person_among_the_details_is_refused(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """A deletion of an account names the account as its subject only; otherwise nothing is written."""
    person = uuid.uuid4()
    happened = DeletionRequested(
        resource_id=uuid.uuid4(), subject_id=person, scope=DeletionScope.ACCOUNT, object_id=person
    )
    with transaction(engine) as session:
        with pytest.raises(EventRefused, match="and nowhere else"):
            append(session, vault, scope(actor_id=person), happened, Outcome.SUCCESS)
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 0


def test_from_where_is_told_only_with_a_grant(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Without the vault the address is not even asked for; with it, the entry must carry the grant."""
    with transaction(engine) as session:
        event_id = append(session, vault, scope(), created(), Outcome.SUCCESS)
        session.flush()
        entry, personal = both(session, event_id)
        assert trail.public_form(entry, personal)["ipAddress"] is None
        entry.decisions = frozenset({"read"})
        with pytest.raises(SealedWithoutGrant):
            trail.public_form(entry, personal, vault)


def test_an_entry_is_never_changed_or_deleted(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """A program that tries, one by one or in bulk, loses its transaction, and the entry stands as it did."""
    with transaction(engine) as session:
        event_id = append(session, vault, scope(), created(), Outcome.SUCCESS)
    with pytest.raises(EventRefused), transaction(engine) as session:
        both(session, event_id)[0].outcome = Outcome.FAILED
    with pytest.raises(EventRefused), transaction(engine) as session:
        session.delete(both(session, event_id)[0])
    for change in (delete(AuditEvent), update(AuditEvent).values(outcome=Outcome.FAILED)):
        with pytest.raises(EventRefused), transaction(engine) as session:
            session.execute(change)
    with transaction(engine, read_only=True) as session:
        assert both(session, event_id)[0].outcome is Outcome.SUCCESS


@pytest.mark.parametrize(
    "changes",
    [
        {"component": "A component."},
        {"component": ""},
        {"actor_kind": "contributor"},
        {"actor_kind": "SOMEONE ELSE"},
        {"policy_version": "not a hash"},
    ],
    ids=str,
)
def test_a_scope_holds_names_not_text(scope: Scopes, changes: dict[str, str]) -> None:
    """What goes from the scope into a leaf is checked like the details are."""
    with pytest.raises(ValueError):
        scope(**changes)


def test_what_comes_from_outside_is_bounded(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """A huge or broken header is cut and mended, not refused: nobody can switch the trail off with one."""
    hostile = scope(ip_address="9" * 1000, user_agent="\ud800" * 3 + "\x00é" + "x" * 100_000)
    assert hostile.ip_address == "9" * 64
    assert hostile.user_agent == "???\x00é" + "x" * 507
    with transaction(engine) as session:
        event_id = append(session, vault, hostile, created(), Outcome.SUCCESS)
        session.flush()
        assert trail.public_form(*both(session, event_id), vault)["userAgent"] == hostile.user_agent


def _values(kind: Any) -> st.SearchStrategy[Any]:
    plain = required_type(kind)
    if plain == tuple[uuid.UUID, ...]:
        values: st.SearchStrategy[Any] = st.lists(st.uuids(), max_size=MOST_IDS).map(tuple)
    elif plain == tuple[Identifier, ...]:
        values = st.lists(
            st.from_regex(r"[a-z0-9][a-z0-9._:/-]{0,79}", fullmatch=True).map(Identifier), max_size=3
        ).map(tuple)
    elif plain is int:
        values = st.integers(-(2**53) + 1, 2**53 - 1)
    elif plain is bool:
        values = st.booleans()
    elif plain is uuid.UUID:
        values = st.uuids()
    elif plain is Identifier:
        values = st.from_regex(r"[a-z0-9][a-z0-9._:/-]{0,79}", fullmatch=True).map(Identifier)
    else:
        values = st.sampled_from([one for one in plain if one not in PERSONAL_KINDS])
    return values if plain is kind else st.none() | values


PERSONAL_KINDS = {kind for kind in Resource if kind.is_person}


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=REGISTRY)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_event_shows_a_person_or_content(
    vault: Vault, scope: Scopes, kind: type[Event], data: st.DataObject
) -> None:
    """Whatever an event records, its leaf holds no actor, subject, address or browser, and only declared details."""
    happened = kind(**{name: data.draw(_values(hint), name) for name, hint in recorded(kind).items()})
    acting = scope(on_behalf_of=data.draw(st.none() | st.uuids()))
    people = {acting.on_behalf_of, happened.subject_id} - {None}
    assume(not people & {*happened.detail_ids(), happened.grant_id})
    written = rows_of(vault, acting, happened, Outcome.SUCCESS)[AuditEvent]["leaf"]
    known = [acting.actor_id, acting.on_behalf_of, happened.subject_id]
    known += [happened.resource_id] if happened.about().is_person else []
    secrets = [acting.ip_address, acting.user_agent, *(form for one in known if one for form in (str(one), one.hex))]
    assert not [secret for secret in secrets if secret and secret.encode() in written]
    leaf = leaves.read(written)
    assert set(leaf["details"]) == set(happened.details())
    assert sorted([*leaf, "userId", "ipAddress", "userAgent", "onBehalfOf"]) == sorted(
        [*FORM, "version", "commitments"]
    )

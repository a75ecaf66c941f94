"""Entries of the trail: what happened, as a leaf that stays, and who it was, as a personal side that can go.

An entry is written in the transaction of the change it records: both are committed, or neither is. Erasing a person
takes their part of the personal sides; the leaves, and every hash and proof over them, stay as they are.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Index, Insert, LargeBinary, Table, bindparam, event, insert
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, foreign, relationship

from storage.clock import now
from storage.ids import new_id
from storage.investigations import Investigation
from storage.ledger import leaves
from storage.ledger.events import Category, Event, EventRefused, Outcome, Resource
from storage.ledger.rows import AuditPending
from storage.ledger.scope import AuditScope
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed
from storage.statements import Beside, Fixed
from storage.vault import Vault


def _into(tie: Callable[[], Any]) -> Any:
    """A relation to investigations, for rules."""
    return relationship(Investigation, lazy="raise", viewonly=True, primaryjoin=tie, uselist=True)


_IN_ITS_OWN_FORM = NotExported("goes into audit_events.jsonl as one event, in its published form")


class AuditPersonal(Record):
    """Who an event was about: the people's ids, from where they acted, and the salts of the leaf's commitments.

    A row may be about two people, the one who acted and the one whose data it was, and erasing one must not take the
    other's part with it: so the card names no single subject, `trail.forget` erases, and `trail.remembered` counts.
    """

    __tablename__ = "audit_personal"
    __table_args__ = (
        Index("ix_audit_personal_actor_id_event_id", "actor_id", "event_id"),
        Index("ix_audit_personal_on_behalf_of_event_id", "on_behalf_of", "event_id"),
        Index("ix_audit_personal_subject_id_event_id", "subject_id", "event_id"),
    )
    card = DataCard(subject=None, retention="audit", export=_IN_ITS_OWN_FORM)

    event_id: Mapped[uuid.UUID] = plain(primary_key=True)
    actor_id: Mapped[uuid.UUID | None] = plain()
    on_behalf_of: Mapped[uuid.UUID | None] = plain()
    subject_id: Mapped[uuid.UUID | None] = plain()
    resource_id: Mapped[uuid.UUID | None] = plain(index=True)
    ip_address: Mapped[Sealed | None] = sealed(under="ledger")
    user_agent: Mapped[Sealed | None] = sealed(under="ledger")
    actor_salts: Mapped[Sealed | None] = sealed(under="ledger")
    subject_salts: Mapped[Sealed | None] = sealed(under="ledger")

    # Four relations for one thought, since a rule follows a relation by equal columns and nothing else.
    into_actor: Mapped[list[Investigation]] = _into(lambda: AuditPersonal.actor_id == foreign(Investigation.person_id))
    into_principal: Mapped[list[Investigation]] = _into(
        lambda: AuditPersonal.on_behalf_of == foreign(Investigation.person_id)
    )
    into_subject: Mapped[list[Investigation]] = _into(
        lambda: AuditPersonal.subject_id == foreign(Investigation.person_id)
    )


class AuditEvent(Record):
    """One entry. `leaf` is the record; the columns beside it repeat parts of it so that it can be found.

    Ids are ids, not foreign keys: the record outlives the thing, and nothing cascades into it. Rows are never changed,
    and leave the database for the archive only (storage/ledger/archiving.py).
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_action_id", "action", "id"),
        Index("ix_audit_events_resource_id_id", "resource_id", "id"),
    )
    card = DataCard(subject=None, retention="audit", export=_IN_ITS_OWN_FORM)

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    leaf: Mapped[bytes] = plain(LargeBinary)
    leaf_hash: Mapped[bytes] = plain(LargeBinary(32))
    timestamp: Mapped[datetime] = plain()
    action: Mapped[str] = plain()
    category: Mapped[Category] = plain()
    outcome: Mapped[Outcome] = plain()
    component: Mapped[str] = plain()
    resource: Mapped[Resource] = plain()
    resource_id: Mapped[uuid.UUID | None] = plain()
    correlation_id: Mapped[uuid.UUID] = plain(index=True)

    personal: Mapped[AuditPersonal | None] = relationship(
        lazy="raise", viewonly=True, primaryjoin=lambda: AuditEvent.id == foreign(AuditPersonal.event_id), uselist=False
    )
    into_call: Mapped[list[Investigation]] = _into(
        lambda: AuditEvent.correlation_id == foreign(Investigation.correlation_id)
    )


def append(
    session: Session,
    vault: Vault,
    scope: AuditScope,
    happened: Event,
    outcome: Outcome,
    beside: Beside | None = None,
) -> uuid.UUID:
    """Write `happened` to the trail, in the caller's transaction; answers the event's id. It waits there for its place.

    What is `beside` it is written with it, on PostgreSQL by the same statement. Raises as `rows_of` does, and then
    neither is written.
    """
    rows = rows_of(vault, scope, happened, outcome)
    _insert(session, rows, beside)
    event_id: uuid.UUID = rows[AuditPending]["event_id"]
    return event_id


Rows = Mapping[type[Record], Mapping[str, Any]]
"""One row for each of these models, by column."""


def rows_of(vault: Vault, scope: AuditScope, happened: Event, outcome: Outcome) -> Rows:
    """All that is written of one entry: what stays, who it was, and that it waits for its place.

    The id of a person never stands in the leaf in clear, whatever the event says its resource is. Raises EventRefused
    if the actor's or the subject's is found elsewhere in it, and what `Vault.seal` raises.
    """
    people = {scope.actor_id, scope.on_behalf_of, happened.subject_id} - {None}
    if people & {*happened.detail_ids(), happened.grant_id, scope.correlation_id}:
        raise EventRefused(f"{happened.action}: a person's id goes into subject_id or resource_id, and nowhere else")
    is_person = happened.aside() or happened.about().is_person or happened.resource_id in people
    clear_id, committed_id = (None, happened.resource_id) if is_person else (happened.resource_id, None)

    moment = now()
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    event_id = new_id()
    record: dict[str, Any] = {
        "id": str(event_id),
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "category": happened.category.value,
        "action": happened.action,
        "outcome": outcome.value,
        "component": str(scope.component),
        "actorKind": str(scope.actor_kind),
        "resource": happened.about().value,
        "resourceId": id_text(clear_id),
        "details": happened.details(),
        "grantId": id_text(happened.grant_id),
        "rule": None if happened.rule is None else str(happened.rule),
        "correlationId": str(scope.correlation_id),
        "policyVersion": str(scope.policy_version),
    }
    personal = leaves.fresh(
        {
            "userId": id_text(scope.actor_id),
            "onBehalfOf": id_text(scope.on_behalf_of),
            "ipAddress": scope.ip_address,
            "userAgent": scope.user_agent,
            "subjectId": id_text(happened.subject_id),
            "resourceId": id_text(committed_id),
        }
    )
    leaf = leaves.build(record, personal)
    entry = {
        "id": event_id,
        "leaf": leaf,
        "leaf_hash": leaves.leaf_hash(leaf),
        "timestamp": moment,
        "action": happened.action,
        "category": happened.category,
        "outcome": outcome,
        "component": scope.component,
        "resource": happened.about(),
        "resource_id": clear_id,
        "correlation_id": scope.correlation_id,
    }
    sealed = vault.sealed(
        AuditPersonal,
        event_id,
        {
            "ip_address": scope.ip_address,
            "user_agent": scope.user_agent,
            "actor_salts": {label: personal[label].salt.hex() for label in leaves.ACTOR},
            "subject_salts": {label: personal[label].salt.hex() for label in leaves.SUBJECT},
        },
    )
    side = {
        "event_id": event_id,
        "actor_id": scope.actor_id,
        "on_behalf_of": scope.on_behalf_of,
        "subject_id": happened.subject_id,
        "resource_id": committed_id,
        **sealed,
    }
    return {AuditEvent: entry, AuditPersonal: side, AuditPending: {"event_id": event_id}}


def _insert(session: Session, rows: Rows, beside: Beside | None) -> None:
    """Write these rows without the detour of a flush."""
    connection = session.connection()
    values = {_named(model)[name]: value for model, row in rows.items() for name, value in row.items()}
    if beside is not None and connection.dialect.name == "postgresql":
        values.update(beside.values)
        _in_one(tuple(rows), beside.statement).execute(connection, values)
        return
    if beside is not None:
        beside.write(connection)
    for statement in _statements(connection.dialect.name, tuple(rows)):
        statement.execute(connection, values)


@cache
def _statements(dialect: str, models: tuple[type[Record], ...]) -> list[Fixed]:
    """A statement for each of the models; on PostgreSQL one for all of them, and so one round trip."""
    if dialect == "postgresql":
        return [_in_one(models)]
    return [Fixed(_insertion(model)) for model in models]


@cache
def _in_one(models: tuple[type[Record], ...], *beside: Insert) -> Fixed:
    *first, last = (*beside, *(_insertion(model) for model in models))
    return Fixed(last.add_cte(*(statement.cte(f"into_{statement.table.name}") for statement in first)))


def _insertion(model: type[Record]) -> Insert:
    table = cast(Table, model.__table__)
    values = {each.name: bindparam(_named(model)[each.name], type_=each.type) for each in table.columns}
    return insert(table).values(values)


@cache
def _named(model: type[Record]) -> dict[str, str]:
    """What the parameters for the columns are called, where rows of several models are written at once."""
    return {each.name: f"{model.__tablename__}__{each.name}" for each in cast(Table, model.__table__).columns}


def id_text(value: uuid.UUID | None) -> str | None:
    """An id as it stands in a leaf."""
    return None if value is None else str(value)


@event.listens_for(AuditEvent, "before_update")
@event.listens_for(AuditEvent, "before_delete")
def _an_entry_stays(_mapper: Any, _connection: Any, entry: AuditEvent) -> None:
    raise EventRefused(f"{entry.action}: an entry is never changed or deleted")


@event.listens_for(Session, "do_orm_execute")
def _entries_stay(execution: ORMExecuteState) -> None:
    changes = execution.is_update or execution.is_delete
    if changes and execution.bind_mapper is not None and execution.bind_mapper.class_ is AuditEvent:
        raise EventRefused("entries are never changed or deleted")

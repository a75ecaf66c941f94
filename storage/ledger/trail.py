"""The trail as it is read: events in their published form, what opens their commitments, and who is forgotten."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, func, inspect, or_, select, true, update
from sqlalchemy.orm import Session, aliased, joinedload
from sqlalchemy.sql.util import ClauseAdapter

from storage import incidents
from storage.investigations import Investigation, InvestigationStatus
from storage.ledger import leaves
from storage.ledger.entries import AuditEvent, AuditPersonal, id_text
from storage.ledger.events import AccessDenied
from storage.ledger.holds import held
from storage.ledger.leaves import Opening
from storage.pages import Keys, Page, Slice, fetch, fetch_page, narrow
from storage.query_plans import within
from storage.reading import Door
from storage.vault import Vault

_UNLOADED = {"synchronize_session": False}
_IDS = "entry_ids"
_SLACK = timedelta(minutes=1)  # an id may be a little younger than its entry's timestamp, never by so much


def public_form(entry: AuditEvent, personal: AuditPersonal | None, vault: Vault | None = None) -> dict[str, Any]:
    """The event as clients, exports and auditors read it, under the names of the published format.

    Who it was is said as far as it is not forgotten. From where is said only if `vault` is passed and `entry` carries
    the grant to read content; without the grant the vault raises. Raises LeafDamaged if the leaf is not one.
    """
    form = nameless_form(entry.leaf)
    if personal is None:
        return form
    form["userId"], form["onBehalfOf"] = id_text(personal.actor_id), id_text(personal.on_behalf_of)
    form["resourceId"] = form["resourceId"] or id_text(personal.resource_id)
    if vault is not None:
        personal.decisions = entry.decisions  # the two rows are one record in two halves
        form["ipAddress"] = vault.open(personal, "ip_address")
        form["userAgent"] = vault.open(personal, "user_agent")
    return form


def nameless_form(leaf: bytes) -> dict[str, Any]:
    """The event in a leaf in its published form, with nobody in it. Raises LeafDamaged if the leaf is not one."""
    form = leaves.read(leaf)
    del form["version"], form["commitments"]
    return form | dict.fromkeys(leaves.ACTOR)


def openings(entry: AuditEvent, personal: AuditPersonal, vault: Vault) -> dict[str, Opening]:
    """What opens the leaf's commitments, as far as it is not forgotten: for `leaves.check_commitments`, and for proofs.

    `entry` carries the grant to read content; without it the vault raises.
    """
    personal.decisions = entry.decisions
    values: Mapping[str, str | None] = {
        "userId": id_text(personal.actor_id),
        "onBehalfOf": id_text(personal.on_behalf_of),
        "ipAddress": vault.open(personal, "ip_address"),
        "userAgent": vault.open(personal, "user_agent"),
        "subjectId": id_text(personal.subject_id),
        "resourceId": id_text(personal.resource_id),
    }
    salts = (vault.open(personal, "actor_salts") or {}) | (vault.open(personal, "subject_salts") or {})
    return {label: Opening(values[label], bytes.fromhex(salt)) for label, salt in salts.items()}


def with_personal(statement: Select[Any]) -> Select[Any]:
    """The same `Select` of events, bringing each one's personal side along in the same statement."""
    return statement.options(joinedload(AuditEvent.personal))


def among(session: Session, door: Door, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, AuditEvent]:
    """Those of the entries with these ids that the door gives, each with its personal side. One statement."""
    found = fetch(session, _among(door.statement), {**door.parameters, _IDS: ids})
    return {entry.id: entry for entry in found}


@lru_cache(maxsize=64)
def _among(allowed: Select[Any]) -> Select[Any]:
    return with_personal(allowed.where(AuditEvent.id.in_(bindparam(_IDS, expanding=True))))


def personal_of(session: Session, entry: AuditEvent) -> AuditPersonal | None:
    """The personal side of an entry that the door has let through; None once everybody in it is forgotten."""
    if "personal" in inspect(entry).unloaded:
        return session.get(AuditPersonal, entry.id)
    return entry.personal


def page(session: Session, door: Door, part: Slice, **equal: Any) -> Page[AuditEvent]:
    """Return one page of the entries that `door` allows, with their personal sides, filtered by column values."""
    allowed = with_personal(narrow(door.statement, AuditEvent, **equal))
    keys = door.keys and door.keys.narrowed(AuditEvent, equal)
    return fetch_page(session, AuditEvent, allowed, part, keys, door.parameters)


def page_by_others(session: Session, door: Door, part: Slice, person_id: uuid.UUID) -> Page[AuditEvent]:
    """Return one page of the entries of `done_by_others`, with their personal sides."""
    allowed = with_personal(door.statement)
    return fetch_page(session, AuditEvent, allowed, part, _by_others(door, person_id), door.parameters)


def all_of(session: Session, door: Door) -> Select[Any]:
    """Select every entry that `door` allows, starting at its keys."""
    allowed = door.statement.params(**door.parameters)
    return allowed if door.keys is None else _found_by(session, door, door.keys)


def done_by_others(session: Session, door: Door, person_id: uuid.UUID) -> Select[Any]:
    """Select the entries that `door` allows in which another actor used this person's data."""
    return _found_by(session, door, _by_others(door, person_id))


def _found_by(session: Session, door: Door, keys: Keys) -> Select[Any]:
    found = within(AuditEvent.id, keys.every(), session.get_bind().dialect.name)
    return door.statement.where(found).params(**door.parameters)


def _by_others(door: Door, person_id: uuid.UUID) -> Keys:
    """Return the keys of `done_by_others`, in the order of the index on the subject."""
    entry, personal = aliased(AuditEvent), aliased(AuditPersonal)
    allowed: Any = ClauseAdapter(inspect(entry).selectable).traverse(door.statement.whereclause)
    given = select(entry.id).where(entry.id == personal.event_id, allowed).scalar_subquery()
    other = or_(personal.actor_id.is_(None), personal.actor_id != person_id)
    concerned = personal.subject_id == person_id
    return Keys((select(personal.event_id.label("id")).where(concerned, other, given.is_not(None)),))


def forget(session: Session, person_id: uuid.UUID) -> int:
    """Erase a person from the trail; answers how many events had held them. Leaves and hashes stay.

    Where two people share an event, only this one's part goes: erasing an account must not hide who read it. Where
    nobody had signed in yet, the address goes too: it is most likely that of the one whose account it was about.
    What an open investigation needs stays until it ends, and `remembered` goes on counting it.
    """
    session.flush()
    touched = remembered(session, person_id)
    over = (Investigation.person_id == person_id) & (Investigation.status != InvestigationStatus.OPEN)
    session.execute(update(Investigation).where(over).values(person_id=None))
    incidents.forget(session, person_id)
    _forget(session, person_id, true())
    return touched


def forget_some(session: Session, person_id: uuid.UUID, at_most: int) -> int:
    """Erase a person from up to so many entries, as `forget` does, which is still to be called: it does the rest.

    Answers how many it were; 0 where only entries are left that an open investigation needs.
    """
    for column in (AuditPersonal.actor_id, AuditPersonal.on_behalf_of, AuditPersonal.subject_id):
        some = session.scalars(select(AuditPersonal.event_id).where(column == person_id, ~held()).limit(at_most)).all()
        if some:
            _forget(session, person_id, AuditPersonal.event_id.in_(some))
            return len(some)
    return 0


def _forget(session: Session, person_id: uuid.UUID, among: ColumnElement[bool]) -> None:
    as_actor, as_subject = (part & ~held() & among for part in _parts(person_id))
    of_nobody_else = AuditPersonal.subject_id.is_(None) & AuditPersonal.resource_id.is_(None)
    session.execute(delete(AuditPersonal).where(as_actor, or_(as_subject, of_nobody_else)), execution_options=_UNLOADED)
    nobody = {"actor_id": None, "on_behalf_of": None, "ip_address": None, "user_agent": None, "actor_salts": None}
    session.execute(update(AuditPersonal).where(as_actor).values(**nobody), execution_options=_UNLOADED)
    no_subject = {"subject_id": None, "resource_id": None, "subject_salts": None}
    session.execute(update(AuditPersonal).where(as_subject).values(**no_subject), execution_options=_UNLOADED)


def anonymise(session: Session, before: datetime, at_most: int) -> int:
    """Destroy the personal sides of up to `at_most` entries older than `before`; answers how many.

    Leaves, hashes and proofs stay. What an open investigation needs is passed over.
    """
    old = (
        select(AuditPersonal.event_id)
        .join(AuditEvent, AuditEvent.id == AuditPersonal.event_id)
        .where(AuditPersonal.event_id < _first_id(before + _SLACK), AuditEvent.timestamp < before, ~held())
        .order_by(AuditPersonal.event_id)
        .limit(at_most)
    )
    gone = session.execute(
        delete(AuditPersonal).where(AuditPersonal.event_id.in_(old.subquery().select())), execution_options=_UNLOADED
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]


def call_behind(session: Session, thing: uuid.UUID) -> uuid.UUID | None:
    """The call that set `thing` in motion: the correlation id of the first entry about it, while that is here."""
    first = select(AuditEvent.correlation_id).where(AuditEvent.resource_id == thing).order_by(AuditEvent.id).limit(1)
    return session.scalar(first)


def last_details(session: Session, action: str, component: str) -> Mapping[str, Any]:
    """What the newest entry with this action by this component says; nothing where there is none in the database."""
    entries = select(AuditEvent.leaf).where(AuditEvent.action == action, AuditEvent.component == component)
    leaf = session.scalar(entries.order_by(AuditEvent.id.desc()).limit(1))
    details: Mapping[str, Any] = {} if leaf is None else leaves.read(leaf)["details"]
    return details


def details_since(session: Session, action: str, since: datetime, component: str) -> list[Mapping[str, Any]]:
    """What the newest 1,000 entries with this action by this component say, of that moment and later, newest first."""
    of_it = (AuditEvent.action == action) & (AuditEvent.component == component) & (AuditEvent.timestamp >= since)
    leaf_of = select(AuditEvent.leaf).where(of_it).order_by(AuditEvent.id.desc()).limit(1_000)
    return [leaves.read(leaf)["details"] for leaf in session.scalars(leaf_of)]


def people_of(session: Session, correlation_id: uuid.UUID) -> set[uuid.UUID]:
    """The contributors in what one call set in motion, as far as they are not forgotten."""
    found: set[uuid.UUID] = set()
    entries = select(AuditEvent).where(AuditEvent.correlation_id == correlation_id)
    for entry in session.scalars(with_personal(entries)):
        found |= contributors_in(entry, entry.personal)
    return found


def contributors_in(entry: AuditEvent, personal: AuditPersonal | None) -> set[uuid.UUID]:
    """The contributors whom an entry is about. Staff and API keys act too, and are none."""
    if personal is None:
        return set()
    kind = leaves.read(entry.leaf)["actorKind"]
    actor = personal.actor_id if kind in ("CONTRIBUTOR", "DEPARTING") else None
    return {each for each in (actor, personal.on_behalf_of, personal.subject_id) if each is not None}


def remembered(session: Session, person_id: uuid.UUID) -> int:
    """How many events still hold this person. That somebody asked for their id in vain says nothing of them."""
    of_refusal = exists().where(AuditEvent.id == AuditPersonal.event_id, AuditEvent.action == AccessDenied.action)
    ways = (
        AuditPersonal.actor_id == person_id,
        AuditPersonal.on_behalf_of == person_id,
        AuditPersonal.subject_id == person_id,
        (AuditPersonal.resource_id == person_id) & ~of_refusal,
    )
    statement = select(func.count()).select_from(AuditPersonal).where(or_(*ways))
    return session.scalar(statement) or 0


def _parts(person_id: uuid.UUID) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The conditions that the person's part of a row is the actor's, and that it is the subject's."""
    unknown = AuditPersonal.actor_id.is_(None) & AuditPersonal.on_behalf_of.is_(None)
    as_subject = [AuditPersonal.subject_id == person_id, AuditPersonal.resource_id == person_id]
    as_actor = [AuditPersonal.actor_id == person_id, AuditPersonal.on_behalf_of == person_id]
    # Each way starts with an indexed column, so that a person is found without reading the whole trail.
    return or_(*as_actor, *(way & unknown for way in as_subject)), or_(*as_subject)


def _first_id(moment: datetime) -> uuid.UUID:
    """No UUIDv7 from `moment` or later is smaller (RFC 9562, section 5.7): the primary key is an index on time."""
    return uuid.UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)

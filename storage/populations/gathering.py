"""Gathering: the rows of a population out of what the door lets through, in one order, as lines that hash alike."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, SelectBase, and_, func, inspect, select
from sqlalchemy.orm import Session, aliased

from storage import availability, changes, incident_metrics, outages
from storage.catalogue import models
from storage.changes import Deployment
from storage.ledger import archiving, trail, tree
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.ledger.events import Outcome
from storage.ledger.rows import AuditCheckpoint, AuditSequence
from storage.policies import PolicyChange
from storage.populations import accounts
from storage.populations.sources import (
    Checkpoints,
    Columns,
    Metrics,
    Months,
    Register,
    Source,
    Trail,
    Versions,
)
from storage.records import Holding, Record

Row = dict[str, Any]
MOST = 200_000
"""A population that is larger is asked for in shorter periods."""


@dataclass(frozen=True)
class Period:
    """From one moment, inclusive, to another, exclusive."""

    start: datetime
    end: datetime


@dataclass
class Gathered:
    """What a query came to."""

    rows: list[Row]
    query: str
    columns: list[str]
    filters: list[dict[str, str]]
    first_place: int | None = None
    last_place: int | None = None
    """Of entries of the trail: their places in the log."""


def line(row: Row) -> bytes:
    """A row as its line of JSON: keys in order, moments in UTC, no blanks; the form that is hashed."""
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z) + b"\n"


def entries(session: Session, allowed: Select[Any], source: Trail, period: Period) -> Gathered:
    """The entries of the trail that a door lets through and the source names, in the order in which they happened."""
    place = select(AuditSequence.leaf_index).where(AuditSequence.event_id == AuditEvent.id).scalar_subquery()
    asked = allowed.where(*_of_trail(source, period)).order_by(None)
    statement = asked.with_only_columns(AuditEvent.leaf, place.label("place")).order_by(AuditEvent.id).limit(MOST + 1)
    rows = [{"place": row.place, **trail.nameless_form(row.leaf)} for row in session.execute(statement)]
    places = [row["place"] for row in rows if row["place"] is not None]
    filters = [_filter("timestamp", "in the period")]
    if source.actions:
        filters.append(_filter("action", f"what the question is about: {', '.join(source.actions)}"))
    if source.agents:
        filters.append(_filter("component", "what agents did: agent:*"))
    if source.outcome is not None:
        filters.append(_filter("outcome", f"what the question is about: {source.outcome.value}"))
    query = _text(session, statement)
    if source.afterwards:
        query += f"; {_tell_afterwards(session, rows)}"
    columns = list(rows[0]) if rows else []
    first, last = min(places, default=None), max(places, default=None)
    return Gathered(rows, query, columns, filters, first, last)


def _tell_afterwards(session: Session, rows: list[Row]) -> str:
    """Add to the entry of each member of staff who left what they did from then on; answers the query.

    Nobody's id is in it: of whoever the entry is about, entries are counted in which they are the one who acted.
    """
    left, about, acted, act = aliased(AuditEvent), aliased(AuditPersonal), aliased(AuditPersonal), aliased(AuditEvent)
    refused = act.outcome == Outcome.DENIED
    statement = (
        select(
            left.id,
            func.count(act.id).filter(~refused).label("done"),
            func.max(act.timestamp).filter(~refused).label("last_done"),
            func.count(act.id).filter(refused).label("refused"),
            func.max(act.timestamp).filter(refused).label("last_refused"),
            left.timestamp,
        )
        .join(about, about.event_id == left.id)
        .outerjoin(acted, and_(acted.actor_id == about.resource_id, acted.event_id > left.id))
        .outerjoin(act, act.id == acted.event_id)
        .where(left.action == "staff.removed", about.resource_id.is_not(None))
        .where(left.id.in_([uuid.UUID(row["id"]) for row in rows if row["action"] == "staff.removed"]))
        .group_by(left.id, left.timestamp)
    )
    found = {
        str(each.id): {
            "done": each.done,
            "lastDoneMilliseconds": _milliseconds(each.timestamp, each.last_done),
            "refused": each.refused,
            "lastRefusedMilliseconds": _milliseconds(each.timestamp, each.last_refused),
        }
        for each in session.execute(statement)
    }
    for row in rows:
        row["afterwards"] = found.get(row["id"])
    return _text(session, statement)


def _milliseconds(since: datetime, until: datetime | None) -> int | None:
    return None if until is None else int((until - since) / timedelta(milliseconds=1))


def rows_of(session: Session, allowed: Select[Any], source: Register, period: Period) -> Gathered:
    """The rows of a register that a door lets through, oldest first: every column that is kept in clear, no other."""
    mapper = inspect(source.model)
    names = [column.key for column in mapper.columns if column.info["holding"] is Holding.PLAIN]
    columns = [getattr(source.model, name) for name in names]
    asked = allowed.where(*_of_register(source, period)).order_by(None)
    order = (getattr(source.model, source.since), *mapper.primary_key)
    statement = asked.with_only_columns(*columns).order_by(*order).limit(MOST + 1)
    found = [dict(zip(names, row, strict=True)) for row in session.execute(statement)]
    when = "begun before the period's end" if source.as_of else "begun in the period"
    gathered = Gathered(found, _text(session, statement), names, [_filter(source.since, when)])
    if source.staff:
        _tell_of_staff(session, gathered)
    return gathered


def _tell_of_staff(session: Session, gathered: Gathered) -> None:
    """Add what the accounts of staff say that the rows are about."""
    statement = accounts.told([row["staff_id"] for row in gathered.rows])
    found = {each.id: dict(zip(accounts.NAMES, each[1:], strict=True)) for each in session.execute(statement)}
    for row in gathered.rows:
        row |= found.get(row["staff_id"], dict.fromkeys(accounts.NAMES))
    gathered.query += f"; {_text(session, statement)}"
    gathered.columns += accounts.NAMES


def checkpoints(session: Session, period: Period) -> Gathered:
    """The checkpoints that were published in the period. What is signed for everybody is nobody's secret."""
    published = AuditCheckpoint.published_at
    wanted = and_(published >= period.start, published < period.end)
    statement = select(AuditCheckpoint).where(wanted).order_by(AuditCheckpoint.size).limit(MOST + 1)
    rows = [
        {"size": row.size, "root": row.root.hex(), "note": row.note.decode(), "publishedAt": row.published_at}
        for row in session.scalars(statement)
    ]
    found = Gathered(rows, _text(session, statement), ["size", "root", "note", "publishedAt"], [])
    found.filters.append(_filter("publishedAt", "in the period"))
    return found


def columns() -> Gathered:
    """Every column of the database and how its values are kept, as the program declares it."""
    rows = [
        {"table": model.__tablename__, "column": column.name, "kept": column.info["holding"].value}
        for model in models()
        for column in inspect(model).columns
    ]
    return Gathered(rows, "storage.catalogue.models(): what each model declares of its columns", list(rows[0]), [])


def months(session: Session, period: Period) -> Gathered:
    """The availability of each part in each month of the period, from when somebody looked for outages."""
    start = _watched(session, period)
    found = availability.by_month(outages.touching(session, start, period.end), start, period.end)
    rows = [{**asdict(each), "component": each.component.value, "percent": each.percent} for each in found]
    names = ["month", "component", "watched", "down", "maintenance", "percent"]
    said = "storage.availability.by_month(): seconds, of the register of outages"
    return Gathered(rows, said, names, [_filter("month", "in the period, from when outages were looked for")])


def incident_months(
    session: Session, incidents: Select[Any], follow_ups: Select[Any], period: Period, moment: datetime
) -> Gathered:
    """How the incidents of each month of the period went, as they stand at `moment`."""
    found = incident_metrics.by_month(session, incidents, follow_ups, period.start, period.end, moment)
    rows: list[Row] = [asdict(each) for each in found]
    said = "storage.incident_metrics.by_month(): the registers of incidents and of follow-ups"
    return Gathered(rows, said, list(rows[0]), [_filter("month", "in the period: of those detected in it")])


def _watched(session: Session, period: Period) -> datetime:
    since = outages.watched_since(session)
    return period.end if since is None else max(since, period.start)


def versions(session: Session, period: Period, moment: datetime) -> Gathered:
    """What began to run in the period, and how it stands to the change register at `moment`."""
    names = ["beganAt", "component", "part", "version", "standing", "record"]
    rows = [
        dict(zip(names, (ran.began_at, ran.component, ran.part, ran.version, ran.standing, ran.record), strict=True))
        for ran in changes.reconciled(session, moment)
        if period.start <= ran.began_at < period.end
    ]
    said = "storage.changes.reconciled(): deployments and policy_changes, held against changes"
    return Gathered(rows, said, names, [_filter("beganAt", "in the period")])


def counted(session: Session, source: Source, period: Period) -> int | None:
    """How many there are by a count of its own, past the door and past the query; None of what is no table.

    A door that kept something back, or a list that was cut off, shows as a difference.
    """
    match source:
        case Trail():
            return _count(session, AuditEvent, _of_trail(source, period))
        case Register():
            return _count(session, source.model, _of_register(source, period))
        case Checkpoints():
            published = AuditCheckpoint.published_at
            return _count(session, AuditCheckpoint, [published >= period.start, published < period.end])
        case Versions():
            begun = [Deployment.began_at >= period.start, Deployment.began_at < period.end]
            since = PolicyChange.in_force_at
            return _count(session, Deployment, begun) + _count(
                session, PolicyChange, [PolicyChange.number.is_not(None), since >= period.start, since < period.end]
            )
        case Columns():
            return sum(len(inspect(model).columns) for model in models())
        case Metrics():
            return len(list(incident_metrics.months(period.start, period.end)))
        case Months():
            start, last = _watched(session, period), period.end - timedelta(microseconds=1)
            spanned = (last.year - start.year) * 12 + last.month - start.month + 1
            return spanned * len(outages.Component) if start < period.end else 0
    return None


def missing_places(session: Session, first: int, last: int) -> int:
    """How many places of the log between these two have no entry: 0 unless something was taken out of it."""
    between = AuditSequence.leaf_index.between(first, last)
    return last - first + 1 - _count(session, AuditSequence, [between])


@dataclass(frozen=True)
class Facts:
    """What the envelope says of the place that a list comes from."""

    database: str
    checkpoint: str | None
    """The newest signed checkpoint of the trail."""
    archived: int
    """How many entries, the log's first, have left the database for the archive, and so are in no list."""


def facts(session: Session) -> Facts:
    """Those of this database at this moment."""
    published = tree.newest(session)
    note = None if published is None else published.note
    return Facts(session.get_bind().dialect.name, note, archiving.first_kept(session))


def _count(session: Session, model: type[Record], conditions: list[ColumnElement[bool]]) -> int:
    return session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def _of_trail(source: Trail, period: Period) -> list[ColumnElement[bool]]:
    found = [AuditEvent.timestamp >= period.start, AuditEvent.timestamp < period.end]
    if source.actions:
        found.append(AuditEvent.action.in_(source.actions))
    if source.agents:
        found.append(AuditEvent.component.startswith("agent:"))
    if source.outcome is not None:
        found.append(AuditEvent.outcome == source.outcome)
    return found


def _of_register(source: Register, period: Period) -> list[ColumnElement[bool]]:
    since = getattr(source.model, source.since)
    return [since < period.end] if source.as_of else [since >= period.start, since < period.end]


def _filter(column: str, reason: str) -> dict[str, str]:
    return {"column": column, "reason": reason}


def _text(session: Session, statement: SelectBase) -> str:
    return " ".join(str(statement.compile(dialect=session.get_bind().dialect)).split())

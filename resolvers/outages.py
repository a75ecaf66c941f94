"""Outages: staff announce maintenance and tell what caused an outage; everybody reads how the platform stands."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.actions import Action
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from resolvers.house import House
from storage import availability, detection_lag, lockdowns, outages
from storage.availability import Availability
from storage.clock import now
from storage.database import transaction
from storage.detection_lag import DetectionLag
from storage.ids import new_id
from storage.ledger.events import MaintenanceAnnounced, OutageExplained
from storage.lockdowns import Span
from storage.outages import Component, Outage, OutageKind

LONGEST = timedelta(days=7)
"""How long announced maintenance may last, ..."""
FURTHEST = timedelta(days=180)
"""... and how far ahead it may lie."""
SHOWN = timedelta(days=365)
"""How far back the page goes."""


@dataclass(frozen=True)
class Standing:
    """How the platform stands at a moment, and stood before: what everybody may know."""

    moment: datetime
    since: datetime | None
    """Since when outages are looked for; None: nobody does here."""
    lockdown: Span | None
    outages: Sequence[Outage]
    """Of the last year and to come, newest first."""
    availability: Sequence[Availability]
    detection: DetectionLag = field(default_factory=DetectionLag)

    def away(self, component: Component) -> Outage | None:
        """The outage that this part has at the moment, by itself or with all of the platform."""
        concerned = (each for each in self.outages if each.component in (component, Component.PLATFORM))
        under_way = (each for each in concerned if each.started_at <= self.moment < (each.ended_at or FOREVER))
        return next(under_way, None)


FOREVER = datetime.max.replace(tzinfo=now().tzinfo)


def standing(house: House) -> Standing:
    """How it stands now, for everybody. Raises what the database raises when it does not answer."""
    moment = now()
    with transaction(house.store.engine, read_only=True) as session:
        since = outages.watched_since(session)
        found = outages.touching(session, moment - SHOWN, moment + FURTHEST)
        locked = lockdowns.standing(session, moment)
        lag = detection_lag.measure(session, moment)
    begun = moment if since is None else max(since, moment - SHOWN)
    return Standing(moment, since, locked, found, availability.by_month(found, begun, moment), lag)


def detection(house: House) -> DetectionLag:
    """Measure how far intrusion detection is behind. Raises what the database raises when it does not answer."""
    with transaction(house.store.engine, read_only=True) as session:
        return detection_lag.measure(session, now())


def announce(context: Context, component: Component, cause: str, starts_at: datetime, ends_at: datetime) -> Outage:
    """Announce maintenance. Raises Forbidden, and `BadInput` for words that are missing or a time that can't be."""
    context.access.check(Action.ANNOUNCE_MAINTENANCE)
    inputs.text(cause, "cause", at_most=500, at_least=10)
    work = context.work
    if starts_at.tzinfo is None or not work.now <= starts_at <= work.now + FURTHEST:
        raise BadInput(
            f"startsAt lies ahead, within {FURTHEST.days} days, and carries its time zone.", field="startsAt"
        )
    _demand_end(ends_at, starts_at)
    planned = Outage(
        id=new_id(),
        component=component,
        kind=OutageKind.MAINTENANCE,
        started_at=starts_at,
        ended_at=ends_at,
        cause=cause,
        announced_at=work.now,
        announced_by=context.caller_id,
    )
    work.session.add(planned)
    work.record(
        MaintenanceAnnounced(
            resource_id=planned.id,
            subject_id=None,
            component=component,
            begins_in_seconds=int((starts_at - work.now).total_seconds()),
            lifetime_seconds=int((ends_at - starts_at).total_seconds()),
        )
    )
    work.session.flush()
    return context.access.get(Outage, planned.id, Action.READ)


def explain(context: Context, outage_id: uuid.UUID, cause: str, ends_at: datetime | None) -> Outage:
    """Tell everybody what caused an outage; of maintenance that is not over also when it ends instead.

    Raises `BadInput`, and `Conflict` for another end of what was found, or is over.
    """
    outage = context.access.get(Outage, outage_id, Action.UPDATE)
    inputs.text(cause, "cause", at_most=500, at_least=10)
    work = context.work
    outages.lock(work.session, outage)
    if ends_at is not None:
        if outage.kind is not OutageKind.MAINTENANCE or (outage.ended_at or work.now) <= work.now:
            raise Conflict("Only of maintenance that is not over can the end be moved: an outage ends when it does.")
        _demand_end(ends_at, outage.started_at)
        if ends_at < work.now:
            raise BadInput("endsAt has passed.", field="endsAt")
        outage.ended_at = ends_at
    outage.cause, outage.explained_by = cause, context.caller_id
    work.record(
        OutageExplained(
            resource_id=outage.id, subject_id=None, component=outage.component, end_moved=ends_at is not None
        )
    )
    work.session.flush()
    return outage


def _demand_end(ends_at: datetime, starts_at: datetime) -> None:
    if ends_at.tzinfo is None or not starts_at < ends_at <= starts_at + LONGEST:
        raise BadInput(f"endsAt lies after startsAt, by {LONGEST.days} days at most.", field="endsAt")

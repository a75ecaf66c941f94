"""Uses without a matching wish: what was made of people's work, held against what they had allowed at that moment.

The gate asks before anything is used. This asks afterwards, of other rows: of outputs that somebody else's model wrote,
and of styles that were learned, against the history of each contributor's own choices. What both agree on is well.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from storage.contributors import Consent, PrivacyPreferences, StyleProfile
from storage.ledger.entries import AuditEvent
from storage.ledger.events import OutputStored, Used
from storage.outputs import Output
from storage.services import Service, ServiceKind

GRACE = timedelta(minutes=5)
"""An answer that was on its way when somebody changed their mind is broken off, and what had come is not used; what was
finished within so long after is no bypass."""

MOST = 1_000


@dataclass(frozen=True)
class Bypass:
    """Whose, what sort of use, and of which thing; of a style, which is one a person, there is only whose."""

    owner: uuid.UUID
    used: Used
    thing: uuid.UUID | None = None


def since(session: Session, after: datetime, until: datetime) -> list[Bypass]:
    """What was used after the first moment, up to the second, and not allowed; and each style there should not be."""
    return [*_sent(session, after, until), *_learned(session)]


def _sent(session: Session, after: datetime, until: datetime) -> Iterable[Bypass]:
    """Outputs made here by somebody else's model, of people who had allowed no version of that service."""
    here = exists().where(AuditEvent.action == OutputStored.action, AuditEvent.resource_id == Output.id)
    services: dict[str, list[Service]] = {}
    for each in session.scalars(select(Service).where(Service.kind != ServiceKind.INTERNAL)):
        services.setdefault(each.address, []).append(each)
    if not services:
        return
    made = select(Output.id, Output.owner_id, Output.provider, Output.created_at).where(
        Output.created_at > after, Output.created_at <= until, Output.provider.in_(services), here
    )
    for thing, owner, provider, moment in session.execute(made.order_by(Output.id).limit(MOST)):
        names = [f"service {each.id}" for each in services[provider]]
        if not _allowed(session, owner, names, moment):
            yield Bypass(owner, Used.SERVICE, thing)


def _allowed(session: Session, owner: uuid.UUID, names: list[str], moment: datetime) -> bool:
    """Whether one of these was allowed at that moment, or was until shortly before it."""
    history = select(Consent).where(Consent.owner_id == owner, Consent.preference.in_(names), Consent.at <= moment)
    last: dict[str, Consent] = {}
    for each in session.scalars(history.order_by(Consent.at, Consent.id)):
        last[each.preference] = each
    return any(each.allowed or each.at > moment - GRACE for each in last.values())


def _learned(session: Session) -> Iterable[Bypass]:
    unwanted = or_(PrivacyPreferences.owner_id.is_(None), ~PrivacyPreferences.style_learning)
    kept = select(StyleProfile.owner_id).outerjoin(
        PrivacyPreferences, PrivacyPreferences.owner_id == StyleProfile.owner_id
    )
    for owner in session.scalars(kept.where(unwanted).order_by(StyleProfile.owner_id).limit(MOST)):
        yield Bypass(owner, Used.STYLE)

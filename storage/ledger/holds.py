"""What keeps a personal side from being forgotten: an open investigation, and nothing else."""

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import aliased

from storage.clock import now
from storage.investigations import Investigation, InvestigationStatus
from storage.ledger.entries import AuditEvent, AuditPersonal


def held() -> ColumnElement[bool]:
    """The condition that an investigation which is under way needs this row of `AuditPersonal`.

    It is one into somebody in the row, or into the call that the event was part of.
    """
    under_way = (Investigation.status == InvestigationStatus.OPEN) & (Investigation.expires_at > now())
    people = (
        AuditPersonal.actor_id,
        AuditPersonal.on_behalf_of,
        AuditPersonal.subject_id,
        AuditPersonal.resource_id,
    )
    into_person = [
        exists().select_from(Investigation).where(under_way, Investigation.person_id == who).correlate(AuditPersonal)
        for who in people
    ]
    event = aliased(AuditEvent)
    into_call = (
        select(event.id)
        .join(Investigation, Investigation.correlation_id == event.correlation_id)
        .where(event.id == AuditPersonal.event_id, under_way)
        .correlate(AuditPersonal)
        .exists()
    )
    return or_(*into_person, into_call)

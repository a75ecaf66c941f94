"""What a list of accounts of staff says of each beside its row: whether it has a second factor, and the last act."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, exists, or_, select

from storage.factors import SecondFactor
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.passkeys import Passkey
from storage.staff import StaffMember

NAMES = ("has_second_factor", "last_act_at")


def told(staff: Sequence[uuid.UUID]) -> Select[uuid.UUID, bool, datetime]:
    """Of each of these that works here: `NAMES`, as they are when it is asked."""
    mine = StaffMember.id
    authenticator = exists().where(SecondFactor.subject_id == mine, SecondFactor.confirmed_at.is_not(None))
    passkey = exists().where(Passkey.subject_id == mine, Passkey.copied_at.is_(None))
    acts = select(AuditPersonal.event_id).where(AuditPersonal.actor_id == mine).correlate(StaffMember)
    last = acts.order_by(AuditPersonal.event_id.desc()).limit(1).scalar_subquery()
    act = select(AuditEvent.timestamp).where(AuditEvent.id == last).scalar_subquery()
    shown = (or_(authenticator, passkey).label(NAMES[0]), act.label(NAMES[1]))
    return select(StaffMember.id, *shown).where(StaffMember.id.in_(staff))

"""How the platform stands in the world that tests decide about: lock-downs, changes, follow-ups, appointments, an outage."""

import uuid
from collections.abc import Callable
from datetime import datetime

from storage.appointments import Appointment, AppointmentStatus
from storage.changes import Change, ChangeEffect, ChangeKind, ChangeStatus
from storage.follow_ups import FollowUp, FollowUpStatus
from storage.lockdowns import Lockdown, LockdownStatus
from storage.outages import Component, Outage
from storage.records import Record
from storage.sealed import Sealed


def rows(named: Callable[[str], uuid.UUID], moment: datetime, seal: Sealed) -> dict[str, Record]:
    """The rows, by what tests call them."""
    found: dict[str, Record] = {"outage": Outage(id=named("outage"), component=Component.FILES, started_at=moment)}
    for whose in (None, "ada", "sue"):
        found[f"lockdown by {whose or 'the machine'}"] = Lockdown(
            id=named(f"lockdown {whose}"),
            status=LockdownStatus.ENDED,
            reason=seal,
            expires_at=moment,
            begun_by=None if whose is None else named(whose),
        )
    for status in ChangeStatus:
        for whose in ("ada", "sue"):
            found[f"{whose}'s change, {status}"] = Change(
                id=named(f"{whose} change {status}"), kind=ChangeKind.SECURITY_PATCH, effect=ChangeEffect.NONE,
                emergency=False, versions={}, ticket="", why=seal, tests=seal, note=seal, status=status,
                registered_by=named(whose),
            )  # fmt: skip
    for state in FollowUpStatus:
        for whose in ("ada", "sue"):
            found[f"{whose}'s follow-up, {state}"] = FollowUp(
                id=named(f"{whose} follow-up {state}"), incident_id=named("incident"), owner_id=named(whose), task=seal,
                status=state, due_at=moment, notes=seal,
            )  # fmt: skip
    for asked in AppointmentStatus:
        for whose, about in (("ada", "sue"), ("sue", "ada"), ("sue", "somebody new")):
            found[f"{whose}'s appointment of {about}, {asked}"] = Appointment(
                id=named(f"{whose} appoints {about} {asked}"), staff_id=named(about), opens_account=False, roles=[],
                why=seal, status=asked, requested_by=named(whose),
            )  # fmt: skip
    return found

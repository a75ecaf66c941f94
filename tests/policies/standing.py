"""How the platform stands in the world that tests decide about: lock-downs of several people's, and an outage."""

import uuid
from collections.abc import Callable
from datetime import datetime

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
    return found

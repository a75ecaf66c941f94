"""How far intrusion detection is behind the audit log, and why: read from the database, by whoever is there to look."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import incidents, outages, set_aside
from storage.ledger import happenings
from storage.ledger.entries import AuditEvent
from storage.ledger.rows import AuditSequence

LATE = timedelta(minutes=1)
"""Detection that is further behind, or has given no sign of life for so long, does not work."""
GONE = timedelta(seconds=90)
"""No agents' process is there when none has given a sign of life for so long."""


@dataclass(frozen=True)
class DetectionLag:
    """`unread` entries have their place in the log and were not judged; the oldest is from `waited` ago."""

    unread: int = 0
    waited: timedelta = timedelta(0)
    silent: timedelta = timedelta(0)
    cause: str | None = None
    agents_gone: bool = False
    has_run: bool = False
    """Whether detection has ever run here."""
    set_aside: int = 0
    """Entries that detection could not judge and went past."""

    @property
    def is_late(self) -> bool:
        """Whether it has stopped, or is more than a minute behind."""
        return max(self.waited, self.silent) > LATE

    def words(self) -> str:
        """Say in one sentence how it is, and why."""
        if not self.is_late:
            return "Intrusion detection is up to date."
        since = int(max(self.waited, self.silent).total_seconds())
        return f"Intrusion detection has judged nothing for {since} s, {self.unread} entries wait: {self._why()}."

    def reason(self) -> str:
        """Return why it is late as a word: an error's type and place, or one of these; empty where it is not."""
        if not self.is_late:
            return ""
        if self.agents_gone:
            return "agents_gone"
        return self.cause or ("stalled" if self.silent > LATE else "overloaded")

    def _why(self) -> str:
        known = {
            "agents_gone": "no agents' process is running",
            "stalled": "its thread has stopped or hangs",
            "overloaded": "entries are written faster than it judges them",
        }
        return known.get(self.reason(), f"it fails ({self.reason()})")


def measure(session: Session, moment: datetime) -> DetectionLag:
    """Measure it at `moment`. Where no detection has ever run there is no lag."""
    mark = incidents.mark(session)
    if mark is None:
        return DetectionLag()
    oldest = session.scalar(
        select(AuditEvent.timestamp)
        .join(AuditSequence, AuditSequence.event_id == AuditEvent.id)
        .where(AuditSequence.leaf_index >= mark.next_index)
        .order_by(AuditSequence.leaf_index)
        .limit(1)
    )
    seen = outages.last_look(session)
    return DetectionLag(
        unread=max(0, happenings.end(session) - mark.next_index),
        waited=timedelta(0) if oldest is None else max(timedelta(0), moment - oldest),
        silent=abs(moment - mark.beat_at),
        cause=mark.cause,
        agents_gone=seen is None or moment - seen > GONE,
        has_run=True,
        set_aside=set_aside.count(session, "sentinel"),
    )

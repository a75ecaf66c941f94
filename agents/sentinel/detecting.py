"""Counting: the detections over a stream of entries. Knows neither database nor clock; time is the entries' own."""

import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.sentinel.detections import DETECTIONS, Detection
from storage.ledger.happenings import Happening

DRILL = "drill"
"""The component that records what an exercise makes up."""

MOST = 100_000
"""Actors whose counts are held at once; the longest silent ones go first."""


@dataclass(frozen=True)
class Hit:
    """A detection whose threshold was reached: by whom, and when the first of the entries was that did it."""

    detection: Detection
    actor_kind: str | None
    actor_id: uuid.UUID | None
    began_at: datetime
    at: datetime
    subject_id: uuid.UUID | None = None
    """Whose account was the target, where that is what was counted."""
    drill: bool = False


@dataclass
class Detector:
    """Counts what it is fed, in the order of the log."""

    detections: Sequence[Detection] = DETECTIONS
    _seen: dict[tuple[str, uuid.UUID | None], deque[Happening]] = field(default_factory=dict)

    def feed(self, happening: Happening) -> list[Hit]:
        """The detections that this entry makes hit. A hit starts its count anew."""
        return [hit for detection in self.detections if (hit := self._count(detection, happening)) is not None]

    def feed_all(self, happenings: Iterable[Happening]) -> list[Hit]:
        """The hits of all of them, in order."""
        return [hit for each in happenings for hit in self.feed(each)]

    def _count(self, detection: Detection, happening: Happening) -> Hit | None:
        if not _counts(detection, happening):
            return None
        whose = happening.subject_id if detection.by_subject else happening.actor_id
        if whose is None and detection.threshold > 1:
            return None  # of nobody in particular: several of those are not one actor's
        key = (detection.id, whose)
        held = self._seen.pop(key, deque())
        self._seen[key] = held  # the last to be silent stands last
        held.append(happening)
        while held[0].at <= happening.at - detection.window:
            held.popleft()
        amount = len({each.subject_id for each in held}) if detection.distinct else len(held)
        if amount < detection.threshold:
            if len(self._seen) > MOST:
                del self._seen[next(iter(self._seen))]
            return None
        del self._seen[key]
        kind, actor = (None, None) if detection.by_subject else (happening.actor_kind, happening.actor_id)
        return Hit(
            detection,
            kind,
            actor,
            began_at=min(each.at for each in held),
            at=happening.at,
            subject_id=whose if detection.by_subject else None,
            drill=all(each.component == DRILL for each in held),
        )


def _counts(detection: Detection, happening: Happening) -> bool:
    if happening.action not in detection.actions:
        return False
    if detection.kinds and happening.actor_kind not in detection.kinds:
        return False
    if detection.foreign and happening.subject_id in (None, happening.actor_id, happening.on_behalf_of):
        return False
    details = happening.details or {}
    return not any(details.get(name) in values for name, values in detection.unless.items())

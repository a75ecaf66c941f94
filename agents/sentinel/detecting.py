"""Counting: the detections over a stream of entries. Knows neither database nor clock; time is the entries' own."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile

from resolvers.detections import DETECTIONS, Detection, Step
from storage.ledger.happenings import Happening
from storage.measures import Measure
from storage.staff import StaffRole

DRILL = "drill"
"""The component that records what an exercise makes up."""

LETTER_AGAIN = timedelta(days=1)
"""A detection writes to the same contributor once within so long, whatever happens."""

MOST = 100_000
"""Actors whose counts are held at once; the longest silent ones go first."""


@dataclass(frozen=True)
class Hit:
    """A step of a detection that was reached: by whom, and when the first of the entries was that did it."""

    detection: Detection
    measure: Measure
    actor_kind: str | None
    actor_id: uuid.UUID | None
    began_at: datetime
    at: datetime
    owner_id: uuid.UUID | None = None
    """The contributor who acts, or for whom a key does, or to whose account it was done."""
    drill: bool = False
    opens: bool = True
    """Whether it opens an incident; else it is told alone."""
    jobs: tuple[StaffRole, ...] = ()
    """Which are told."""
    write_to: uuid.UUID | None = None
    """Who gets the detection's letter: nobody who had one within the day."""


@dataclass
class _Seen:
    """One of what is counted, an entry or a subject: when it was there first and last, and whether it is a drill's."""

    first: datetime
    last: datetime
    drill: bool


@dataclass
class _Count:
    """What one actor has done of a detection's, oldest first, and how many of its steps that has reached.

    `since` counts the entries after the last hit.
    """

    seen: dict[object, _Seen] = field(default_factory=dict)
    reached: int = 0
    since: int = 0
    fed: int = 0
    paused: dict[int, datetime] = field(default_factory=dict)
    """Until when each step is quiet."""

    def add(self, happening: Happening, detection: Detection) -> int:
        """One more; answers how many there are within the window now."""
        self.fed += 1
        self.since += 1
        key: object = happening.subject_id if detection.distinct else self.fed
        before = self.seen.pop(key, None)
        first = happening.at if before is None else before.first
        drill = happening.component == DRILL and (before is None or before.drill)
        self.seen[key] = _Seen(first, happening.at, drill)  # the last to be seen stands last
        begins = happening.at - detection.window
        for old in list(takewhile(lambda each: self.seen[each].last <= begins, self.seen)):
            del self.seen[old]
        return len(self.seen)

    def step(self, steps: Sequence[Step], amount: int, at: datetime, pause: timedelta | None) -> Step | None:
        """The step that is reached now. One that was reached is so again after as many entries more, and the pause."""
        if amount < steps[0].threshold:
            self.reached = 0
        if self.reached < len(steps) and amount >= steps[self.reached].threshold:
            self.reached += 1
        elif not self.reached or self.since < steps[self.reached - 1].threshold:
            return None
        self.since = 0
        if pause is not None:
            if at < self.paused.get(self.reached, at):
                return None
            self.paused[self.reached] = at + pause
        return steps[self.reached - 1]


@dataclass
class Detector:
    """Counts what it is fed, in the order of the log."""

    detections: Sequence[Detection] = DETECTIONS
    _counts: dict[tuple[str, object], _Count] = field(default_factory=dict)
    _written: dict[tuple[str, uuid.UUID], datetime] = field(default_factory=dict)

    def feed(self, happening: Happening) -> list[Hit]:
        """The steps of detections that this entry makes reached."""
        return [hit for detection in self.detections if (hit := self._count(detection, happening)) is not None]

    def feed_all(self, happenings: Iterable[Happening]) -> list[Hit]:
        """The hits of all of them, in order."""
        return [hit for each in happenings for hit in self.feed(each)]

    def _count(self, detection: Detection, happening: Happening) -> Hit | None:
        if not _counts(detection, happening):
            return None
        steps = detection.steps_of(happening.actor_kind)
        whose = _whose(detection, happening)
        if not steps or (whose is None and steps[0].threshold > 1):
            return None  # of nobody in particular: several of those are not one actor's
        key = (detection.id, (whose, happening.subject_id) if detection.of_each else whose)
        count = self._counts.pop(key, None) or _Count()
        self._counts[key] = count  # the last to be silent stands last
        step = count.step(steps, count.add(happening, detection), happening.at, detection.pause)
        if len(self._counts) > MOST:
            del self._counts[next(iter(self._counts))]
        return None if step is None else self._hit(detection, step, happening, list(count.seen.values()))

    def _hit(self, detection: Detection, step: Step, happening: Happening, seen: list[_Seen]) -> Hit:
        hit = _hit(detection, step, happening, seen)
        person = happening.subject_id if detection.of_each else hit.owner_id
        if detection.letter is None or person is None or hit.drill:
            return hit
        key = (detection.id, person)
        if happening.at < self._written.get(key, happening.at):
            return hit
        self._written.pop(key, None)
        self._written[key] = happening.at + LETTER_AGAIN
        if len(self._written) > MOST:
            del self._written[next(iter(self._written))]
        return replace(hit, write_to=person)


def _hit(detection: Detection, step: Step, happening: Happening, seen: list[_Seen]) -> Hit:
    if detection.by_subject or detection.by_thing:
        kind, actor, owner = None, None, happening.subject_id
    else:
        kind, actor = happening.actor_kind, happening.actor_id
        owner = {"CONTRIBUTOR": actor, "API_KEY": happening.on_behalf_of}.get(kind)
    return Hit(
        detection,
        step.measure,
        kind,
        actor,
        began_at=min(each.first for each in seen),
        at=happening.at,
        owner_id=owner,
        drill=all(each.drill for each in seen),
        opens=step.opens and happening.action not in detection.told,
        jobs=detection.notify if step.jobs is None else step.jobs,
    )


def _whose(detection: Detection, happening: Happening) -> uuid.UUID | None:
    """What is counted together."""
    if detection.by_thing:
        return happening.resource_id
    return happening.subject_id if detection.by_subject else happening.actor_id


def _counts(detection: Detection, happening: Happening) -> bool:
    if happening.action not in detection.actions:
        return False
    if detection.kinds and happening.actor_kind not in detection.kinds:
        return False
    if detection.resources and happening.resource not in detection.resources:
        return False
    if detection.under_grant and not happening.under_grant:
        return False
    if detection.foreign and happening.subject_id in (None, happening.actor_id, happening.on_behalf_of):
        return False
    details = happening.details or {}
    if any(name in details and details[name] not in values for name, values in detection.only.items()):
        return False
    return not any(details.get(name) in values for name, values in detection.unless.items())

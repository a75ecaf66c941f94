"""The sentinel: a thread that reads the log as it grows, and does at once what a detection asks for.

It opens no seal. One process has the lease; another takes over within seconds, reads the last hour once more without
acting on it, and goes on where the other one was. A hit is one transaction: incident, measure, alert and their entries.

It reads in the order of places, which has no gaps. A log that is halted gives out none, and that is when it must not be
blind: entries that have waited for seconds it reads while they wait, and knows them again when they have their place.
"""

import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import structlog

from agents.sentinel.acting import act, escalate
from agents.sentinel.detecting import Detector, Hit
from resolvers.detections import DETECTIONS
from storage import clock, incidents
from storage.database import transaction
from storage.ledger import happenings, sequencing
from storage.ledger.events import SentinelBeat
from storage.ledger.happenings import Happening
from storage.ledger.scope import AuditScope
from storage.ledger.sequencing import Lease
from storage.work import Store

_POLLING_SECONDS = 0.5
_AFTER_FAILURE_SECONDS = 5.0
_BEAT_SECONDS = 3600.0
_LOOK_AGAIN_SECONDS = 30.0
_AT_ONCE = 2_000
_WAITS_LONG = timedelta(seconds=5)
_LONGEST = max(detection.window for detection in DETECTIONS)
_ACTIONS = frozenset().union(*(detection.actions for detection in DETECTIONS))

log = structlog.get_logger("muniment.sentinel")


class Sentinel:
    """Watches until it is stopped."""

    def __init__(self, store: Store, policy_version: Callable[[], str]) -> None:
        self._store = store
        self._policy_version = policy_version
        self._holder = uuid.uuid4()
        self._detector: Detector | None = None
        self._next = 0
        self._early: set[uuid.UUID] = set()
        """What was read without its place."""
        self._beaten = -_BEAT_SECONDS
        self._looked = -_LOOK_AGAIN_SECONDS
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentinel", daemon=True)

    def start(self) -> None:
        """Watch in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way."""
        self._ending.set()
        self._thread.join(timeout=30)

    def advance(self) -> int:
        """Read what has its place by now, and act on it; answers how many entries. Nothing while another watches."""
        late = self._late()
        if not (late or self._is_behind()) or not self._claim():
            return 0
        with transaction(self._store.engine, read_only=True) as session:
            mark = incidents.mark(session)
        if self._detector is None or mark is None or mark.next_index > self._next:  # another one was there meanwhile
            self._detector, late = self._taken_up(), []
        with transaction(self._store.engine, read_only=True) as session:
            stop = min(happenings.end(session), self._next + _AT_ONCE)
            found = happenings.between(session, self._next, stop, _ACTIONS)
        try:
            self._go_through(self._detector, found, late)
        except BaseException:
            self._detector = None  # what it has counted of these it would count twice
            raise
        count, self._next = stop - self._next, stop
        self._note(bool(count or late))
        return count

    def _late(self) -> list[Happening]:
        """What has waited long for its place, and was not read yet."""
        with transaction(self._store.engine, read_only=True) as session:
            if happenings.end(session) > self._next:
                return []
            return happenings.waiting(session, clock.now() - _WAITS_LONG, _ACTIONS, max(self._early, default=None))

    def _go_through(self, detector: Detector, found: list[Happening], late: list[Happening]) -> None:
        for happening in found:
            if happening.entry_id in self._early:
                self._early.discard(happening.entry_id)
            else:
                self._act_on(detector.feed(happening))
        for happening in late:
            self._act_on(detector.feed(happening))
            self._early.add(happening.entry_id)

    def _act_on(self, hits: list[Hit]) -> None:
        for hit in hits:
            act(self._store, self.scope(), hit)

    def release(self) -> None:
        """Give the lease up, so that another process need not wait for its end."""
        with transaction(self._store.engine) as session:
            sequencing.release(session, self._holder)

    def scope(self) -> AuditScope:
        """Whose entries these are."""
        return AuditScope("agent:sentinel", "AGENT", None, None, None, None, uuid.uuid4(), self._policy_version())

    def _is_behind(self) -> bool:
        """Whether there is anything to do: a lease that nobody needs is not written."""
        moment = time.monotonic()
        if self._detector is None or moment - self._looked >= _LOOK_AGAIN_SECONDS:
            return True
        with transaction(self._store.engine, read_only=True) as session:
            return happenings.end(session) > self._next

    def _taken_up(self) -> Detector:
        """Go on where the last one was. What lies an hour before that counts, and is not acted on again."""
        detector = Detector()
        with transaction(self._store.engine, read_only=True) as session:
            mark, end = incidents.mark(session), happenings.end(session)
            self._next = end if mark is None else mark.next_index
            place = happenings.place_at(session, clock.now() - _LONGEST - timedelta(minutes=1))
            while place < self._next:
                stop = min(place + _AT_ONCE, self._next)
                detector.feed_all(happenings.between(session, place, stop, _ACTIONS))
                place = stop
            known = clock.now() if mark is None else mark.beat_at - _WAITS_LONG
            before = happenings.waiting(session, known, _ACTIONS, None)
        detector.feed_all(before)
        self._early = {each.entry_id for each in before}
        return detector

    def _note(self, read: bool) -> None:
        """Keep the place, say every hour in the trail that we are there, and look for alarms that nobody has heard."""
        moment = time.monotonic()
        beats, looks = moment - self._beaten >= _BEAT_SECONDS, moment - self._looked >= _LOOK_AGAIN_SECONDS
        if not (read or beats or looks):
            return
        with self._store.begin(self.scope()) as work:
            incidents.advance(work.session, self._next, work.now)
            if beats:
                work.record(
                    SentinelBeat(resource_id=None, subject_id=None, next_index=self._next, detections=len(DETECTIONS))
                )
        if looks:
            escalate(self._store, self.scope())
            self._looked = moment
        self._beaten = moment if beats else self._beaten

    def _claim(self) -> bool:
        try:
            with transaction(self._store.engine) as session:
                return sequencing.claim(session, self._holder, Lease.WATCHING)
        except sequencing.Overtaken:
            return False

    def _run(self) -> None:
        while not self._ending.wait(_POLLING_SECONDS):
            try:
                while self.advance() == _AT_ONCE and not self._ending.is_set():
                    pass
            except Exception:
                log.exception("watching failed")
                self._ending.wait(_AFTER_FAILURE_SECONDS)
        try:
            self.release()
        except Exception:
            log.exception("the lease was left to run out")


def standing(store: Store) -> tuple[float | None, int]:
    """For how many seconds nobody has watched, None where nobody ever has; and how many entries are unread."""
    with transaction(store.engine, read_only=True) as session:
        mark, end = incidents.mark(session), happenings.end(session)
    if mark is None:
        return None, end
    return (clock.now() - mark.beat_at).total_seconds(), end - mark.next_index

"""The sentinel: a thread that reads the log as it grows, and does at once what a detection asks for.

It opens no seal. One process has the lease; another takes over within seconds, reads the last hour once more without
acting on it, and goes on where the other one was. A hit is one transaction: incident, measure, alert and their entries.

It reads in the order of places, which has no gaps. A log that is halted gives out none, and that is when it must not be
blind: entries that have waited for seconds it reads while they wait, and knows them again when they have their place.

An entry that it can't judge is set aside (`agents.loops`), and it goes on: nothing that a caller does may stop it.
"""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from agents import loops
from agents.sentinel.acting import act, escalate
from agents.sentinel.detecting import Detector
from agents.sentinel.supervision import Ended, Replaced, Supervisor
from resolvers.detections import DETECTIONS
from storage import clock, incidents, set_aside
from storage.database import transaction
from storage.incidents import SentinelMark
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
_AGAIN = 50
"""Set-aside entries that are judged again between two batches."""
_BEGUN = 3
"""How many processes may begin a batch without coming to its end; then it is read entry by entry."""
NAME = "sentinel"
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
        self._last_good: uuid.UUID | None = None
        self._careful_until = -1
        self._beaten = -_BEAT_SECONDS
        self._looked = -_LOOK_AGAIN_SECONDS
        self._ending = threading.Event()
        self._supervisor = Supervisor(self._run, self._answers, self._ending)

    def start(self) -> None:
        """Watch in a thread of its own."""
        self._supervisor.start()

    def stop(self) -> None:
        """End after what is under way."""
        self._ending.set()
        self._supervisor.join()

    def advance(self) -> int:
        """Read what has its place by now, and act on it; answers how many entries. Nothing while another watches."""
        self._supervisor.seen()
        late = self._late()
        if not (late or self._is_behind()) or not self._claim():
            return 0
        mark = self._sound_mark()
        detector, taken_up = self._detector, False
        if detector is None or mark is None or mark.next_index > self._next:  # another one was there meanwhile
            detector, late, taken_up = self._taken_up(), [], True
            self._detector = detector
        start = self._next
        with transaction(self._store.engine, read_only=True) as session:
            most = 1 if start < self._careful_until else _AT_ONCE
            stop = min(happenings.end(session), start + most)
        try:
            if stop > start:
                if (taken_up or stop <= self._careful_until) and self._begin(start, stop):
                    return self.advance()
                self._judge(detector, start, stop)
            for entry_id in late:
                self._judge_one(detector, entry_id)
                self._early.add(entry_id)
        except BaseException as error:
            self._detector = None  # what it has counted of these it would count twice
            if isinstance(error, Exception):
                self._note_cause(error)
            raise
        self._next = stop
        self._note(stop > start or bool(late))
        return stop - start

    def _late(self) -> list[uuid.UUID]:
        """What has waited long for its place, and was not read yet."""
        with transaction(self._store.engine, read_only=True) as session:
            if happenings.end(session) > self._next:
                return []
            found = happenings.ids_waiting(session, clock.now() - _WAITS_LONG, _ACTIONS)
        return [entry_id for entry_id in found if entry_id not in self._early][:_AT_ONCE]

    def _sound_mark(self) -> SentinelMark | None:
        """Return the mark, corrected where it can't be right: to where this process is, or to an hour ago."""
        with transaction(self._store.engine, read_only=True) as session:
            mark, end = incidents.mark(session), happenings.end(session)
            if mark is None or incidents.is_sound(mark, end, clock.now()):
                return mark
            here = self._next if self._detector is not None else happenings.place_ago(session, _counting(), end)
        beat = clock.now() if self._detector is not None else clock.now() - _LONGEST
        with self._store.begin(self.scope()) as work:
            incidents.correct(work.session, here, beat)
            loops.state_corrected(work, NAME, "time-ahead" if 0 <= mark.next_index <= end else "mark-beyond-log")
        with transaction(self._store.engine, read_only=True) as session:
            return incidents.mark(session)

    def _begin(self, start: int, stop: int) -> bool:
        """Count that a process begins these entries; True where it has to choose them anew.

        What several processes began and none came to the end of is read entry by entry, and the one entry that ends
        them is set aside without being judged.
        """
        with transaction(self._store.engine) as session:
            begun = incidents.begin(session)
        if begun < _BEGUN:
            return False
        if stop - start > 1:
            self._careful_until = stop
            return True
        if begun > _BEGUN:
            with transaction(self._store.engine, read_only=True) as session:
                found = happenings.ids_between(session, start, stop, _ACTIONS)
            for entry_id in found:
                loops.set_aside(self._store, self.scope(), NAME, entry_id, Ended())
            self._next = stop
            self._note(True)
            return True
        return False

    def _judge(self, detector: Detector, start: int, stop: int, *, acts: bool = True) -> None:
        """Judge entries that are read together; one by one where that fails, so that one alone is set aside."""
        try:
            with transaction(self._store.engine, read_only=True) as session:
                together = happenings.between(session, start, stop, _ACTIONS)
        except Exception as error:
            if loops.may_pass(error):
                raise
            with transaction(self._store.engine, read_only=True) as session:
                names = happenings.ids_between(session, start, stop, _ACTIONS)
            for entry_id in names:
                self._judge_placed(detector, entry_id, None, acts)
            return
        for happening in together:
            self._judge_placed(detector, happening.entry_id, happening, acts)

    def _judge_placed(self, detector: Detector, entry_id: uuid.UUID, happening: Happening | None, acts: bool) -> None:
        if acts and entry_id in self._early:
            self._early.discard(entry_id)
        else:
            self._judge_one(detector, entry_id, happening, acts=acts)

    def _judge_one(
        self, detector: Detector, entry_id: uuid.UUID, happening: Happening | None = None, *, acts: bool = True
    ) -> bool:
        """Judge one entry and act on its hits; False where it was set aside. Raises the error of an outage."""
        try:
            with self._supervisor.busy_with(entry_id):
                if happening is None:
                    with transaction(self._store.engine, read_only=True) as session:
                        happening = happenings.one(session, entry_id)
                hits = [] if happening is None else detector.feed(happening)
                for hit in hits if acts else []:
                    act(self._store, self.scope(), hit)
        except Replaced:
            raise
        except Exception as error:
            if loops.may_pass(error):
                raise
            if not acts:
                return False  # it was set aside when it was new
            self._require_sound(error)
            loops.set_aside(self._store, self.scope(), NAME, entry_id, error)
            return False
        self._last_good = entry_id
        return True

    def _require_sound(self, error: Exception) -> None:
        """Raise `error` where it is not the entry's fault: where nothing is written, or no other entry is judged."""
        with transaction(self._store.engine) as session:
            sequencing.claim(session, self._holder, Lease.WATCHING)
        if self._last_good is None:
            return
        try:
            with transaction(self._store.engine, read_only=True) as session:
                known = happenings.one(session, self._last_good)
            if known is not None:
                Detector().feed(known)
        except Exception:
            raise error from None

    def _judge_again(self, detector: Detector) -> None:
        """Judge entries that were set aside and whose next attempt is due."""
        with transaction(self._store.engine, read_only=True) as session:
            if not set_aside.known(session, NAME, clock.now())[1]:
                return
        with transaction(self._store.engine) as session:
            due = set_aside.try_again(session, NAME, clock.now(), _AGAIN)
        judged = [entry_id for entry_id in due if self._judge_one(detector, entry_id)]
        with transaction(self._store.engine) as session:
            set_aside.remove(session, NAME, judged)

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
            place = happenings.place_ago(session, _counting(), self._next)
        while place < self._next:
            start, stop = place, min(place + _AT_ONCE, self._next)
            self._judge(detector, start, stop, acts=False)
            place = stop
        known = clock.now() if mark is None else mark.beat_at - _WAITS_LONG
        with transaction(self._store.engine, read_only=True) as session:
            before = happenings.ids_waiting(session, known, _ACTIONS)
        for entry_id in before:
            self._judge_one(detector, entry_id, acts=False)
        self._early = set(before)
        return detector

    def _note(self, read: bool) -> None:
        """Keep the place, say every hour in the trail that we are there, and look for alarms that nobody has heard."""
        moment = time.monotonic()
        beats, looks = moment - self._beaten >= _BEAT_SECONDS, moment - self._looked >= _LOOK_AGAIN_SECONDS
        if not (read or beats or looks):
            return
        self._supervisor.seen()
        with self._store.begin(self.scope()) as work:
            incidents.advance(work.session, self._next, work.now)
            if beats:
                work.record(
                    SentinelBeat(resource_id=None, subject_id=None, next_index=self._next, detections=len(DETECTIONS))
                )
        self._beaten = moment if beats else self._beaten
        if looks:
            self._looked = moment
            escalate(self._store, self.scope())
            if self._detector is not None:
                self._judge_again(self._detector)

    def _claim(self) -> bool:
        try:
            with transaction(self._store.engine) as session:
                return sequencing.claim(session, self._holder, Lease.WATCHING)
        except sequencing.Overtaken:
            return False

    def _answers(self) -> None:
        with transaction(self._store.engine) as session:
            incidents.mark(session)

    def _run(self) -> None:
        self._detector = None
        while not self._ending.wait(_POLLING_SECONDS):
            try:
                while self.advance() and not self._ending.is_set():
                    pass
            except Replaced:
                return
            except Exception as error:
                log.exception("detection.failed", code=loops.cause_of(error))
                self._note_cause(error)
                self._ending.wait(_AFTER_FAILURE_SECONDS)
        try:
            self.release()
        except Exception:
            log.exception("the lease was left to run out")

    def _note_cause(self, error: Exception) -> None:
        """Let others say why detection does not get on, where the database answers, and that no process ended of it."""
        with suppress(Exception), transaction(self._store.engine) as session:
            incidents.note_cause(session, loops.cause_of(error))


def _counting() -> datetime:
    """Return the moment before which nothing counts any more."""
    return clock.now() - _LONGEST - timedelta(minutes=1)

"""Looking for outages: a thread that tries each part again and again, and writes down from when to when one is away.

A part is away when two looks in a row failed, from the first of them; it is back when no process has seen it away for
two looks. Where nobody looked for minutes nobody was there: that is an outage of the whole platform, found afterwards.
"""

import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from agents import loops
from resolvers import controls
from storage import detection_lag, outages
from storage.clock import DIFFERENCE, is_ahead, now
from storage.controls import catalogue
from storage.controls.findings import Result
from storage.database import clock_of, transaction
from storage.ids import new_id
from storage.ledger import sequencing
from storage.ledger.events import OutageBegan, OutageEnded
from storage.ledger.scope import AuditScope
from storage.outages import AlreadyKnown, Component, Outage
from storage.work import Store, UnitOfWork

Check = Callable[[], bool]
"""Whether a part answers. What it raises counts as no answer."""

EVERY_SECONDS = 15.0
SILENT = detection_lag.GONE
"""Agents that have shown no sign of life for so long are away."""
FOUND_BY = {Component.DETECTION: "detection-works"}
"""Checks of controls whose finding opens and closes with an outage: none waits for the daily run of all checks."""
GAP = timedelta(minutes=2)
"""Where nobody looked for so long, nobody was there."""
_LATE = timedelta(minutes=2)
_OVER = timedelta(seconds=2 * EVERY_SECONDS)

log = structlog.get_logger("muniment.outages")


class Lookout:
    """Looks until it is stopped. `attends`: whether this process is one whose absence is the platform's."""

    def __init__(
        self, store: Store, policy_version: Callable[[], str], checks: Mapping[Component, Check], *, attends: bool
    ) -> None:
        self._store = store
        self._policy_version = policy_version
        self._checks = dict(checks)
        self._attends = attends
        self._failing: dict[Component, datetime] = {}
        """Since when looks of this process have failed."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outages", daemon=True)

    def start(self) -> None:
        """Look in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look that is under way."""
        self._ending.set()
        self._thread.join(timeout=30)

    def look(self) -> None:
        """One look at everything. Raises what the database raises when it does not answer."""
        if self._attends:
            self._attend()
        failed = {component for component, check in self._checks.items() if not _answers(component, check)}
        moment = now()
        twice = {}
        for component in self._checks:
            if component not in failed:
                self._failing.pop(component, None)
            elif component in self._failing:
                twice[component] = self._failing[component]
            else:
                self._failing[component] = moment
        with transaction(self._store.engine, read_only=True) as session:
            known = {each.component for each in outages.touching(session, moment, moment) if each.ended_at is None}
        if twice or known & (self._checks.keys() - failed):
            self._note(twice, self._checks.keys() - failed)

    def _attend(self) -> None:
        """Say that somebody is here, and find out whether nobody was. Correct what a wrong clock has written."""
        right = self._clock_is_right()
        with self._store.begin(self._scope()) as work:
            before = outages.looked(work.session, work.now)
            corrected = outages.correct(work.session, work.now) if right else 0
            if corrected or (before is not None and is_ahead(before, work.now)):
                loops.state_corrected(work, "outages", "time-ahead")
                return
            if before is None or work.now - before < GAP:
                return
            if Component.AGENTS in outages.found_open(work.session):
                return  # others were there, and have noted that we were not
            gone = Outage(id=new_id(), component=Component.PLATFORM, started_at=before, ended_at=work.now)
            work.session.add(gone)
            self._record_end(work, gone)

    def _clock_is_right(self) -> bool:
        """Return whether this clock goes with the database's: to one that is behind, every time is a later one."""
        clock = clock_of(self._store.engine)
        return clock is None or abs(clock - now()) < DIFFERENCE

    def _note(self, failing: Mapping[Component, datetime], well: set[Component]) -> None:
        with self._store.begin(self._scope()) as work:
            known = outages.found_open(work.session)
            for component, outage in known.items():
                seen = outage.last_seen_at or outage.started_at
                if component in failing:
                    outage.last_seen_at = work.now
                elif component in well and not timedelta(0) <= work.now - seen < _OVER:
                    outage.ended_at = work.now
                    self._record_end(work, outage)
            work.session.flush()
        for component, since in failing.items():
            if component not in known:
                self._begin(component, since)

    def _begin(self, component: Component, since: datetime) -> None:
        outage = Outage(id=new_id(), component=component, started_at=since)
        with suppress(AlreadyKnown), self._store.begin(self._scope()) as work:
            outage.last_seen_at = work.now
            outages.begin(work.session, outage)
            waited = int((work.now - since).total_seconds())
            began = OutageBegan(resource_id=outage.id, subject_id=None, component=component, after_seconds=waited)
            work.record(began)
            self._find(work, component, 1)
            log.error("a part of the platform does not answer", component=component.value, outage_id=str(outage.id))

    def _record_end(self, work: UnitOfWork, outage: Outage) -> None:
        lasted = int(outages.lasted(outage, work.now).total_seconds())
        work.record(
            OutageEnded(resource_id=outage.id, subject_id=None, component=outage.component, lasted_seconds=lasted)
        )
        self._find(work, outage.component, 0)
        log.warning("an outage is over", component=outage.component.value, seconds=lasted, outage_id=str(outage.id))

    def _find(self, work: UnitOfWork, component: Component, amiss: int) -> None:
        """Open or close the finding that goes with an outage of this part, if one does."""
        if (check := FOUND_BY.get(component)) is not None:
            controls.keep_one(work, Result(check, catalogue.checks()[check], amiss, ""))

    def _scope(self) -> AuditScope:
        return AuditScope("agent:lookout", "AGENT", None, None, None, None, uuid.uuid4(), self._policy_version())

    def _run(self) -> None:
        while not self._ending.wait(EVERY_SECONDS):
            try:
                self.look()
            except Exception as error:  # the database does not answer: the gap will show it
                log.error("outages could not be looked for", code=type(error).__name__)


def agents_are_there(store: Store) -> bool:
    """Whether agents have shown a sign of life lately. Where none has ever worked, nobody misses them."""
    with transaction(store.engine, read_only=True) as session:
        seen = outages.last_look(session)
    return seen is None or now() - seen < SILENT


def detection_works(store: Store) -> bool:
    """Whether intrusion detection keeps up with the audit log. One that does not is logged with its cause."""
    with transaction(store.engine, read_only=True) as session:
        lag = detection_lag.measure(session, now())
    if lag.is_late:
        waited = int(max(lag.waited, lag.silent).total_seconds())
        log.critical("detection.behind", code=lag.reason(), count=lag.unread, duration_ms=waited * 1000)
    return not lag.is_late


def log_goes_on(store: Store) -> bool:
    """Whether entries of the trail get their places in the log in good time."""
    with transaction(store.engine, read_only=True) as session:
        return not sequencing.waits_since(session, now() - _LATE)


def _answers(component: Component, check: Check) -> bool:
    try:
        return check()
    except Exception as error:
        log.info("a check failed", component=component.value, code=type(error).__name__)
        return False

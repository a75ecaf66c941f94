"""The sequencer: a thread beside the workflows, since mutations must not wait for it nor it for the queue.

1. Entries lie committed and waiting. 2. Those of a batch get their places, and the tree grows: one transaction. 3. Once
that is durable, a checkpoint is signed, 4. put outside the database, 5. cosigned by witnesses, where there are any, 6.
and entered, from which moment it is published. Killed between any two, the next start finds what is there and goes on
with the next step.
"""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from agents.ledger.witnesses import Witnesses, WitnessRefused
from storage.database import transaction
from storage.ledger import merkle, publishing, sequencing, tree
from storage.ledger.events import (
    Discrepancy,
    Event,
    Identifier,
    LedgerHalted,
    Outcome,
    WitnessFailed,
    WitnessFailure,
)
from storage.ledger.publishing import LedgerRefused, Memory, Outside
from storage.ledger.scope import AuditScope
from storage.ledger.tree import LedgerDamaged, Published, Tree
from storage.ledger.witnesses import WitnessPolicy
from storage.work import Store

BATCH = 2048
"""Entries per transaction: on SQLite writers wait while one is written."""

_POLLING_SECONDS = 0.2
_AFTER_FAILURE_SECONDS = 2.0

log = structlog.get_logger("muniment.ledger")


_MEANS = {WitnessFailure.AHEAD: Discrepancy.ROLLED_BACK, WitnessFailure.CONTRADICTED: Discrepancy.FORKED}
"""What a required witness finds out about the log."""


class Sequencer:
    """Sequences and publishes until it is stopped.

    `outside`, a directory or an object store, keeps the newest checkpoint outside the database.
    """

    def __init__(
        self,
        store: Store,
        outside: Path | Memory,
        policy_version: Callable[[], str],
        *,
        batch: int = BATCH,
        witnesses: Witnesses | None = None,
    ) -> None:
        self._store = store
        self._witnesses = witnesses or Witnesses(WitnessPolicy())
        self._is_waiting = False
        self._outside: Memory = Outside(outside) if isinstance(outside, Path) else outside
        self._policy_version = policy_version
        self._batch = batch
        self._holder = uuid.uuid4()
        self._halted: tuple[Discrepancy, int] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Work in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after one more step, and leave the rest to whoever comes next."""
        self._ending.set()
        self._thread.join(timeout=30)

    def inspect(self) -> None:
        """Hold the database against what was published, and put its newest checkpoint outside if none lies there.

        Raises LedgerRefused.
        """
        outside = self._remembered()
        with transaction(self._store.engine, read_only=True) as session:
            publishing.check(session, outside, self._store.origin, self._store.keyring)
            known = tree.newest(session)
        if known is not None and known.checkpoint.origin == self._store.origin and outside is None:
            self._remember(known)

    def advance(self) -> bool:
        """Sequence what waits and publish a checkpoint over it; False if there was nothing to do, or it is not ours.

        Raises LedgerRefused when the tree does not continue what was published: then nothing is sequenced or signed.
        """
        with transaction(self._store.engine, read_only=True) as session:
            if not sequencing.is_behind(session):
                return False
        try:
            while (placed := self._sequence()) == self._batch:
                if self._ending.is_set():
                    break
            return placed is not None and self._publish()
        except sequencing.Overtaken:
            return False

    def _sequence(self) -> int | None:
        """One batch; None while another process has the lease."""
        outside = self._remembered()
        with transaction(self._store.engine) as session:
            if not sequencing.claim(session, self._holder):
                return None
            found = publishing.check(session, outside, self._store.origin, self._store.keyring)
            try:
                return sequencing.sequence(session, self._batch)
            except LedgerDamaged as cause:
                raise LedgerRefused(Discrepancy.DAMAGED, cause.index, found.size()) from cause

    def _publish(self) -> bool:
        self._is_waiting = not self._witnesses.are_ready()
        if self._is_waiting:
            return False
        outside = self._remembered()
        with transaction(self._store.engine, read_only=True) as session:
            durable = publishing.check(session, outside, self._store.origin, self._store.keyring)
            known = tree.newest(session)
            if known is not None and known.checkpoint.size == durable.size():
                return False
            published = publishing.sign(durable, self._store.origin, self._store.keyring)
        self._remember(published)
        if self._witnesses.policy.witnesses:
            witnessed = self._witnessed(published)
            if witnessed is None:
                self._is_waiting = True
                return False
            published = witnessed
            self._remember(published)
        with transaction(self._store.engine) as session:
            return publishing.enter(session, published)

    def _remembered(self) -> str | None:
        """The newest checkpoint outside. Raises LedgerRefused where it can't be read."""
        try:
            return self._outside.newest()
        except OSError as cause:
            raise LedgerRefused(Discrepancy.UNREACHABLE, 0, 0) from cause

    def _remember(self, published: Published) -> None:
        """Put it outside. Raises LedgerRefused where it can't be written."""
        size = published.checkpoint.size
        try:
            self._outside.put(published.note, size)
        except OSError as cause:
            raise LedgerRefused(Discrepancy.UNREACHABLE, 0, size) from cause

    def _witnessed(self, published: Published) -> Published | None:
        """The checkpoint with cosignatures; None where they are not enough yet.

        Raises LedgerRefused where they are not, and a witness says that this log is not the one it has seen.
        """
        found = self._witnesses.cosign(published, self._prove)
        for name, refusal in found.failures.items():
            self._tell(name, refusal)
        if found.is_enough:
            return replace(published, note=found.note)
        for refusal in found.failures.values():
            if refusal.reason in _MEANS:
                raise LedgerRefused(_MEANS[refusal.reason], refusal.size, published.checkpoint.size)
        return None

    def _prove(self, old: int, new: int) -> Sequence[bytes]:
        with transaction(self._store.engine, read_only=True) as session:
            return merkle.consistency_proof(old, new, Tree(session).subtree)

    def _tell(self, name: str, refusal: WitnessRefused) -> None:
        """Say that a witness did not cosign: in the trail once per outage."""
        log.warning("a witness did not cosign", reason=refusal.reason.value)
        if not self._witnesses.failed_before(name):
            witness = Identifier(self._witnesses.policy.witnesses[name].key.id.hex())
            self._record(WitnessFailed(resource_id=None, subject_id=None, witness=witness, reason=refusal.reason))

    def _run(self) -> None:
        is_inspected = is_last = False
        while not is_last:
            is_last = self._ending.wait(_POLLING_SECONDS)
            try:
                if not is_inspected:
                    self.inspect()
                self.advance()
                is_inspected, self._halted = True, self._halted if self._is_waiting else None
            except LedgerRefused as refusal:
                self._raise_alert(refusal)
                self._ending.wait(_AFTER_FAILURE_SECONDS)
            except Exception:
                log.exception("sequencing failed")
                self._ending.wait(_AFTER_FAILURE_SECONDS)
        self._release()

    def _raise_alert(self, refusal: LedgerRefused) -> None:
        """Once per state: in the log, and in the trail itself, where it waits with everything else."""
        state = refusal.reason, refusal.published
        if state == self._halted:
            return
        log.critical("the ledger is halted", code=refusal.code, reason=refusal.reason.value)
        halted = LedgerHalted(
            resource_id=None,
            subject_id=None,
            reason=refusal.reason,
            published_count=refusal.published,
            present_count=refusal.size,
        )
        try:
            self._record(halted)
            self._halted = state
        except Exception:
            log.exception("the alert could not be recorded")  # it is tried again with the next step

    def _record(self, event: Event) -> None:
        scope = AuditScope("agent:ledger", "AGENT", None, None, None, None, uuid.uuid4(), self._policy_version())
        with self._store.begin(scope) as work:
            work.record(event, Outcome.FAILED)

    def _release(self) -> None:
        try:
            with transaction(self._store.engine) as session:
                sequencing.release(session, self._holder)
        except Exception:
            log.exception("the lease was left to run out")

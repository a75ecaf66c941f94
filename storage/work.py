"""The store and its unit of work: one transaction that changes records, records the event and queues the job."""

import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from storage import clock
from storage.blobs.store import BlobStore
from storage.damages import Damaged, Damages
from storage.database import CommitOutcome, commit_outcome, transaction
from storage.keys.errors import KeyStoreUnavailable
from storage.keys.keyring import Keyring
from storage.ledger import entries
from storage.ledger.archiving import Archive
from storage.ledger.events import ContentDamaged, Event, Identifier, Outcome, Resource
from storage.ledger.scope import AuditScope
from storage.records import model_of
from storage.statements import Beside
from storage.traffic import Traffic
from storage.vault import Vault

log = structlog.get_logger("storage.work")

SEALED_WITHIN = 60.0
"""Seconds that may pass in one unit of work from the first value sealed to the commit."""

NAMED_WITHIN = 900.0
"""Seconds that may pass from an effect outside the database to the commit that names it; the sweep waits longer."""


@dataclass(frozen=True)
class Store:
    """Everything that survives a restart, opened."""

    engine: Engine
    keyring: Keyring
    blobs: BlobStore
    origin: str = "muniment.local"
    """The name under which this installation signs: checkpoints, export manifests, certificates (C2SP signed note)."""
    archive: Archive | None = None
    """Where the oldest part of the trail lies. None: nothing has ever left the database, nor does it."""
    damages: Damages = field(default_factory=Damages, compare=False)
    """What did not open, as far as this process has told of it lately."""
    traffic: Traffic = field(default_factory=Traffic, compare=False)
    """Who is being answered at the moment, for work that gives way to them."""

    @property
    def one_writer(self) -> bool:
        """Whether nobody else can change anything while a transaction that does is open."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self, scope: AuditScope, *, read_only: bool = False) -> Iterator["UnitOfWork"]:
        """One unit of work on behalf of `scope`'s actor. Commits when the block ends, rolls back when it raises.

        Either way what did not open in it is recorded afterwards, in a transaction of its own. Raises
        KeyStoreUnavailable instead of committing what was sealed so long ago that its key may be retired by now, and
        OutcomeUnknown where the answer to COMMIT is lost. What the unit did outside the database is undone only where
        it is rolled back for certain (`UnitOfWork.on_rollback`); the sweep sees to the rest.
        """
        vault, work = Vault(self.keyring), None
        try:
            with transaction(self.engine, read_only=read_only) as session:
                work = UnitOfWork(self, session, vault, scope)
                yield work
                if vault.sealed_since is not None and time.monotonic() - vault.sealed_since > SEALED_WITHIN:
                    raise KeyStoreUnavailable("too much time passed between sealing and storing: do it again")
                if work.effects_since is not None and time.monotonic() - work.effects_since > NAMED_WITHIN:
                    raise KeyStoreUnavailable("too much time passed between an effect and its row: do it again")
        finally:
            if work is not None:
                work.settle_effects()
                if vault.damaged:
                    self.tell_of_damage(work.scope, vault.damaged)

    def tell_of_damage(self, scope: AuditScope, found: Collection[Damaged]) -> None:
        """Record what does not open, as `scope`'s actor came upon it; what was told within the hour is not told again.

        Must not be called while this thread has a change under way. Raises nothing: whoever came upon it has an error
        of their own already.
        """
        fresh = self.damages.fresh(found)
        if not fresh:
            return
        try:
            with self.begin(scope) as work:
                for each in fresh:
                    work.record_damage(each)
        except Exception:
            self.damages.untold(fresh)
            log.exception("what does not open could not be recorded", failures=len(fresh))


@dataclass
class UnitOfWork:
    """One transaction: the change, its audit event and the work it queues are committed together or not at all."""

    store: Store
    session: Session
    vault: Vault
    scope: AuditScope
    last_event_id: uuid.UUID | None = None
    now: datetime = field(default_factory=clock.now)
    """One moment for everything this transaction writes."""
    effects_since: float | None = None
    """When the first effect outside the database that this unit names was done, by the monotonic clock."""
    _undo: list[Callable[[], object]] = field(default_factory=list)

    @property
    def outcome(self) -> CommitOutcome:
        """How the transaction ended; OPEN while it has not."""
        return commit_outcome(self.session)

    def on_rollback(self, undo: Callable[[], object]) -> None:
        """Call `undo` after the transaction was rolled back for certain, and at no other time.

        For what was done outside the database and is named by a row of this transaction: a file, a keyset. Where the
        outcome of COMMIT is unknown the row may be there, so nothing is undone: `agents.erasures.tidy` removes later
        what no row names.
        """
        self._undo.append(undo)
        self.effects_since = self.effects_since or time.monotonic()

    def settle_effects(self) -> None:
        """Undo what was done outside the database, where the transaction was rolled back for certain."""
        undo, self._undo = self._undo, []
        if self.outcome is CommitOutcome.ROLLED_BACK:
            for each in reversed(undo):
                _attempt(each)
        elif undo and self.outcome is CommitOutcome.UNKNOWN:
            log.warning("effects.left_to_sweep", effects=len(undo))

    def record(self, event: Event, outcome: Outcome = Outcome.SUCCESS, *, beside: Beside | None = None) -> uuid.UUID:
        """Append `event` to the trail, in this transaction; answers the event's id.

        Rows `beside` it go with it, which saves a round trip. What they need must be flushed.
        """
        self.last_event_id = entries.append(self.session, self.vault, self.scope, event, outcome, beside)
        return self.last_event_id

    def record_damage(self, damaged: Damaged) -> None:
        """Record what does not open, in this transaction."""
        self.record(_event(damaged), Outcome.FAILED)

    def enqueue(
        self,
        workflow: str,
        *ids: uuid.UUID,
        owner: uuid.UUID | None = None,
        ahead: int | None = None,
        urgent: bool | None = None,
    ) -> None:
        """Queue `workflow` with `ids`, in this transaction. Nothing but ids ever enters the queue.

        `owner` is the contributor for whom it is; jobs of several take turns. See `storage.queue.enqueue`.
        """
        from storage import queue  # with DBOS: a server is ready before it has loaded that

        queue.enqueue(self.session, workflow, *ids, owner=owner, ahead=ahead, urgent=urgent)


class OutsideEffect:
    """Something done outside the database before the unit of work that names it begins: a file that was published.

    As a context manager it calls `undo` when the block raises, unless the unit of work that `named_by` was told about
    is committed or may be. Then the effect is left alone; the sweep removes what no row names.
    """

    def __init__(self, undo: Callable[[BaseException], object]) -> None:
        """`undo` is given the error."""
        self._undo = undo
        self._since = time.monotonic()
        self._work: UnitOfWork | None = None

    def named_by(self, work: UnitOfWork) -> None:
        """Let `work` decide: from here on the effect is undone only if this unit is rolled back for certain."""
        self._work = work
        work.effects_since = self._since

    @property
    def is_named(self) -> bool:
        """Whether the unit of work that names the effect is committed, or may be."""
        return self._work is not None and self._work.outcome is not CommitOutcome.ROLLED_BACK

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            return
        if self.is_named:
            log.warning("effects.left_to_sweep", effects=1, code=type(error).__name__)
        else:
            _attempt(lambda: self._undo(error))


def _attempt(undo: Callable[[], object]) -> None:
    """Undo one effect. An error of its own is logged and hides no other: the sweep removes what is left."""
    try:
        undo()
    except Exception as error:
        log.warning("effects.undo_failed", code=type(error).__name__, exc_info=error)


def _event(damaged: Damaged) -> ContentDamaged:
    return ContentDamaged(
        resource_id=damaged.row_id,
        subject_id=damaged.owner,
        resource_kind=Resource.of(model_of(damaged.table).__name__),
        place=Identifier(f"{damaged.table}.{damaged.column}"),
        damage=damaged.damage,
    )

"""The store and its unit of work: one transaction that changes records, records the event and queues the job."""

import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from storage import clock
from storage.blobs.store import BlobStore
from storage.damages import Damaged, Damages
from storage.database import transaction
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
        KeyStoreUnavailable instead of committing what was sealed so long ago that its key may be retired by now.
        """
        vault = Vault(self.keyring)
        try:
            with transaction(self.engine, read_only=read_only) as session:
                work = UnitOfWork(self, session, vault, scope)
                yield work
                if vault.sealed_since is not None and time.monotonic() - vault.sealed_since > SEALED_WITHIN:
                    raise KeyStoreUnavailable("too much time passed between sealing and storing: do it again")
        finally:
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
                    work.record(_event(each), Outcome.FAILED)
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

    def record(self, event: Event, outcome: Outcome = Outcome.SUCCESS, *, beside: Beside | None = None) -> uuid.UUID:
        """Append `event` to the trail, in this transaction; answers the event's id.

        Rows `beside` it go with it, which saves a round trip. What they need must be flushed.
        """
        self.last_event_id = entries.append(self.session, self.vault, self.scope, event, outcome, beside)
        return self.last_event_id

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


def _event(damaged: Damaged) -> ContentDamaged:
    return ContentDamaged(
        resource_id=damaged.row_id,
        subject_id=damaged.owner,
        resource_kind=Resource.of(model_of(damaged.table).__name__),
        place=Identifier(f"{damaged.table}.{damaged.column}"),
        damage=damaged.damage,
    )

"""The store and its unit of work: one transaction that changes records, records the event and queues the job."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from storage import clock, queue
from storage.blobs.store import BlobStore
from storage.database import transaction
from storage.keys.errors import KeyStoreUnavailable
from storage.keys.keyring import Keyring
from storage.ledger import entries
from storage.ledger.archiving import Archive
from storage.ledger.events import Event, Outcome
from storage.ledger.scope import AuditScope
from storage.vault import Vault

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

    @contextmanager
    def begin(self, scope: AuditScope, *, read_only: bool = False) -> Iterator["UnitOfWork"]:
        """One unit of work on behalf of `scope`'s actor. Commits when the block ends, rolls back when it raises.

        Raises KeyStoreUnavailable instead of committing what was sealed so long ago that its key may be retired by now.
        """
        with transaction(self.engine, read_only=read_only) as session:
            vault = Vault(self.keyring)
            yield UnitOfWork(self, session, vault, scope)
            if vault.sealed_since is not None and time.monotonic() - vault.sealed_since > SEALED_WITHIN:
                raise KeyStoreUnavailable("too much time passed between sealing and storing: do it again")


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

    def record(self, event: Event, outcome: Outcome = Outcome.SUCCESS) -> uuid.UUID:
        """Append `event` to the trail, in this transaction; answers the event's id."""
        self.last_event_id = entries.append(self.session, self.vault, self.scope, event, outcome)
        return self.last_event_id

    def enqueue(self, workflow: str, *ids: uuid.UUID) -> None:
        """Queue `workflow` with `ids`, in this transaction. Nothing but ids ever enters the queue."""
        queue.enqueue(self.session, workflow, *ids)

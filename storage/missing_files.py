"""Files that rows name and storage does not have: some are looked for in each round, until all were, and again.

A round is bounded by time and number, so that 250,000 files, or a bucket that takes long, hold nothing up. What is
missing is marked at its row, where the control `files-present` counts it, and recorded once, which opens an incident.
"""

import time
import uuid
from collections.abc import Sequence

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import deletions
from storage.assets import Asset, Blob
from storage.clock import now
from storage.damages import Damage, Damaged
from storage.database import transaction
from storage.keys.names import blob_keyset
from storage.ledger.scope import AuditScope
from storage.work import Store

_AT_ONCE = 200
MOST = 5_000
"""Files in one round."""
SECONDS = 10.0
"""How long a round takes; a page that was begun is brought to its end."""

log = structlog.get_logger("storage.missing_files")


def blob_that_should_be_there(session: Session, asset_id: uuid.UUID) -> uuid.UUID | None:
    """The blob of an asset that no deletion is taking; None where the asset is gone, or is going."""
    asset = session.get(Asset, asset_id)
    if asset is None or deletions.is_under_way(session, [asset.id, asset.project_id, asset.owner_id]):
        return None
    return asset.blob_id


class MissingFiles:
    """Looks for files, and remembers where it came to. It begins anywhere, so that restarts leave none out for ever."""

    def __init__(self, store: Store, *, most: int = MOST, seconds: float = SECONDS) -> None:
        self._store = store
        self._most = most
        self._seconds = seconds
        self._after = uuid.uuid4()
        self._placed = False

    def look(self, scope: AuditScope) -> int:
        """Look for the next files; return how many are newly missing. Each is recorded in the name of `scope`.

        Raises KeyStoreUnavailable and BlobStoreUnavailable; the next round goes on from where this one came to.
        """
        if not self._placed and not self._place():
            return 0
        until, left, found = time.monotonic() + self._seconds, self._most, 0
        first, wrapped = self._after, False
        while left > 0 and time.monotonic() < until:
            page = self._page(min(left, _AT_ONCE), first if wrapped else None)
            if page:
                found += self._check(page, scope)
                left, self._after = left - len(page), page[-1].id
            elif wrapped:
                break  # all were looked for
            else:
                self._after, wrapped = uuid.UUID(int=0), True
        if found:
            log.error("files.missing", count=found)
        return found

    def _place(self) -> bool:
        """Begin at a random id between the oldest and the newest; False where there is no file."""
        with transaction(self._store.engine, read_only=True) as session:
            oldest = session.scalar(select(Blob.id).order_by(Blob.id).limit(1))
            newest = session.scalar(select(Blob.id).order_by(Blob.id.desc()).limit(1))
        if oldest is None or newest is None:
            return False
        self._after = uuid.UUID(int=oldest.int + self._after.int % (newest.int - oldest.int + 1))
        self._placed = True
        return True

    def _page(self, many: int, up_to: uuid.UUID | None) -> Sequence[Blob]:
        statement = select(Blob).where(Blob.id > self._after).order_by(Blob.id).limit(many)
        if up_to is not None:
            statement = statement.where(Blob.id <= up_to)
        with transaction(self._store.engine, read_only=True) as session:
            return session.scalars(statement).all()

    def _check(self, page: Sequence[Blob], scope: AuditScope) -> int:
        """Look for these files; return how many are newly missing."""
        with_keys = self._store.keyring.existing(blob_keyset(blob.id) for blob in page)
        changed = list[tuple[uuid.UUID, Damage | None]]()
        for blob in page:
            damage = None
            if blob_keyset(blob.id) not in with_keys:
                damage = Damage.LOST
            elif not self._store.blobs.exists(blob.id):
                damage = Damage.GONE
            if (damage is None) != (blob.missing_since is None):
                changed.append((blob.id, damage))
        return self._mark(changed, scope) if changed else 0

    def _mark(self, changed: Sequence[tuple[uuid.UUID, Damage | None]], scope: AuditScope) -> int:
        """Note at the rows whether their files are missing, unless a deletion is taking them; return how many are."""
        found = 0
        with self._store.begin(scope) as work:
            for blob_id, damage in changed:
                row = work.session.get(Blob, blob_id, with_for_update=True)
                if row is None or (damage is not None and self._is_going(work.session, row)):
                    continue
                row.missing_since = None if damage is None else now()
                if damage is not None:
                    found += 1
                    work.record_damage(Damaged(Blob.__tablename__, "file", row.id, row.owner_id, damage))
        return found

    @staticmethod
    def _is_going(session: Session, row: Blob) -> bool:
        things = [row.object_id, row.owner_id, *([row.project_id] if row.project_id else [])]
        return deletions.is_under_way(session, things)

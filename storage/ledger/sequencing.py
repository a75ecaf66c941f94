"""Sequencing: entries are given their places in the tree, in batches, by one process at a time.

Places and tiles of a batch are one transaction. That no two processes make two trees rests on the primary key of
`audit_sequence` alone: whoever comes second fails whole. The lease only keeps them from trying.
"""

import enum
import uuid
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage.clock import now
from storage.ledger import merkle
from storage.ledger.entries import AuditEvent
from storage.ledger.leaves import leaf_hash
from storage.ledger.rows import AuditCheckpoint, AuditLease, AuditPending, AuditSequence, AuditTile
from storage.ledger.tiles import HASH, HEIGHT, WIDTH
from storage.ledger.tree import LedgerDamaged, Tree

LEASE = timedelta(seconds=3)
"""How long a process that says nothing more keeps others waiting: one that was killed, most likely."""


class Lease(enum.IntEnum):
    """What one process at a time does: the row that says which."""

    SEQUENCING = 1
    DELIVERY = 2
    WATCHING = 3

    @property
    def lasting(self) -> timedelta:
        """How long it is given for. A delivery may wait for its receiver, and renews its lease after each."""
        return 20 * LEASE if self is Lease.DELIVERY else LEASE


# Built once: a server that nobody uses asks these five times a second.
_WAITS = select(exists().select_from(AuditPending))
_PUBLISHED = select(func.max(AuditCheckpoint.size))

Overtaken = IntegrityError
"""Another process gave out these places first, or took the lease. The caller MUST roll back."""


def claim(session: Session, holder: uuid.UUID, which: Lease = Lease.SEQUENCING) -> bool:
    """Take or renew a lease for `holder`, in this transaction; False while another process has it.

    Raises Overtaken where two ask for the very first one at once.
    """
    lease = session.get(AuditLease, which, with_for_update=True)
    moment = now()
    if lease is None:
        session.add(AuditLease(id=int(which), holder=holder, until=moment + which.lasting))
        session.flush()
        return True
    # An end further away than any lease lasts was written by a clock that has been set back since.
    if lease.holder != holder and moment < lease.until <= moment + which.lasting:
        return False
    lease.holder, lease.until = holder, moment + which.lasting
    session.flush()
    return True


def release(session: Session, holder: uuid.UUID) -> None:
    """Give the lease up, so that another process need not wait for its end."""
    session.execute(delete(AuditLease).where(AuditLease.holder == holder))


def is_behind(session: Session) -> bool:
    """Whether there is something to do: an entry without its place, or places without a checkpoint."""
    if session.scalar(_WAITS):
        return True
    published = session.scalar(_PUBLISHED) or 0
    return published < Tree(session).size()


def waits_since(session: Session, moment: datetime) -> bool:
    """Whether an entry from before `moment` has no place yet."""
    late = select(AuditPending.event_id).join(AuditEvent, AuditEvent.id == AuditPending.event_id)
    return session.execute(late.where(AuditEvent.timestamp < moment).limit(1)).first() is not None


def sequence(session: Session, at_most: int) -> int:
    """Give up to `at_most` waiting entries their places, oldest id first, and grow the tree; answers how many.

    Raises LedgerDamaged where an entry is gone or altered since it was written, and Overtaken. The caller MUST then
    roll back.
    """
    tree = Tree(session)
    size = tree.size()
    oldest = select(AuditPending.event_id).order_by(AuditPending.event_id).limit(at_most).subquery()
    place = func.row_number().over(order_by=oldest.c.event_id) + (size - 1)
    waiting = select(place, oldest.c.event_id)
    session.execute(insert(AuditSequence).from_select(["leaf_index", "event_id"], waiting))
    hashes = _leaf_hashes(session, size)
    if hashes:
        _store(session, size, merkle.grow(size, hashes, tree.subtree))
        placed = select(AuditSequence.event_id).where(AuditSequence.leaf_index >= size)
        done = delete(AuditPending).where(AuditPending.event_id.in_(placed))
        session.execute(done, execution_options={"synchronize_session": False})
    return len(hashes)


def _leaf_hashes(session: Session, start: int) -> list[bytes]:
    statement = (
        select(AuditSequence.leaf_index, AuditEvent.leaf, AuditEvent.leaf_hash)
        .outerjoin(AuditEvent, AuditEvent.id == AuditSequence.event_id)
        .where(AuditSequence.leaf_index >= start)
        .order_by(AuditSequence.leaf_index)
    )
    found = []
    for index, leaf, written in session.execute(statement):
        if leaf is None or leaf_hash(leaf) != written:
            raise LedgerDamaged(index, "the entry is gone or altered since it was written")
        found.append(written)
    return found


def _store(session: Session, size: int, grown: list[list[bytes]]) -> None:
    """Write the new hashes of every eighth level into the tiles."""
    for deep in range(0, len(grown), HEIGHT):
        hashes, first = grown[deep], size >> deep
        while hashes:
            number, filled = divmod(first, WIDTH)
            fitting = hashes[: WIDTH - filled]
            _extend(session, deep // HEIGHT, number, filled, b"".join(fitting))
            hashes, first = hashes[len(fitting) :], first + len(fitting)


def _extend(session: Session, level: int, number: int, filled: int, more: bytes) -> None:
    if not filled:
        session.execute(insert(AuditTile).values(level=level, number=number, hashes=more))
        return
    tile = session.get(AuditTile, (level, number))
    if tile is None or len(tile.hashes) != filled * HASH:
        raise LedgerDamaged((number * WIDTH + filled) << (HEIGHT * level), "its tile is missing or of another length")
    tile.hashes += more
    session.flush()

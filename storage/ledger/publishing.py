"""Publishing: a checkpoint is signed only over a durable tree that begins with everything ever signed before.

What was signed before is kept twice: in the database, and in a directory or object store outside of it. A database that
was restored from a backup, or rewritten, does not know of the newest checkpoint outside, or can't derive it: then
nothing is signed.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from storage.keys.keyring import Keyring
from storage.ledger import notes, signing
from storage.ledger.checkpoint import Checkpoint, CheckpointRefused
from storage.ledger.events import Discrepancy
from storage.ledger.rows import AuditCheckpoint
from storage.ledger.tree import LedgerDamaged, Published, Tree, newest

FILE = "checkpoint"


class LedgerRefused(Exception):
    """The tree in the database does not continue what was published. Nothing is signed until somebody has looked."""

    code = "LEDGER_REFUSED"

    def __init__(self, reason: Discrepancy, published: int, size: int) -> None:
        super().__init__(f"{reason.value}: published {published} leaves, the database has {size}")
        self.reason = reason
        self.published = published
        self.size = size


class Memory(Protocol):
    """Where the newest checkpoint lies outside the database. Both raise OSError where it can't be reached."""

    def newest(self) -> str | None: ...

    def put(self, note: str, size: int) -> None: ...


class Outside:
    """The directory in which the newest checkpoint lies beyond the reach of whoever restores or edits the database."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def newest(self) -> str | None:
        """The signed note that lies there; None where there is none yet."""
        try:
            return (self._directory / FILE).read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return None

    def put(self, note: str, size: int) -> None:
        """Let the note of a tree of `size` leaves lie there, durably, unless that of a larger one does."""
        with self._alone():
            there = self.newest()
            if there is not None and Checkpoint.parse(there.rpartition("\n\n")[0] + "\n").size > size:
                return
            draft = self._directory / f"{FILE}.{os.getpid()}.part"
            with draft.open("wb") as file:
                file.write(note.encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._directory / FILE)
            _sync(self._directory)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self._directory.glob(f"{FILE}.*.part"):  # of a process that was killed here
                left.unlink()
            yield


def check(session: Session, outside: str | None, origin: str, keyring: Keyring) -> Tree:
    """The tree, if it continues the newest checkpoint of the database and the newest `outside`. Raises LedgerRefused.

    `outside` was read before the transaction, which need not wait for whoever keeps it.
    """
    tree = Tree(session)
    size = tree.size()
    for published in _published(session, outside, size, lambda note: signing.verified_here(note, origin, keyring)):
        if published.size > size:
            raise LedgerRefused(Discrepancy.ROLLED_BACK, published.size, size)
        try:
            is_same = tree.root(published.size) == published.root
        except LedgerDamaged as cause:
            raise LedgerRefused(Discrepancy.DAMAGED, published.size, size) from cause
        if not is_same:
            raise LedgerRefused(Discrepancy.FORKED, published.size, size)
    return tree


def sign(tree: Tree, origin: str, keyring: Keyring, *, size: int | None = None) -> Published:
    """A checkpoint over the tree as it stands, or over its first `size` entries, signed.

    The tree MUST be committed and have passed `check`.
    """
    size = tree.size() if size is None else size
    made = Checkpoint(origin, size, tree.root(size))
    return Published(made, signing.signed(made.text, origin, keyring))


def enter(session: Session, published: Published) -> bool:
    """Let everybody see the checkpoint; False if one of that size is there already."""
    if session.get(AuditCheckpoint, published.checkpoint.size) is not None:
        return False
    told = published.checkpoint
    session.add(AuditCheckpoint(size=told.size, root=told.root, note=published.note.encode()))
    return True


def _published(
    session: Session, note: str | None, size: int, verified: Callable[[str], Checkpoint]
) -> Iterator[Checkpoint]:
    inside = newest(session)
    if inside is not None:
        yield inside.checkpoint
    if note is None:
        return
    try:
        yield verified(note)
    except (notes.NoteRefused, CheckpointRefused) as cause:
        raise LedgerRefused(Discrepancy.UNREADABLE, 0, size) from cause


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

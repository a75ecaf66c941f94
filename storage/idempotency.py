"""What a mutation answered under an Idempotency-Key, kept so that it can be said again and is not done again.

It is written in the transaction of the change itself: either both are there, or neither.
"""

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import Session as Transaction

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, keyed, plain, sealed
from storage.sealed import Sealed


class AnswerTaken(Exception):
    """Another process carried out the same request in the meantime. Nothing was changed."""


class IdempotentAnswer(Record):
    """The answer of one mutation field under one key, for a day: ids, states and one-time secrets, no content.

    It goes with the account that it was answered to.
    """

    __tablename__ = "idempotent_answers"
    card = DataCard(
        subject="owner_id", retention="session", export=NotExported("a copy of answers that were given already")
    )
    sealed_under = "platform"

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID | None] = plain(index=True)
    session_id: Mapped[uuid.UUID | None] = plain(index=True)
    """The session that the mutation opened, if it opened one: what is said again is said to its holder."""
    key_hash: Mapped[bytes] = keyed(index=True)
    place_hash: Mapped[bytes] = keyed(unique=True)
    request_hash: Mapped[bytes] = keyed()
    answer: Mapped[Sealed] = sealed()
    expires_at: Mapped[datetime] = plain(index=True)


def under_keys(transaction: Transaction, key_hashes: Sequence[bytes]) -> list[IdempotentAnswer]:
    """What was answered under this key, whichever of these it was written down as, and has not expired."""
    kept = select(IdempotentAnswer).where(
        IdempotentAnswer.key_hash.in_(key_hashes), IdempotentAnswer.expires_at > now()
    )
    return list(transaction.scalars(kept))


def add(transaction: Transaction, row: IdempotentAnswer) -> None:
    """Keep an answer, in place of one that has expired. Raises AnswerTaken where there is one that has not."""
    expired = delete(IdempotentAnswer).where(
        IdempotentAnswer.place_hash == row.place_hash, IdempotentAnswer.expires_at <= now()
    )
    transaction.execute(expired)
    transaction.add(row)
    try:
        transaction.flush()
    except IntegrityError as error:
        raise AnswerTaken from error


def forget(transaction: Transaction, moment: datetime) -> None:
    """Delete answers that had expired by `moment`."""
    transaction.execute(delete(IdempotentAnswer).where(IdempotentAnswer.expires_at <= moment))


@contextmanager
def alone(transaction: Transaction, key_hashes: Sequence[bytes]) -> Iterator[None]:
    """Wait until nobody else works under this key, and see what they left.

    It is all of its hashes that are locked: two processes that hold different keys of a keyset have one in common.

    `transaction` begins anew, so that it sees what they committed. On PostgreSQL it holds an advisory lock, which ends
    with it; on SQLite, which one process has to itself, a lock of the process does.
    """
    transaction.rollback()
    if transaction.get_bind().dialect.name == "postgresql":
        for key_hash in sorted(key_hashes):
            number = int.from_bytes(key_hash[:8], "big", signed=True)
            transaction.execute(select(func.pg_advisory_xact_lock(number)))
        yield
        return
    with ExitStack() as held:
        for key_hash in sorted(key_hashes):
            held.enter_context(_in_this_process(key_hash))
        yield


_guard = threading.Lock()
_held: dict[bytes, tuple[threading.Lock, int]] = {}
"""Keys that are being worked under, each with how many threads hold it or wait for it."""


@contextmanager
def _in_this_process(key_hash: bytes) -> Iterator[None]:
    with _guard:
        lock, users = _held.get(key_hash, (threading.Lock(), 0))
        _held[key_hash] = (lock, users + 1)
    try:
        with lock:
            yield
    finally:
        with _guard:
            lock, users = _held.pop(key_hash)
            if users > 1:
                _held[key_hash] = (lock, users - 1)

"""Unattended loops: an item that can't be processed is set aside and the loop goes on; an outage is waited for.

The two must not be confused. While the database, the key store or the files are away every item fails, and skipping
them would lose all of them: such an error ends the round, which is tried again. Any other error is the item's own.
"""

import re
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import structlog

from storage import set_aside as items
from storage.blobs.errors import BlobStoreUnavailable
from storage.clock import now
from storage.database import is_away, transaction
from storage.keys.errors import KeyStoreUnavailable
from storage.ledger.events import Identifier, LoopItemSetAside, LoopStateCorrected, Outcome
from storage.ledger.scope import AuditScope
from storage.work import Store, UnitOfWork

_ROOT = Path(__file__).parents[1]
_NOT_PLAIN = re.compile(r"[^a-z0-9._:/-]")
_LONGEST = 80

log = structlog.get_logger("muniment.loops")

T = TypeVar("T")


class StandStill(Exception):
    """The platform is locked down, and this agent's work does not go on in that: break off, and begin again later."""


PASSES = (StandStill,)


def may_pass(error: BaseException) -> bool:
    """Return whether an error is an outage, which passes, and not the fault of the item at hand."""
    return isinstance(error, KeyStoreUnavailable | BlobStoreUnavailable) or is_away(error)


def cause_of(error: BaseException) -> str:
    """Return the error's type and the place in our code where it happened. Its text may quote content."""
    place, at = "", error.__traceback__
    while at is not None:
        file = Path(at.tb_frame.f_code.co_filename)
        if file.is_relative_to(_ROOT) and "site-packages" not in file.parts:
            place = f":{'.'.join(file.relative_to(_ROOT).with_suffix('').parts)}:{at.tb_frame.f_code.co_name}"
        at = at.tb_next
    return _NOT_PLAIN.sub("-", f"{type(error).__name__}{place}".lower())[:_LONGEST]


def set_aside(store: Store, scope: AuditScope, loop: str, item_id: uuid.UUID, error: BaseException) -> bool:
    """Keep the item's id, count it, log it, and record it where the cause is new: detection D23 alerts people.

    Return whether it is tried again by itself.

    Raises what the database raises: the item must not be lost, so the caller tries again.
    """
    cause = cause_of(error)
    with store.begin(scope) as work:
        is_new = items.add(work.session, loop, item_id, cause, work.now)
        if is_new:
            told = LoopItemSetAside(resource_id=None, subject_id=None, loop=Identifier(loop), cause=Identifier(cause))
            work.record(told, Outcome.FAILED)
    log.error(
        "loop.item_set_aside", component=loop, resource_id=item_id, code=cause, exc_info=error if is_new else None
    )
    with transaction(store.engine, read_only=True) as session:
        return items.is_tried_again(session, loop, item_id)


def state_corrected(work: UnitOfWork, loop: str, cause: str) -> None:
    """Record and log that a loop has corrected what it goes by: detection D25 alerts people."""
    work.record(
        LoopStateCorrected(resource_id=None, subject_id=None, loop=Identifier(loop), cause=Identifier(cause)),
        Outcome.FAILED,
    )
    log.critical("loop.state_corrected", component=loop, code=cause)


def each(
    store: Store,
    scope: Callable[[], AuditScope],
    loop: str,
    found: Iterable[T],
    key: Callable[[T], uuid.UUID],
    process: Callable[[T], object],
) -> int:
    """Process each item; one that fails is set aside and left alone for a while. Return how many were processed.

    Raises the error of an outage at once, what is no Exception, such as a process that ends, and `PASSES`.
    """
    with transaction(store.engine, read_only=True) as session:
        later, again = items.known(session, loop, now())
    done = 0
    for item in found:
        name = key(item)
        if name in later:
            continue
        try:
            process(item)
        except Exception as error:
            if may_pass(error) or isinstance(error, PASSES):
                raise
            set_aside(store, scope(), loop, name, error)
            continue
        done += 1
        if name in again:
            with transaction(store.engine) as session:
                items.remove(session, loop, [name])
    return done

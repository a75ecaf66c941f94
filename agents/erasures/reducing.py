"""What is large goes little by little, before the transaction that ends a deletion: that one then holds nobody up.

Each piece is a transaction of its own, with what it destroyed added to the deletion's counts, so that a killed run is
taken up where it came to and counts nothing twice. Files go before rows, children before parents, and what the queue
knows of a thing before the row that leads to it.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from agents.erasures.pacing import Pace
from agents.generation import WORKFLOW as GENERATE
from agents.runtime import Agents
from agents.thumbnails import WORKFLOW as THUMBNAIL
from policies.actions import Action
from storage import erasures, queue
from storage.assets import Asset, Blob
from storage.certificates.copies import told_with
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus, lock
from storage.erasures import Target
from storage.keys.names import blob_keyset
from storage.ledger import trail
from storage.prompts import Prompt
from storage.provider_copies import ProviderCall, ProviderCopy
from storage.records import Record
from storage.work import UnitOfWork

NAME = "erasures"

_ONE_PIECE = 500
"""What has no more rows than this in any table goes in one transaction."""

_FILES = 10
"""Files in a piece, at least: each is removed durably, which takes longer than a row."""

_WORDED = 50
"""Assets or prompts in a piece, at least: each has some fifty words, which go with it."""

_ELSEWHERE = (ProviderCall, ProviderCopy)
_RUNS = {Prompt: GENERATE, Asset: THUMBNAIL}


class Piece(Protocol):
    """What destroys something in a unit of work, and answers how many rows per table."""

    def __call__(self, work: UnitOfWork, row: Deletion) -> Mapping[str, int]: ...


class Overtaken(Exception):
    """Another process came to the end of this deletion first."""


def is_large(agents: Agents, deletion: Deletion) -> bool:
    """Whether it is to be reduced first."""
    with transaction(agents.store.engine, read_only=True) as session:
        aims = erasures.targets(session, deletion)
        if erasures.has_more(session, aims, _ONE_PIECE):
            return True
        account = deletion.scope is DeletionScope.ACCOUNT
        return account and trail.remembered(session, deletion.owner_id) > _ONE_PIECE


def reduce(agents: Agents, deletion: Deletion) -> set[uuid.UUID]:
    """Remove files, and then the rows of works. Answers the blobs of which something is left: then the rows stay too.

    Raises Overtaken, ErasureOvertaken, and what `Agents.go_on` raises.
    """
    with transaction(agents.store.engine, read_only=True) as session:
        aims = erasures.targets(session, deletion)
    left = _files(agents, deletion, aims)
    if left:
        return left
    for model in erasures.of_works():
        _table(agents, deletion, model, aims)
    if deletion.scope is DeletionScope.ACCOUNT:
        _forget(agents, deletion)
    return left


def still_there(agents: Agents, blobs: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Of these blobs, those whose file or key is not gone."""
    locked = agents.store.keyring.existing([blob_keyset(blob) for blob in blobs])
    return {blob for blob in blobs if blob_keyset(blob) in locked or agents.store.blobs.exists(blob)}


def _files(agents: Agents, deletion: Deletion, aims: Iterable[Target]) -> set[uuid.UUID]:
    pace, left, more = Pace(agents, _FILES), set[uuid.UUID](), True
    while more:
        with pace.turn() as many:
            some = _first(agents, Blob, aims, many, left)
            more = len(some) == many
            pace.rest()
            agents.store.blobs.remove_all(some)
            pace.rest()
            left |= still_there(agents, some)
            pace.rest()
            gone = [blob for blob in some if blob not in left]
            if gone:
                _piece(agents, deletion, pace, lambda work, row, gone=gone: _blobs(work, row, gone))
    return left


def _blobs(work: UnitOfWork, row: Deletion, gone: Sequence[uuid.UUID]) -> Mapping[str, int]:
    row.bytes_destroyed += erasures.bytes_of(work.session, gone)
    return erasures.destroy_these(work.session, Blob, gone)


def _table(agents: Agents, deletion: Deletion, model: type[Record], aims: Iterable[Target]) -> None:
    pace, more = Pace(agents, _WORDED if model in _RUNS else None), True
    while more:
        with pace.turn() as many:
            if model in _RUNS or model in _ELSEWHERE:
                some = _first(agents, model, aims, many)
                more = len(some) == many
                pace.rest()
                if model in _RUNS:
                    queue.forget_each(agents.store.engine, _RUNS[model], some)
                    pace.rest()
                gone = _piece(agents, deletion, pace, lambda work, row, some=some: _these(work, row, model, some))
            else:
                gone = _piece(
                    agents,
                    deletion,
                    pace,
                    lambda work, row, many=many: {
                        model.__tablename__: erasures.destroy_first(work.session, model, aims, many)
                    },
                )
                more = gone > 0


def _these(work: UnitOfWork, row: Deletion, model: type[Record], some: Sequence[uuid.UUID]) -> Mapping[str, int]:
    if model is ProviderCopy:
        row.copies = told_with(row.copies, erasures.sent_of(work.session, some))
    if model is ProviderCall:
        row.copies = told_with(row.copies, (), erasures.hand_over_of(work.session, row, some))
    return erasures.destroy_these(work.session, model, some)


def _forget(agents: Agents, deletion: Deletion) -> None:
    """The person's part of the trail: not counted as rows, for the leaves stay."""
    pace, more = Pace(agents), True
    while more:
        with pace.turn() as many, agents.acting(NAME, deletion.owner_id, run=deletion.id) as (work, access):
            access.get(Deletion, deletion.id, Action.ERASE)
            more = trail.forget_some(work.session, deletion.owner_id, many) > 0


def _first(
    agents: Agents, model: type[Record], aims: Iterable[Target], many: int, but: Iterable[uuid.UUID] = ()
) -> list[uuid.UUID]:
    with transaction(agents.store.engine, read_only=True) as session:
        return erasures.first(session, model, aims, many, but)


def _piece(agents: Agents, deletion: Deletion, pace: Pace, destroy: Piece) -> int:
    """One piece, counted in the deletion; answers how many rows it was."""
    with agents.acting(NAME, deletion.owner_id, run=deletion.id) as (work, access):
        lock(work.session, deletion.id)
        row = access.get(Deletion, deletion.id, Action.ERASE)
        if row.status is not DeletionStatus.ERASING:
            raise Overtaken
        pace.give_way()
        gone = destroy(work, row)
        pace.give_way()
        row.destroyed = dict(Counter(row.destroyed) + Counter(gone))
    return sum(gone.values())

"""The trail's events as they go into an archive: each with its leaf, and the proof that the log holds it."""

import base64
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session

from storage.ledger.entries import AuditEvent
from storage.ledger.tree import Tree, newest

_AT_ONCE = 200

Told = tuple[AuditEvent, dict[str, Any]]
"""An entry, and its published form."""


def proven(session: Session, events: Iterable[Told]) -> Iterator[dict[str, Any]]:
    """Each event's published form with `leaf` in base64 and `proof`: its index, and the hashes that lead to the root.

    The proof is against the newest checkpoint of the session's snapshot. It is None for what happened so shortly before
    that no checkpoint covers it yet.
    """
    published, tree = newest(session), Tree(session)
    size = 0 if published is None else published.checkpoint.size
    remaining = iter(events)
    while page := list(islice(remaining, _AT_ONCE)):
        places = tree.places([entry.id for entry, _ in page])
        for entry, form in page:
            index = places.get(entry.id, size)
            hashes = tree.inclusion_proof(index, size) if index < size else None
            proof = None if hashes is None else {"index": index, "hashes": [_text(each) for each in hashes]}
            yield {**form, "leaf": _text(entry.leaf), "proof": proof}


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()

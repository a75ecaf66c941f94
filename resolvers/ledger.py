"""The transparency log: hashes and checkpoints for everybody, entries for those who may read all of them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policies.actions import Action
from policies.errors import Forbidden, NotFound
from policies.principals import Kind
from resolvers import audit
from resolvers.context import Context
from resolvers.errors import Unauthenticated
from resolvers.house import House
from storage.database import transaction
from storage.ledger import checkpoint, feeds, notes, ocsf, signing
from storage.ledger.entries import AuditEvent
from storage.ledger.tiles import Tile
from storage.ledger.tree import Published, Tree, newest

PAGE = 1000
"""Entries of the feed in one answer."""


@dataclass(frozen=True)
class Proof:
    """That `leaf` is number `index` of the tree that the checkpoint signs: `hashes` lead from the leaf to the root."""

    leaf: bytes
    index: int
    hashes: list[bytes]
    published: Published

    @property
    def text(self) -> str:
        """The proof as C2SP tlog-proof writes it."""
        return checkpoint.proof_text(self.index, self.hashes, self.published.note)


def newest_checkpoint(context: Context) -> Published | None:
    """The newest published checkpoint; None before the first. What is signed for everybody is nobody's secret."""
    return newest(context.work.session)


def key(house: House) -> str:
    """The verifier key of this installation (C2SP signed-note)."""
    return signing.log_key(house.store.origin, house.store.keyring)


@dataclass(frozen=True)
class KnownKey:
    """A verifier key, since when it signs, and the note in which whoever signed beside it names it."""

    vkey: str
    since: datetime
    note: str


def keys(house: House) -> list[KnownKey]:
    """Every key that ever took over from another, and the first of them, the newest first; none before a rotation."""
    store = house.store
    return [
        KnownKey(notes.vkey(store.origin, known.public_key), known.since, known.note)
        for known in store.keyring.known_signers()
    ]


def proof(context: Context, event_id: uuid.UUID) -> Proof | None:
    """The proof for an entry that the caller may read; None until a checkpoint covers it, about a second.

    Raises NotFound where there is none that they may see.
    """
    row = audit.by_id(context, [event_id]).get(event_id)
    if row is None:
        raise NotFound(AuditEvent.__name__)
    tree = Tree(context.work.session)
    published = newest(context.work.session)
    index = tree.places([event_id]).get(event_id)
    if published is None or index is None or index >= published.checkpoint.size:
        return None
    return Proof(row.leaf, index, tree.inclusion_proof(index, published.checkpoint.size), published)


def checkpoint_note(house: House) -> str | None:
    """The newest checkpoint as a signed note, for whoever asks over HTTP; None before the first."""
    with transaction(house.store.engine, read_only=True) as session:
        published = newest(session)
    return None if published is None else published.note


def require_token(context: Context) -> None:
    """Raise Unauthenticated for a caller without a token."""
    if context.principal.kind is Kind.ANONYMOUS:
        raise Unauthenticated("Entries of the audit log are read with a token: send `Authorization: Bearer <token>`.")


def require_reader(context: Context) -> None:
    """Return if the policy lets the caller read every entry of the audit log; raise Forbidden if not."""
    if not context.access.reaches_all(AuditEvent, Action.READ):
        raise Forbidden(AuditEvent.__name__, Action.READ)


def feed(house: House, start: int) -> tuple[list[dict[str, Any]], int]:
    """Return the published entries from place `start` on as OCSF events, nameless, and where to go on; at most a page.

    The caller has shown that it may read all of them (`require_reader`, or the token of a SIEM).
    """
    found, store = [], house.store
    for index, form in feeds.entries(store.engine, store.archive, start, PAGE):
        found.append(ocsf.event(form, origin=store.origin, index=index))
    return found, start + len(found)


def holds_entries(path: str) -> bool:
    """Return whether `path` below `tile/` names a bundle of entries, and not hashes. Raises TileRefused for no path."""
    return Tile.parse(path).level is None


def tile(house: House, path: str) -> bytes | None:
    """Return the tile or entry bundle at `path` below `tile/`, if a published checkpoint covers it; else None.

    Of entries the caller has shown that it may read all of them. Raises TileRefused for what is no path of a tile.
    """
    asked = Tile.parse(path)
    with transaction(house.store.engine, read_only=True) as session:
        published = newest(session)
        return None if published is None else Tree(session, house.store.archive).tile(asked, published.checkpoint.size)

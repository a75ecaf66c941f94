"""Reading, adding and destroying rows of wrapped keysets, each in the caller's transaction."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage.clock import now
from storage.keys import erasures
from storage.keys.errors import KeyDestroyed, KeysetExists, ParentRotated
from storage.keys.names import SIGNING, KeysetName
from storage.keys.tables import keysets, layout

_AT_ONCE = 500  # SQLite takes a limited number of parameters

Lock = Literal["share", "update"]

_ONE = select(keysets).where(keysets.c.kind == bindparam("kind"), keysets.c.id == bindparam("id"))
_FIND: dict[Lock | None, Select[*tuple[Any, ...]]] = {  # built once: some are asked for each keyset that is made
    None: _ONE,
    "share": _ONE.with_for_update(read=True),
    "update": _ONE.with_for_update(),
}
_NAMED = (keysets.c.kind == bindparam("kind"), keysets.c.id.in_(bindparam("ids", expanding=True)))
_SOME, _IDS = select(keysets).where(*_NAMED), select(keysets.c.id).where(*_NAMED)


def find(session: Session, name: KeysetName, *, lock: Lock | None = None) -> Row[Any] | None:
    """The row of `name`. A lock lasts until this transaction ends: "share" keeps others from destroying the row,
    "update" also from adding to what it holds. (SQLite has one writer at a time and needs neither.)"""
    return session.execute(_FIND[lock], {"kind": name.kind, "id": name.id}).first()


def find_all(session: Session, names: Iterable[KeysetName]) -> list[Row[Any]]:
    """The rows of those of these that there are."""
    found: list[Row[Any]] = []
    for kind, group in groupby(sorted(set(names)), key=lambda name: name.kind):
        ids = [name.id for name in group]
        for start in range(0, len(ids), _AT_ONCE):
            found += session.execute(_SOME, {"kind": kind, "ids": ids[start : start + _AT_ONCE]})
    return found


def present(session: Session, names: Iterable[KeysetName]) -> set[KeysetName]:
    """Return those of these that there are, without what they hold."""
    found: set[KeysetName] = set()
    for kind, group in groupby(sorted(set(names)), key=lambda name: name.kind):
        ids = [name.id for name in group]
        for start in range(0, len(ids), _AT_ONCE):
            there = session.scalars(_IDS, {"kind": kind, "ids": ids[start : start + _AT_ONCE]})
            found |= {KeysetName(kind, id_) for id_ in there}
    return found


_USED = or_(keysets.c.kind != SIGNING.kind, keysets.c.id == SIGNING.id)


def are_used(session: Session) -> bool:
    """Whether anything but the beginning of a first start is here: the signing keyset is the last one that it makes."""
    return session.execute(select(keysets.c.id).where(_USED).limit(1)).first() is not None


def wrapping(session: Session, *, lock: bool = False) -> str | None:
    """The key-encryption key that wraps from now on; None for the one the settings name first. A lock keeps it so."""
    statement = select(layout.c.kek)
    found: str | None = session.scalar(statement.with_for_update(read=True) if lock else statement)
    return found


_UNLABELLED = keysets.c.kek.is_(None) & keysets.c.parent_kind.is_(None)


def unlabelled(session: Session) -> bool:
    """Whether there are keysets that do not say which key wraps them: they are from when there was only one."""
    return bool(session.scalar(select(func.count()).select_from(keysets).where(_UNLABELLED)))


def label(session: Session, kek: str) -> None:
    """Name the key that wraps those."""
    session.execute(update(keysets).where(_UNLABELLED).values(kek=kek, wrapped_at=keysets.c.created_at))


def add(
    session: Session,
    name: KeysetName,
    owner: uuid.UUID | None,
    parent: KeysetName | None,
    version: int,
    wrapped: bytes,
    kek: str | None,
    parent_version: int | None = None,
) -> None:
    """Keep a keyset, wrapped by this version of its `parent` or under `kek`. The parent stays so until the commit.

    Raises KeysetExists, ParentRotated, and KeyDestroyed when its parent, its owner's keyset or the thing it is for has
    been erased: whatever races with an erasure loses.
    """
    if find(session, name) is not None:
        raise KeysetExists(f"there is a {name.kind} keyset of that name already")
    root = KeysetName("contributor", str(owner))
    needed = {above for above in (parent, root if owner else None) if above is not None and above != name}
    found: dict[KeysetName, Any] = {above: find(session, above, lock="share") for above in sorted(needed)}
    if None in found.values():
        raise KeyDestroyed(f"a {name.kind} keyset needs keysets that are not there: erased, or never made")
    if parent is not None and found[parent].version != parent_version:
        raise ParentRotated(f"the keyset above a {name.kind} keyset was rotated")
    if name.kind != "platform" and erasures.concerns(session, uuid.UUID(name.id)):
        raise KeyDestroyed(f"this {name.kind} was erased, and gets no keyset again")
    values = {
        "kind": name.kind,
        "id": name.id,
        "owner": owner,
        "parent_kind": parent.kind if parent else None,
        "parent_id": parent.id if parent else None,
        "version": version,
        "wrapped": wrapped,
        "created_at": now(),
        "kek": kek,
        "wrapped_at": None if parent else now(),
    }
    try:
        session.execute(insert(keysets).values(values))
    except IntegrityError:
        raise KeysetExists(f"there is a {name.kind} keyset of that name already") from None


def destroy(session: Session, names: Iterable[KeysetName]) -> set[KeysetName]:
    """Delete these and every keyset that they wrap. Answers which there were."""
    gone, there = set[KeysetName](), {KeysetName(row.kind, row.id) for row in find_all(session, names)}
    for name in sorted(there):  # which is none of those whose owner's keysets went before
        if find(session, name, lock="update") is not None:
            gone |= {name, *_below(session, name)}
            session.execute(delete(keysets).where(keysets.c.kind == name.kind, keysets.c.id == name.id))
    return gone


def _below(session: Session, name: KeysetName) -> set[KeysetName]:
    """What the keyset wraps, and what that wraps."""
    if name.kind not in ("contributor", "project"):
        return set()
    found = set(named(session, keysets.c.parent_kind == name.kind, keysets.c.parent_id == name.id))
    return found.union(*(_below(session, each) for each in found))


def destroy_owned_by(session: Session, owner: uuid.UUID, many: int) -> set[KeysetName]:
    """Delete this contributor's own keyset with what it wraps, or, where it is gone, up to so many others of theirs.

    Answers which there were; none only where none is left. Those that wrap go after those that they wrap.
    """
    gone = destroy(session, [KeysetName("contributor", str(owner))])
    if gone:
        return gone
    for wrap in (keysets.c.parent_kind.is_not(None), keysets.c.parent_kind.is_(None)):
        theirs = select(keysets.c.kind, keysets.c.id).where(keysets.c.owner == owner, wrap).limit(many)
        some = {KeysetName(kind, id_) for kind, id_ in session.execute(theirs)}
        if some:
            session.execute(delete(keysets).where(tuple_(keysets.c.kind, keysets.c.id).in_(some)))
            return some
    return set()


def count(session: Session, owner: uuid.UUID) -> int:
    """How many keysets this contributor has."""
    return session.scalar(select(func.count()).select_from(keysets).where(keysets.c.owner == owner)) or 0


def wrapped_by(session: Session, parent: KeysetName) -> list[tuple[KeysetName, bytes]]:
    """The keysets that `parent` wraps, and their wrapped bytes."""
    mine = (keysets.c.parent_kind == parent.kind) & (keysets.c.parent_id == parent.id)
    found = session.execute(select(keysets.c.kind, keysets.c.id, keysets.c.wrapped).where(mine))
    return [(KeysetName(kind, id_), wrapped) for kind, id_, wrapped in found]


def made_before(session: Session, kind: str, moment: datetime) -> list[KeysetName]:
    """The keysets of this kind that were made before `moment`."""
    return named(session, keysets.c.kind == kind, keysets.c.created_at < moment)


def named(session: Session, *conditions: ColumnElement[bool]) -> list[KeysetName]:
    """The keysets of which these hold, in order."""
    statement = select(keysets.c.kind, keysets.c.id).where(*conditions).order_by(keysets.c.kind, keysets.c.id)
    return [KeysetName(kind, id_) for kind, id_ in session.execute(statement)]

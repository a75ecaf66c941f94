"""Every policy that was ever in force, word for word, and in which order, by whom, since when.

The newest change that has a number is in force: that row is the truth for every process on this database.
"""

import enum
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import LargeBinary, String, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped

from storage.clock import now
from storage.database import Transaction
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain

_OF_THE_HOUSE = NotExported("rules of the house: what they decided about a contributor stands in their trail")


class PolicyOrigin(enum.StrEnum):
    """How a policy came to be in force."""

    START = "START"  # a process started with it: the first of all, or in development
    FILE = "FILE"  # the file was saved under a server that watches it, in development
    RELOAD = "RELOAD"  # one member of staff proposed it and another one confirmed it
    ACCEPTED = "ACCEPTED"  # whoever installed a release named it in the settings


class PolicyVersion(Record):
    """The text of a policy. It never changes; audit events name it by its version."""

    __tablename__ = "policy_versions"
    card = DataCard(subject=None, retention="audit", export=_OF_THE_HOUSE)

    hash: Mapped[str] = plain(String(64), primary_key=True)
    version: Mapped[str] = plain(String(16), unique=True)
    source: Mapped[bytes] = plain(LargeBinary)
    created_at: Mapped[datetime] = plain(default=now)


class PolicyChange(Record):
    """A step from one policy to another. `number` is its place in the order of those in force; None: only proposed."""

    __tablename__ = "policy_changes"
    card = DataCard(subject=None, retention="audit", export=_OF_THE_HOUSE)

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    hash: Mapped[str] = plain(String(64))
    origin: Mapped[PolicyOrigin] = plain()
    follows: Mapped[int] = plain()
    proposed_by: Mapped[uuid.UUID | None] = plain()
    proposed_at: Mapped[datetime] = plain(default=now, index=True)
    confirmed_by: Mapped[uuid.UUID | None] = plain()
    in_force_at: Mapped[datetime | None] = plain()
    number: Mapped[int | None] = plain(unique=True)
    sound_mark: Mapped[bytes | None] = plain(LargeBinary)
    """Made by the program that found the text sound and brought it into force (`storage.sound`)."""


class PolicyOvertaken(Exception):
    """Another change came into force first. Nothing of this one is kept."""


@dataclass(frozen=True)
class Newest:
    """What is in force: its place in the order, and its hash."""

    number: int
    hash: str


def are_kept(session: Transaction) -> bool:
    """Whether this database has come so far as to have these tables."""
    return inspect(session.connection()).has_table(PolicyChange.__tablename__)


_NEWEST = (  # built once: every process asks it twice a second
    select(PolicyChange.number, PolicyChange.hash)
    .where(PolicyChange.number.is_not(None))
    .order_by(PolicyChange.number.desc())
    .limit(1)
)


def newest(session: Transaction) -> Newest | None:
    """What is in force; None before the first policy. One row by its index."""
    row = session.execute(_NEWEST).first()
    return None if row is None else Newest(int(row[0] or 0), row[1])


def change_of(session: Transaction, number: int) -> PolicyChange | None:
    """The change that came into force as this number."""
    return session.scalar(select(PolicyChange).where(PolicyChange.number == number))


def before(session: Transaction, known: Newest, since: datetime) -> tuple[str, bytes] | None:
    """Return hash and text of the policy before `known`, if that came into force since then."""
    change, last = change_of(session, known.number), change_of(session, known.number - 1)
    if change is None or last is None or change.in_force_at is None or change.in_force_at < since:
        return None
    source = source_of(session, last.hash)
    return None if source is None else (last.hash, source)


def proposal(session: Transaction, change: uuid.UUID) -> PolicyChange | None:
    """The change with this id, proposed or in force."""
    return session.get(PolicyChange, change)


def waiting(session: Transaction, number: int, since: datetime) -> list[PolicyChange]:
    """Proposals made since then while this number was in force, newest first."""
    found = select(PolicyChange).where(
        PolicyChange.number.is_(None), PolicyChange.follows == number, PolicyChange.proposed_at >= since
    )
    return list(session.scalars(found.order_by(PolicyChange.id.desc()).limit(20)))


def source_of(session: Transaction, policy_hash: str) -> bytes | None:
    """The text of the policy with this hash."""
    return session.scalar(select(PolicyVersion.source).where(PolicyVersion.hash == policy_hash))


def keep(session: Transaction, policy_hash: str, version: str, source: bytes) -> None:
    """Have the text of a policy in the database. Raises PolicyOvertaken if another process writes it at this moment."""
    if source_of(session, policy_hash) is None:
        _add(session, PolicyVersion(hash=policy_hash, version=version, source=source))


def enter(session: Transaction, change: PolicyChange) -> None:
    """Bring `change` into force after the one that it follows. Raises PolicyOvertaken if another one did already."""
    change.number, change.in_force_at = change.follows + 1, now()
    _add(session, change)


def propose(session: Transaction, change: PolicyChange) -> None:
    """Keep a change that somebody else is to confirm."""
    session.add(change)


def _add(session: Transaction, row: Record) -> None:
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise PolicyOvertaken from error

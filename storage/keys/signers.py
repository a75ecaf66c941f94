"""Public keys of all who ever signed: what they signed is to be verified after their private keys are destroyed.

Each stands with a note in which whoever signed before it names it, so that one who trusts the old key comes to the new.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from storage.clock import now
from storage.keys.tables import signing_keys as table


@dataclass(frozen=True)
class KnownSigner:
    """A public key, since when it signs, and the note that names it."""

    public_key: bytes
    since: datetime
    note: str


def enter(session: Session, public_key: bytes, note: str) -> None:
    """Remember a public key for ever; entering it again changes nothing."""
    if session.execute(select(table.c.public_key).where(table.c.public_key == public_key)).first() is None:
        session.execute(insert(table).values(public_key=public_key, since=now(), note=note))


def listed(session: Session) -> list[KnownSigner]:
    """All of them, the newest first."""
    return [
        KnownSigner(*row)
        for row in session.execute(
            select(table)
            .order_by(table.c.number.desc())
            .with_only_columns(table.c.public_key, table.c.since, table.c.note)
        )
    ]

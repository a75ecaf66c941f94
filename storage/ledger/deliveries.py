"""How far the log has been delivered to whoever collects it: one row, by place in the log."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, Session

from storage.records import DataCard, NotExported, Record, plain

_ONLY = 1  # the one row


class AuditDelivery(Record):
    """The next place of the log to be delivered. It only grows: what was acknowledged is not sent again."""

    __tablename__ = "audit_deliveries"
    card = DataCard(
        subject=None, retention="audit", export=NotExported("belongs to the whole log, and counts its entries")
    )

    id: Mapped[int] = plain(primary_key=True, autoincrement=False)
    next_index: Mapped[int] = plain(BigInteger, default=0)


def next_index(session: Session) -> int:
    """The place of the first entry that has not been acknowledged."""
    found = session.get(AuditDelivery, _ONLY)
    return 0 if found is None else found.next_index


def acknowledged(session: Session, index: int) -> None:
    """Note that the entry at place `index`, and all before it, has been received."""
    found = session.get(AuditDelivery, _ONLY, with_for_update=True)
    if found is None:
        session.add(AuditDelivery(id=_ONLY, next_index=index + 1))
    else:
        found.next_index = max(found.next_index, index + 1)

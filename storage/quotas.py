"""How much room a contributor's files take, and how much they may take: counted as rows of assets come and go.

What counts is every asset: its bytes once they are here, and what was announced before that, so that transfers that go
on side by side can't together take more than there is. The count is changed in the transaction that changes the rows,
and is never added up anew while somebody waits.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Table,
    Update,
    bindparam,
    case,
    func,
    inspect,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session

from storage.assets import Asset
from storage.records import DataCard, NotExported, Record, plain
from storage.statements import Fixed

_UNLOADED = {"synchronize_session": False}
_NEARLY = 0.9
"""What part of their room somebody has taken who is nearly out of it."""


@dataclass(frozen=True)
class Allowance:
    """How many bytes and files a contributor may have who was given no limit of their own."""

    byte_size: int = 100 * 1024**3
    files: int = 250_000


USUAL = Allowance()
"""Where nobody has said another."""


class Quota(Record):
    """How many files somebody has, announced ones among them, their bytes, and limits that hold for them alone."""

    __tablename__ = "quotas"
    card = DataCard(
        subject="owner_id",
        retention="account",
        export=NotExported("it counts what the archive holds itself, against limits of this platform"),
    )

    owner_id: Mapped[uuid.UUID] = plain(primary_key=True)
    files: Mapped[int] = plain(BigInteger, default=0)
    byte_size: Mapped[int] = plain(BigInteger, default=0)
    most_files: Mapped[int | None] = plain(BigInteger)
    most_bytes: Mapped[int | None] = plain(BigInteger)


@dataclass(frozen=True)
class Use:
    """What somebody's files take, and may take."""

    files: int
    byte_size: int
    most_files: int
    most_bytes: int

    @property
    def over(self) -> bool:
        """Whether it is more than may be: a limit was lowered since."""
        return self.files > self.most_files or self.byte_size > self.most_bytes

    def leaves(self, files: int, byte_size: int) -> bool:
        """Whether so much more fits."""
        return self.files + files <= self.most_files and self.byte_size + byte_size <= self.most_bytes


class QuotaExceeded(Exception):
    """What was to be added does not fit. Nothing was counted."""

    code = "QUOTA_EXCEEDED"

    def __init__(self, use: Use) -> None:
        super().__init__("there is no room for it")
        self.use = use


def use_of(session: Session, owner_id: uuid.UUID, allowance: Allowance) -> Use:
    """What this contributor's files take, and may take."""
    columns = (Quota.files, Quota.byte_size, Quota.most_files, Quota.most_bytes)
    row = session.execute(select(*columns).where(Quota.owner_id == owner_id)).one_or_none()
    if row is None:
        return Use(0, 0, allowance.files, allowance.byte_size)
    most_files, most_bytes = row.most_files, row.most_bytes
    return Use(
        row.files,
        row.byte_size,
        allowance.files if most_files is None else most_files,
        allowance.byte_size if most_bytes is None else most_bytes,
    )


def take(session: Session, owner_id: uuid.UUID, byte_size: int, allowance: Allowance) -> None:
    """Count one file more of so many bytes. Raises QuotaExceeded, with nothing counted.

    Whoever adds to the same contributor's files waits from here to the end of this transaction: call it last.
    """
    if _taken(session, owner_id, byte_size, allowance):
        return
    _lay_out(session, owner_id)  # they have had no file, or there is no room
    if not _taken(session, owner_id, byte_size, allowance):
        raise QuotaExceeded(use_of(session, owner_id, allowance))


def give_back(session: Session, owner_id: uuid.UUID, files: int, byte_size: int) -> None:
    """Count so much less. What was not counted before can't be: the count does not fall below nothing."""
    session.execute(_GIVE_BACK, {"owner": owner_id, "fewer": files, "less": byte_size})


def grant(session: Session, owner_id: uuid.UUID, most_bytes: int | None, most_files: int | None) -> None:
    """Let these limits hold for this contributor alone; None: what holds for everybody."""
    _lay_out(session, owner_id)
    limits = {"most_bytes": most_bytes, "most_files": most_files}
    session.execute(update(Quota).where(Quota.owner_id == owner_id).values(limits), execution_options=_UNLOADED)


@dataclass(frozen=True)
class Drift:
    """Whose count is not what their rows of assets say, and what those say."""

    owner_id: uuid.UUID
    files: int
    byte_size: int


def drifted(session: Session) -> list[Drift]:
    """Everybody whose count is wrong, found by adding up every row of assets: for whoever has the time."""
    sums = (func.count().label("files"), func.sum(Asset.byte_size).label("byte_size"))
    counted = select(Asset.owner_id, *sums).group_by(Asset.owner_id).subquery()
    files = func.coalesce(counted.c.files, 0)
    byte_size = func.coalesce(counted.c.byte_size, 0)
    wrong = (Quota.files != files) | (Quota.byte_size != byte_size)
    kept = select(Quota.owner_id, files, byte_size).outerjoin(counted, counted.c.owner_id == Quota.owner_id)
    rows = list(session.execute(kept.where(wrong)))
    missing = select(counted).outerjoin(Quota, counted.c.owner_id == Quota.owner_id)
    rows += session.execute(missing.where(Quota.owner_id.is_(None)))
    return [Drift(*row) for row in rows]


def recount(session: Session) -> int:
    """Put every count right; answers how many were wrong. Who adds files of theirs meanwhile waits."""
    wrong = drifted(session)
    for each in wrong:
        _lay_out(session, each.owner_id)
        session.execute(select(Quota.owner_id).where(Quota.owner_id == each.owner_id).with_for_update())
        counted = select(func.count(), func.coalesce(func.sum(Asset.byte_size), 0))
        files, byte_size = session.execute(counted.where(Asset.owner_id == each.owner_id)).one()
        right = update(Quota).where(Quota.owner_id == each.owner_id)
        session.execute(right.values(files=files, byte_size=byte_size), execution_options=_UNLOADED)
    return len(wrong)


def are_kept(session: Session) -> bool:
    """Whether this database has come so far as to have the table."""
    return inspect(session.connection()).has_table(Quota.__tablename__)


@dataclass(frozen=True)
class Capacity:
    """What all contributors' files take together. `nearly`: how many people have taken nine tenths of their room."""

    people: int
    files: int
    byte_size: int
    nearly: int


def capacity(session: Session, allowance: Allowance) -> Capacity:
    """What is taken here in all; one row a contributor is looked at."""
    most_files = func.coalesce(Quota.most_files, allowance.files)
    most_bytes = func.coalesce(Quota.most_bytes, allowance.byte_size)
    nearly = (Quota.files >= most_files * _NEARLY) | (Quota.byte_size >= most_bytes * _NEARLY)
    sums = (func.coalesce(func.sum(each), 0) for each in (Quota.files, Quota.byte_size, case((nearly, 1), else_=0)))
    people, files, byte_size, close = session.execute(select(func.count(), *sums).where(Quota.files > 0)).one()
    return Capacity(int(people), int(files), int(byte_size), int(close))


def largest(session: Session, many: int) -> list[Quota]:
    """Whose files take most, the largest first, and everybody who was given limits of their own before them."""
    own = Quota.most_bytes.is_not(None) | Quota.most_files.is_not(None)
    by_size = select(Quota).order_by(case((own, 0), else_=1), Quota.byte_size.desc(), Quota.owner_id)
    return list(session.scalars(by_size.limit(many)))


def tally(rows: Iterable[tuple[uuid.UUID, int]]) -> dict[uuid.UUID, tuple[int, int]]:
    """Owners and bytes of assets, as how many files of how many bytes each owner has among them."""
    found: dict[uuid.UUID, tuple[int, int]] = {}
    for owner_id, byte_size in rows:
        files, before = found.get(owner_id, (0, 0))
        found[owner_id] = files + 1, before + byte_size
    return found


def _taken(session: Session, owner_id: uuid.UUID, byte_size: int, allowance: Allowance) -> bool:
    told = {
        "whose": owner_id,
        "more": byte_size,
        "usual_bytes": allowance.byte_size,
        "usual_files": allowance.files,
    }
    return _TAKE.execute(session.connection(), told).rowcount == 1


def _take() -> Update:
    more, usual_bytes, usual_files = (
        bindparam(name, type_=BigInteger()) for name in ("more", "usual_bytes", "usual_files")
    )
    room = (
        Quota.byte_size + more <= func.coalesce(Quota.most_bytes, usual_bytes),
        Quota.files + literal_column("1") <= func.coalesce(Quota.most_files, usual_files),
    )
    counted = {"files": Quota.files + literal_column("1"), "byte_size": Quota.byte_size + more}
    whose = bindparam("whose", type_=Quota.owner_id.type)
    return update(cast(Table, Quota.__table__)).where(Quota.owner_id == whose, *room).values(counted)


_TAKE = Fixed(_take())


def _lay_out(session: Session, owner_id: uuid.UUID) -> None:
    """See to it that there is a row to count in, whoever is faster."""
    kind = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    session.execute(kind.insert(Quota).values(owner_id=owner_id, files=0, byte_size=0).on_conflict_do_nothing())


def _less(column: ColumnElement[int], much: ColumnElement[int]) -> ColumnElement[int]:
    return case((column > much, column - much), else_=0)


def _giving_back(table: Any) -> Update:
    fewer, less = bindparam("fewer", type_=BigInteger), bindparam("less", type_=BigInteger)
    values = {"files": _less(table.c.files, fewer), "byte_size": _less(table.c.byte_size, less)}
    return update(table).where(table.c.owner_id == bindparam("owner")).values(values)


_GIVE_BACK = _giving_back(Quota.__table__)
"""Made once: a large deletion gives back many times, and making it takes longer than the rest."""

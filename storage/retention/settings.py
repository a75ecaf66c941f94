"""How long a contributor wants their work to stay: for the account, and for single projects otherwise."""

import enum
import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, NotExported, Record, plain


class Retention(enum.StrEnum):
    """How long work stays. Values are stored: none is ever renamed."""

    UNTIL_I_DELETE = "until_i_delete"
    DELETE_AFTER_30_DAYS = "delete_after_30_days"
    DELETE_AFTER_90_DAYS = "delete_after_90_days"
    DELETE_AFTER_365_DAYS = "delete_after_365_days"
    AT_PROJECT_END = "at_project_end"


PERIODS = {
    Retention.DELETE_AFTER_30_DAYS: timedelta(days=30),
    Retention.DELETE_AFTER_90_DAYS: timedelta(days=90),
    Retention.DELETE_AFTER_365_DAYS: timedelta(days=365),
}
"""The settings that count from when a thing was made. A day is 24 hours: the moment is exact to the second."""


class RetentionSetting(Record):
    """One choice: of an account (`place_id` is the contributor's) or of a project, which then goes by its own.

    `set_at` is since when it holds: nothing that a shorter choice reaches goes before the notice that counts from it.
    `announced_until` is up to when the contributor was told what goes.
    """

    __tablename__ = "retention_settings"
    card = DataCard(
        subject="owner_id",
        retention="account",
        export=Exported("retention_settings.jsonl"),
        within={"project": "project_id"},
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    place_id: Mapped[uuid.UUID] = plain(unique=True)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID | None] = plain(index=True)
    setting: Mapped[Retention] = plain()
    project_ends_at: Mapped[datetime | None] = plain()
    set_at: Mapped[datetime] = plain(default=now)
    announced_until: Mapped[datetime | None] = plain()


class RetentionSweep(Record):
    """When retention was last swept by a clock that was believed. One row."""

    __tablename__ = "retention_sweeps"
    card = DataCard(subject=None, retention="platform", export=NotExported("says when the platform swept, of nobody"))

    id: Mapped[int] = plain(primary_key=True, autoincrement=False)
    swept_at: Mapped[datetime] = plain()


def choose(
    session: Session,
    owner_id: uuid.UUID,
    project_id: uuid.UUID | None,
    setting: Retention,
    ends_at: datetime | None,
    moment: datetime,
) -> RetentionSetting:
    """Keep a choice in the place of the one before. The same choice again changes nothing, its notice included."""
    place = project_id or owner_id
    row = of_place(session, place)
    if row is None:
        row = RetentionSetting(id=new_id(), place_id=place, owner_id=owner_id, project_id=project_id)
        session.add(row)
    elif (row.setting, row.project_ends_at) == (setting, ends_at):
        return row
    row.setting, row.project_ends_at, row.set_at, row.announced_until = setting, ends_at, moment, None
    return row


def of_place(session: Session, place: uuid.UUID) -> RetentionSetting | None:
    """What was chosen for this project or account itself, if anything was."""
    return session.scalar(select(RetentionSetting).where(RetentionSetting.place_id == place).with_for_update())


def swept_at(session: Session) -> datetime | None:
    """When retention was last swept by a clock that was believed."""
    return session.scalar(select(RetentionSweep.swept_at))


def note_sweep(session: Session, moment: datetime) -> None:
    """Note that it was swept at `moment`."""
    session.merge(RetentionSweep(id=1, swept_at=moment))

"""How long a contributor wants their work to stay: for the account, and for single projects otherwise."""

import enum
import uuid
from datetime import datetime, timedelta

from sqlalchemy.orm import Mapped

from storage.clock import now
from storage.ids import new_id
from storage.records import DataCard, Exported, Record, plain


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
    project_id: Mapped[uuid.UUID | None] = plain()
    setting: Mapped[Retention] = plain()
    project_ends_at: Mapped[datetime | None] = plain()
    set_at: Mapped[datetime] = plain(default=now)
    announced_until: Mapped[datetime | None] = plain()

"""What is due: the moment at which a thing goes by its contributor's choice, exact to the second, and never before.

A thing goes its period after it was made, and no earlier than the notice after that choice was made. A prompt goes with
its outputs, when the youngest of them is due. With `at_project_end` the whole project goes at the end that was named.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, exists, func, select, type_coerce
from sqlalchemy.orm import Session

from storage import legal_holds
from storage.assets import Asset
from storage.contributors import Contributor, ContributorStatus
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.outputs import Output
from storage.projects import Project
from storage.prompts import Prompt
from storage.records import Record
from storage.retention.settings import PERIODS, Retention, RetentionSetting

_MODELS: dict[DeletionScope, type[Record]] = {DeletionScope.ASSET: Asset, DeletionScope.PROMPT: Prompt}


@dataclass(frozen=True)
class Choice:
    """A contributor's choice as it holds. `known` is None where the stored word is none that this program knows."""

    id: uuid.UUID
    owner_id: uuid.UUID
    project_id: uuid.UUID | None
    known: Retention | None
    ends_at: datetime | None
    set_at: datetime
    announced_until: datetime | None

    def due_at(self, made_at: datetime, notice: timedelta) -> datetime | None:
        """When a thing made at `made_at` goes; None: not by this choice."""
        if self.known not in PERIODS:
            return None
        return max(made_at + PERIODS[self.known], self.set_at + notice)

    def ends(self, notice: timedelta) -> datetime | None:
        """When the whole project goes; None: not by this choice."""
        if self.known is not Retention.AT_PROJECT_END or self.ends_at is None:
            return None
        return max(self.ends_at, self.set_at + notice)


@dataclass(frozen=True)
class Due:
    """One thing that goes, and when."""

    scope: DeletionScope
    object_id: uuid.UUID
    at: datetime


def choices(session: Session, owner_id: uuid.UUID | None = None) -> list[Choice]:
    """Every choice that is stored, or those of one contributor; also one that this program can't read."""
    columns: Any = (
        RetentionSetting.id,
        RetentionSetting.owner_id,
        RetentionSetting.project_id,
        type_coerce(RetentionSetting.setting, String).label("word"),
        RetentionSetting.project_ends_at,
        RetentionSetting.set_at,
        RetentionSetting.announced_until,
    )
    statement = select(*columns).order_by(RetentionSetting.id)
    if owner_id is not None:
        statement = statement.where(RetentionSetting.owner_id == owner_id)
    words = {each.value: each for each in Retention}
    return [
        Choice(
            row.id,
            row.owner_id,
            row.project_id,
            words.get(row.word),
            row.project_ends_at,
            row.set_at,
            row.announced_until,
        )
        for row in session.execute(statement)
    ]


def still_holds(session: Session, choice: Choice) -> bool:
    """Whether it is still what the contributor wants."""
    mine = [each for each in choices(session, choice.owner_id) if each.id == choice.id]
    return [(each.known, each.ends_at, each.set_at) for each in mine] == [(choice.known, choice.ends_at, choice.set_at)]


def going(
    session: Session, choice: Choice, after: datetime | None, until: datetime, notice: timedelta
) -> Iterator[Due]:
    """What goes by `choice` later than `after` and not later than `until`, without what is on its way out already.

    What a legal hold keeps is left out. Streamed: of any number, a few are in memory at a time.
    """
    end = choice.ends(notice)
    if choice.project_id is not None and end is not None:
        if (after is None or end > after) and end <= until:
            rows = select(Project.id).where(Project.id == choice.project_id, _loose(Project))
            yield from (Due(DeletionScope.PROJECT, row_id, end) for row_id in session.scalars(rows).all())
        return
    if choice.known not in PERIODS or choice.set_at + notice > until:
        return
    latest = until - PERIODS[choice.known]
    for scope, model in _MODELS.items():
        made: Any = Asset.created_at if model is Asset else _last_made()
        row: Any = model
        theirs = (
            row.owner_id == choice.owner_id,
            _in_place(row, choice),
            row.created_at <= latest,
            _loose(model),
        )
        statement = select(row.id, made.label("made_at")).where(*theirs).order_by(row.id)
        for row_id, made_at in session.execute(statement.execution_options(yield_per=1000)):
            at = choice.due_at(made_at, notice)
            if at is not None and at <= until and (after is None or at > after):
                yield Due(scope, row_id, at)


def is_active(session: Session, owner_id: uuid.UUID) -> bool:
    """Whether the account is in use: of one on its way out everything goes anyway."""
    active = (Contributor.id == owner_id) & (Contributor.status == ContributorStatus.ACTIVE)
    return session.scalar(select(Contributor.id).where(active)) is not None


def announce(session: Session, choice: Choice, until: datetime) -> None:
    """Note that the contributor was told what goes up to `until`."""
    row = session.get(RetentionSetting, choice.id)
    if row is not None and row.set_at == choice.set_at:
        row.announced_until = until


def _in_place(row: Any, choice: Choice) -> ColumnElement[bool]:
    if choice.project_id is not None:
        return row.project_id == choice.project_id  # type: ignore[no-any-return]
    own = exists().where(RetentionSetting.project_id == row.project_id)
    return ~own


def _last_made() -> ColumnElement[datetime]:
    youngest = select(func.max(Output.created_at)).where(Output.prompt_id == Prompt.id).scalar_subquery()
    return type_coerce(func.coalesce(youngest, Prompt.created_at), Prompt.created_at.type)


def _loose(model: Any) -> ColumnElement[bool]:
    leaving = exists().where(Deletion.object_id == model.id, Deletion.status != DeletionStatus.ERASED)
    return and_(~leaving, ~legal_holds.held(model))

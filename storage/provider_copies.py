"""Copies that went elsewhere: which provider of models was sent which work, and until when it may keep it.

A line is written before anything is sent. What a model on this machine is given makes none. The lines go with the work;
what they said stays in the deletion and its certificate. Beside them stands each question, under the id by which the
provider knows its answer: by that it can be asked to delete it.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Select, func, select, update
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.ids import new_id
from storage.prompts import Prompt
from storage.records import DataCard, Exported, NotExported, Record, plain

_UNLOADED = {"synchronize_session": False}
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class ProviderCopy(Record):
    """A work that a provider of models was sent: a prompt, or an asset with one. `times`: failed attempts count."""

    __tablename__ = "provider_copies"
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=Exported("provider_copies.jsonl"),
        within={"prompt": "prompt_id", "asset": "asset_id", "project": "project_id"},
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID] = plain(index=True)
    prompt_id: Mapped[uuid.UUID] = plain(ForeignKey("prompts.id"), index=True)
    asset_id: Mapped[uuid.UUID | None] = plain(index=True)
    provider: Mapped[str] = plain()
    model: Mapped[str] = plain()
    times: Mapped[int] = plain(default=0)
    first_sent_at: Mapped[datetime] = plain(default=now)
    last_sent_at: Mapped[datetime] = plain(default=now)
    expires_at: Mapped[datetime | None] = plain()


class ProviderCall(Record):
    """One question to a provider of models, and one work that was sent with it; `call_id` is that of the question.

    `reference` is the id under which the provider made its answer, None while it said none; `output_id` is what we made
    of the answer, None where we made nothing of it.
    """

    __tablename__ = "provider_calls"
    card = DataCard(
        subject="owner_id",
        retention="user_content",
        export=NotExported("numbers by which a provider finds an answer; what it was sent is in provider_copies.jsonl"),
        within={"prompt": "prompt_id", "asset": "asset_id", "output": "output_id", "project": "project_id"},
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    call_id: Mapped[uuid.UUID] = plain(index=True)
    owner_id: Mapped[uuid.UUID] = plain(index=True)
    project_id: Mapped[uuid.UUID] = plain(index=True)
    prompt_id: Mapped[uuid.UUID] = plain(ForeignKey("prompts.id"), index=True)
    asset_id: Mapped[uuid.UUID | None] = plain(index=True)
    output_id: Mapped[uuid.UUID | None] = plain(index=True)
    provider: Mapped[str] = plain()
    model: Mapped[str] = plain()
    reference: Mapped[str | None] = plain()
    sent_at: Mapped[datetime] = plain(default=now)


@dataclass(frozen=True)
class Elsewhere:
    """What one provider was sent. `expires_at`: when the last of it is gone there; None: nobody has said."""

    provider: str
    model: str
    works: int
    times: int
    last_sent_at: datetime
    expires_at: datetime | None


def note(
    session: Session, prompt: Prompt, assets: Iterable[uuid.UUID], provider: str, model: str, keeps: timedelta | None
) -> uuid.UUID:
    """Write down that a prompt, and assets with it, are about to be sent; answers the id of this question.

    The caller holds the prompt's row.
    """
    moment, call = now(), new_id()
    mine = select(ProviderCopy).where(ProviderCopy.prompt_id == prompt.id, ProviderCopy.provider == provider)
    known = {row.asset_id: row for row in session.scalars(mine.where(ProviderCopy.model == model))}
    own = {"owner_id": prompt.owner_id, "project_id": prompt.project_id, "prompt_id": prompt.id}
    for asset in (None, *assets):
        row = known.get(asset)
        if row is None:
            row = ProviderCopy(**own, asset_id=asset, provider=provider, model=model, times=0, first_sent_at=moment)
            session.add(row)
        row.times += 1
        row.last_sent_at, row.expires_at = moment, None if keeps is None else moment + keeps
        question = ProviderCall(**own, call_id=call, asset_id=asset, provider=provider, model=model, sent_at=moment)
        session.add(question)
    session.flush()
    return call


def name(session: Session, call: uuid.UUID, reference: str) -> None:
    """Keep the id under which the provider makes its answer. What can't be one is left out, as if it had said none."""
    if _REFERENCE.fullmatch(reference):
        mine = update(ProviderCall).where(ProviderCall.call_id == call)
        session.execute(mine.values(reference=reference), execution_options=_UNLOADED)


def answered(session: Session, call: uuid.UUID, output_id: uuid.UUID) -> None:
    """Tie a question to what was made of its answer: with that it goes."""
    mine = update(ProviderCall).where(ProviderCall.call_id == call)
    session.execute(mine.values(output_id=output_id), execution_options=_UNLOADED)


def sent_of(session: Session, allowed: Select[Any], person_id: uuid.UUID) -> list[Elsewhere]:
    """Of the copies that a door lets through, what of this person's each provider was sent."""
    return list(elsewhere(session, allowed.where(ProviderCopy.owner_id == person_id)))


def elsewhere(session: Session, copies: Select[Any]) -> Iterator[Elsewhere]:
    """Of these copies, what each provider was sent."""
    each = copies.order_by(None).with_only_columns(*ProviderCopy.__table__.columns).subquery()
    who = (each.c.provider, each.c.model)
    unsaid = func.count() - func.count(each.c.expires_at)
    columns = (func.count(), func.sum(each.c.times), func.max(each.c.last_sent_at), func.max(each.c.expires_at), unsaid)
    for provider, model, works, times, last, until, open_ones in session.execute(
        select(*who, *columns).group_by(*who).order_by(*who)
    ):
        yield Elsewhere(provider, model, works, int(times), last, None if open_ones else until)

"""Reconciling: what agents did, as the records show it, against what the trail says they did, run by run.

The records and the trail are written together, so that both show the same count; this is the check that they do. It
compares what both still have: what was erased has left no record, and a run whose first entries went to the archive is
checked there.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, true
from sqlalchemy.orm import Session

from storage.exports import Export, ExportStatus
from storage.ledger import archiving
from storage.ledger.entries import AuditEvent
from storage.ledger.events import Event, OutputImported, PromptImported
from storage.outputs import Output
from storage.prompts import Prompt, PromptStatus, PromptStep, StepStatus

_ENDED = (PromptStatus.COMPLETED, PromptStatus.FAILED, PromptStatus.CANCELLED)
_MOST = 1000


@dataclass(frozen=True)
class Gap:
    """What was done `executed` times to `about`, and has `recorded` entries of `action`."""

    action: str
    about: uuid.UUID
    executed: int
    recorded: int


def gaps(session: Session) -> list[Gap]:
    """Where records and trail do not tell the same, up to 1,000 of each kind. Empty: every step has its entry."""
    found = []
    for action, executed in _executed(_since(session)):
        done = executed.subquery()
        entries = (
            select(func.count())
            .where(AuditEvent.action == action, AuditEvent.resource_id == done.c.about)
            .scalar_subquery()
        )
        both = select(done.c.about, done.c.executed, entries.label("recorded")).subquery()
        unlike = select(both).where(both.c.executed != both.c.recorded).order_by(both.c.about).limit(_MOST)
        found += [Gap(action, row.about, row.executed, row.recorded) for row in session.execute(unlike)]
    return found


def _executed(since: datetime | None) -> Iterator[tuple[str, Select[Any, int]]]:
    """Per kind of entry, how often each thing was done."""
    steps: Select[Any, int] = select(PromptStep.prompt_id.label("about"), func.count().label("executed")).join(
        Prompt, Prompt.id == PromptStep.prompt_id
    )
    ended = (PromptStep.status != StepStatus.RUNNING) & _made_here(PromptStep.prompt_id, PromptImported)
    yield "run.step_finished", steps.where(ended, _from(Prompt.created_at, since)).group_by(PromptStep.prompt_id)
    ran = Prompt.status.in_(_ENDED) & _made_here(Prompt.id, PromptImported)
    yield "run.finished", _each(Prompt.id).where(ran, _from(Prompt.created_at, since))
    yield (
        "output.stored",
        _each(Output.id).where(_made_here(Output.id, OutputImported), _from(Output.created_at, since)),
    )
    yield "export.built", _each(Export.id).where(Export.status == ExportStatus.READY, _from(Export.created_at, since))


def _made_here(thing: Any, imported: type[Event]) -> ColumnElement[bool]:
    """That a thing did not come out of an archive: what made it then stands in another trail."""
    return ~exists().where(AuditEvent.action == imported.action, AuditEvent.resource_id == thing)


def _each(key: Any) -> Select[Any, int]:
    return select(key.label("about"), func.count().label("executed")).group_by(key)


def _from(created: Any, since: datetime | None) -> ColumnElement[bool]:
    return true() if since is None else created >= since


def _since(session: Session) -> datetime | None:
    """From when on the database has every entry; None where none ever left it."""
    if archiving.first_kept(session) == 0:
        return None
    return session.scalar(select(func.min(AuditEvent.timestamp)))

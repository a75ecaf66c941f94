"""Sweeping: (1) is the clock sound, (2) who is told what goes soon, (3) what is due goes, by a deletion of its own.

Nothing goes that was not told before, in an earlier sweep. What goes is destroyed by the erasures agent, counted by the
verifier and certified, as if its contributor had asked; a legal hold keeps it as well. Safe to run again at any moment.
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from agents import loops
from agents.erasures import WORKFLOW
from agents.retention.clocks import Clock, Verdict
from agents.runtime import Agents
from policies.actions import Action
from policies.errors import Refused
from resolvers.notices import issue
from storage import accounts, legal_holds
from storage.assets import Asset
from storage.database import transaction
from storage.deletions import Deletion, DeletionOrigin, DeletionScope
from storage.ids import new_id
from storage.ledger.events import (
    RetentionAnnounced,
    RetentionExpired,
    RetentionFinding,
    RetentionHalted,
    RetentionProblem,
)
from storage.notices import NoticeKind
from storage.projects import Project
from storage.prompts import Prompt
from storage.retention import due, schedule, settings
from storage.retention.due import Choice, Due
from storage.retention.forecasts import added_up, notice_of

NAME = "retention"

_MODELS: Mapping[DeletionScope, Any] = {
    DeletionScope.ASSET: Asset,
    DeletionScope.PROMPT: Prompt,
    DeletionScope.PROJECT: Project,
}
_log = structlog.get_logger("muniment.retention")
_MOST_TOLD = 10_000
"""Problems that are remembered as logged."""


@dataclass
class Swept:
    """What a sweep did, or with `dry_run` would have done."""

    verdict: Verdict
    gone: Counter[DeletionScope] = field(default_factory=Counter)
    announced: Counter[DeletionScope] = field(default_factory=Counter)
    problems: list[RetentionProblem] = field(default_factory=list)


class Sweeper:
    """The retention agent of one process. `notice` is how long before a contributor is told."""

    def __init__(self, agents: Agents, notice: timedelta, clock: Clock | None = None) -> None:
        self._agents = agents
        self._notice = notice
        self._clock = clock or Clock()
        self._told: set[tuple[uuid.UUID | None, RetentionProblem]] = set()
        self._verdict = Verdict.SOUND

    def sweep(self, *, dry_run: bool = False) -> Swept:
        """Do what is due at this moment; with `dry_run` only count it. Raises StandStill in a lock-down."""
        self._agents.go_on(NAME)
        with transaction(self._agents.store.engine, read_only=True) as session:
            last, found = settings.swept_at(session), due.choices(session)
        moment, verdict = self._clock.read(last)  # (1)
        swept = Swept(verdict)
        if not dry_run:
            self._judge(verdict)
        if verdict is not Verdict.SOUND:
            return swept
        if schedule.unscheduled():
            self._find(swept, None, None, RetentionProblem.UNSCHEDULED_TYPE, dry_run)

        def one(choice: Choice) -> None:
            self._agents.go_on(NAME)
            if choice.known is None:
                self._find(swept, choice.id, choice.owner_id, RetentionProblem.UNKNOWN_SETTING, dry_run)
                return
            self._announce(swept, choice, moment, dry_run)  # (2)
            self._expire(swept, choice, moment, dry_run)  # (3)

        store, scope = self._agents.store, self._agents.own_scope(NAME)
        loops.each(store, scope, "retention", found, lambda choice: choice.id, one)
        if not dry_run:
            with transaction(self._agents.store.engine) as session:
                settings.note_sweep(session, moment)
        return swept

    def _announce(self, swept: Swept, choice: Choice, moment: datetime, dry_run: bool) -> None:
        until = moment + self._notice
        with transaction(self._agents.store.engine, read_only=True) as session:
            if not due.is_active(session, choice.owner_id):
                return
            soon = list(due.going(session, choice, choice.announced_until, until, self._notice))
        counts = Counter(thing.scope for thing in soon)
        swept.announced += counts
        if dry_run:
            return
        with self._agents.acting(NAME, choice.owner_id, run=choice.id) as (work, _access):
            due.announce(work.session, choice, until)
            if soon:
                first = min(thing.at for thing in soon)
                title, body = notice_of(added_up(soon, moment))
                issue(work, choice.owner_id, NoticeKind.RETENTION, title, body, first)
                work.record(
                    RetentionAnnounced(
                        resource_id=choice.id,
                        subject_id=choice.owner_id,
                        asset_count=counts[DeletionScope.ASSET],
                        prompt_count=counts[DeletionScope.PROMPT],
                        project_count=counts[DeletionScope.PROJECT],
                        first_in_seconds=max(0, int((first - moment).total_seconds())),
                    )
                )

    def _expire(self, swept: Swept, choice: Choice, moment: datetime, dry_run: bool) -> None:
        if choice.announced_until is None:
            return  # told just now; the next sweep takes it up
        until = min(moment, choice.announced_until)
        with transaction(self._agents.store.engine, read_only=True) as session:
            if not due.is_active(session, choice.owner_id):
                return
            over = list(due.going(session, choice, None, until, self._notice))
        for thing in over:
            self._agents.go_on(NAME)
            if dry_run or self._let_go(choice, thing):
                swept.gone[thing.scope] += 1

    def _let_go(self, choice: Choice, thing: Due) -> bool:
        """Have one thing destroyed, unless its contributor has just changed their mind, or it is kept, or gone."""
        try:
            with self._agents.acting(NAME, choice.owner_id, run=thing.object_id) as (work, access):
                access.get(_MODELS[thing.scope], thing.object_id, Action.EXPIRE)
                if choice.known is None or not due.still_holds(work.session, choice):
                    return False
                deletion = Deletion(
                    id=new_id(),
                    owner_id=choice.owner_id,
                    scope=thing.scope,
                    object_id=thing.object_id,
                    origin=DeletionOrigin.RETENTION,
                )
                if legal_holds.keeps(work.session, deletion):
                    return False
                accounts.add_unique(work.session, deletion)
                work.record(
                    RetentionExpired(
                        resource_id=deletion.id,
                        subject_id=choice.owner_id,
                        scope=thing.scope,
                        object_id=thing.object_id,
                        setting=choice.known,
                        late_seconds=max(0, int((work.now - thing.at).total_seconds())),
                    )
                )
                work.enqueue(WORKFLOW, deletion.id, owner=choice.owner_id)
        except (Refused, accounts.AlreadyExists):
            return False  # it is gone, or going
        return True

    def _judge(self, verdict: Verdict) -> None:
        if verdict is not self._verdict and verdict is not Verdict.SOUND:
            _log.error("retention halts: the clock is not to be believed", verdict=verdict.value)
            with self._agents.acting(NAME, None, run=uuid.uuid4()) as (work, _access):
                work.record(RetentionHalted(resource_id=None, subject_id=None, went_back=verdict is Verdict.WENT_BACK))
        self._verdict = verdict

    def _find(
        self, swept: Swept, setting: uuid.UUID | None, owner: uuid.UUID | None, problem: RetentionProblem, dry_run: bool
    ) -> None:
        """A setting or a type that nobody decided about is never kept in silence."""
        swept.problems.append(problem)
        if dry_run or (setting, problem) in self._told:
            return
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add((setting, problem))
        _log.error("retention can't tell how long something stays", problem=problem.value, setting_id=str(setting))
        with self._agents.acting(NAME, owner, run=setting or uuid.uuid4()) as (work, _access):
            work.record(RetentionFinding(resource_id=setting, subject_id=owner, problem=problem))

"""One run of the generation agent: its transactions, its steps but the writing itself, and its end."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agents.generation import briefs, budgets, styles
from agents.generation.budgets import Spent
from agents.models.failures import ModelError
from agents.models.providers import Facts
from agents.runtime import PASSING, Agents
from agents.turns import Stopping, TryLater
from policies.access import Access
from policies.actions import Action
from policies.errors import Refused
from storage import runs
from storage.ledger import events, trail
from storage.ledger.events import Identifier, Outcome, RefusalCode, Resource
from storage.prompts import Prompt, PromptStatus, PromptStep, StepName, StepStatus
from storage.work import UnitOfWork

NAME = "generation"
"""The agent's name in policy.polar and in the trail."""

_CLOSE_RETRY_SECONDS = (0.5, 2.0, 8.0, 20.0)


class Ended(Exception):
    """The run is not to go on: cancelled, no longer allowed (`refusal`), or its prompt is gone."""

    def __init__(self, refusal: Refused | None = None) -> None:
        super().__init__()
        self.refusal = refusal


@dataclass(frozen=True)
class Run:
    """A prompt being worked on. Every transaction asks again whether that is still wanted and still allowed."""

    agents: Agents
    prompt_id: uuid.UUID
    assignment: runs.Assignment
    spent: Spent = field(default_factory=Spent)

    @property
    def people(self) -> frozenset[uuid.UUID]:
        """Whose it is: the words are their author's, the assets the project owner's."""
        return frozenset({self.assignment.author_id, self.assignment.owner_id})

    @contextmanager
    def working(self) -> Iterator[tuple[UnitOfWork, Access, Prompt]]:
        """One transaction in which the run is wanted and allowed. Raises Ended if it is not."""
        self.agents.go_on()
        author_id, owner_id = self.assignment.author_id, self.assignment.owner_id
        with self.agents.acting(NAME, author_id, run=self.prompt_id) as (work, access):
            if runs.claim(work.session, self.prompt_id) is None:
                raise Ended
            try:
                prompt = access.get(Prompt, self.prompt_id, Action.GENERATE)
            except Refused as refusal:
                raise Ended(refusal) from None
            unwanted = prompt.cancel_requested_at is not None or prompt.status in runs.ENDED
            if unwanted or not runs.all_active(work.session, author_id, owner_id):
                raise Ended
            yield work, access, prompt

    def take_up(self) -> int:
        """Begin, or begin again after a crash. Answers how many variations are asked for."""
        try:
            provider = self.facts().provider
        except ModelError:
            provider = "none"  # each variation will say so, with the code
        with self.working() as (work, _, prompt):
            prompt.status = PromptStatus.RUNNING
            self._recall_spent()
            self.spent.variations = prompt.variations
            if prompt.yielded_at is not None:  # it goes on: that it began was said
                prompt.yielded_at = None
                return prompt.variations
            work.record(
                events.RunStarted(
                    resource_id=prompt.id,
                    subject_id=prompt.owner_id,
                    project_id=prompt.project_id,
                    variations=prompt.variations,
                    model_used=Identifier(prompt.model),
                    provider=Identifier(provider),
                )
            )
            return prompt.variations

    def stand_back(self) -> None:
        """Between two variations: let a contributor who waits and has no run at work go first.

        Raises TryLater, with the run as it is: it goes on with the next variation when its turn has come.
        """
        if not self.agents.others_wait():
            return
        with self.working() as (work, _, prompt):
            prompt.yielded_at = work.now
        self.agents.spent.put(self.prompt_id, (self.spent.calls, self.spent.seconds))
        raise TryLater(0.0, behind=True)

    def _recall_spent(self) -> None:
        kept = self.agents.spent.pop(self.prompt_id)
        if isinstance(kept, tuple):
            self.spent.calls, self.spent.seconds = kept

    def read_brief(self) -> bool:
        """Open brief and assets once, to see that they open. Answers whether the run can go on."""
        with self.working() as (work, _, prompt):
            step = runs.begin_step(work.session, prompt, StepName.READ_BRIEF)
            if step.status is not StepStatus.RUNNING:
                return step.status is StepStatus.DONE
        try:
            self.brief()
        except (Ended, *PASSING):
            raise
        except Exception as error:
            self.end_step(StepName.READ_BRIEF, StepStatus.FAILED, failure=code_of(error))
            return False
        self.end_step(StepName.READ_BRIEF, StepStatus.DONE)
        return True

    def analyze_style(self) -> None:
        """Learn from this brief how its author writes, if they let us; else say that the step was skipped."""
        author_id = self.assignment.author_id
        with self.working() as (work, access, prompt):
            step = runs.begin_step(work.session, prompt, StepName.ANALYZE_STYLE)
            if step.status is not StepStatus.RUNNING:
                return
            if not briefs.learning_allowed(work, access, author_id):
                runs.forget_style(work.session, author_id)  # it was learned while they allowed it
                record_end(work, prompt, step, StepStatus.SKIPPED)
                return
            known = briefs.learned_style(work, access, author_id)
            learned = styles.learn(known, work.vault.open(prompt, "text"))
            work.vault.seal(runs.style_profile(work.session, author_id), profile=learned)
            record_end(work, prompt, step, StepStatus.DONE)

    def brief(self) -> briefs.Brief:
        """The brief as it may be read now. Raises Ended if it may not."""
        try:
            return briefs.read(self.agents, NAME, self.assignment.author_id, self.prompt_id)
        except Refused as refusal:
            raise Ended(refusal) from None

    def facts(self) -> Facts:
        """Where the answers of this run's model come from."""
        return self.agents.models.facts(self.assignment.model)

    def end_step(self, name: StepName, status: StepStatus, variation: int = 0, *, failure: str | None = None) -> None:
        """End a step in a transaction of its own."""
        with self.working() as (work, _, prompt):
            record_end(work, prompt, runs.begin_step(work.session, prompt, name, variation), status, failure)

    def close(self, *, stopped: bool = False, broken: bool = False, refusal: Refused | None = None) -> None:
        """End the run so that its counts add up: asked = stored + failed + cancelled."""
        for wait in _CLOSE_RETRY_SECONDS:
            try:
                return self._close(stopped, broken, refusal)
            except Exception:
                self.agents.pause(wait)  # the key store or the database may come back
        raise Stopping  # not even this could be written: the run stays as it is, and the next start takes it up

    def _close(self, stopped: bool, broken: bool, refusal: Refused | None) -> None:
        # On nobody's behalf: a run whose author may do nothing any more must still add up. It opens nothing.
        with self.agents.acting(NAME, None, run=self.prompt_id) as (work, _):
            prompt = runs.claim(work.session, self.prompt_id)
            if prompt is None or prompt.status in runs.ENDED or not runs.all_active(work.session, prompt.owner_id):
                return
            if refusal is not None:
                denied = events.AccessDenied(
                    resource_id=prompt.id,
                    subject_id=prompt.owner_id,
                    resource_kind=Resource.PROMPT,
                    attempted=Identifier(refusal.action.value),
                    code=RefusalCode(refusal.code),
                )
                work.record(denied, Outcome.DENIED)
            for step in runs.steps(work.session, prompt.id):
                record_end(work, prompt, step, StepStatus.CANCELLED if stopped else StepStatus.FAILED)
            finish = runs.begin_step(work.session, prompt, StepName.FINISH)
            runs.close(prompt, stopped=stopped, broken=broken)
            record_end(work, prompt, finish, StepStatus.DONE)
            work.record(
                events.RunFinished(
                    resource_id=prompt.id,
                    subject_id=prompt.owner_id,
                    project_id=prompt.project_id,
                    asked=prompt.variations,
                    stored=prompt.stored,
                    failed=prompt.failed,
                    cancelled=prompt.cancelled,
                    model_calls=self.spent.calls,
                    model_seconds=int(self.spent.seconds),
                ),
                Outcome.SUCCESS if prompt.stored or stopped else Outcome.FAILED,
            )
            self._judge(work, prompt)

    def _judge(self, work: UnitOfWork, prompt: Prompt) -> None:
        """Say in the trail if this run spent more than it may, or far more than usual."""
        since, usual = work.now - budgets.USUAL, []
        if self.spent.is_long:  # else nothing is asked: up to a thousand entries are read for it
            usual = trail.details_since(work.session, events.RunFinished.action, since, str(work.scope.component))
        found = budgets.judge(self.spent, usual)
        if found is not None:
            over = events.RunOverspent(
                resource_id=prompt.id,
                subject_id=prompt.owner_id,
                project_id=prompt.project_id,
                budget=found.budget,
                spent=found.spent,
                allowed=found.allowed,
            )
            work.record(over, Outcome.FAILED)


def record_end(
    work: UnitOfWork, prompt: Prompt, step: PromptStep, status: StepStatus, failure: str | None = None
) -> None:
    """End a step and enter that in the trail, in the caller's transaction; nothing happens if it had ended before."""
    if runs.end_step(prompt, step, status, failure):
        work.record(
            events.RunStepFinished(
                resource_id=prompt.id,
                subject_id=prompt.owner_id,
                project_id=prompt.project_id,
                step=step.name,
                status=status,
                variation=step.variation,
            ),
            Outcome.FAILED if status is StepStatus.FAILED else Outcome.SUCCESS,
        )


def code_of(error: Exception) -> str:
    """The error's code. Its text may quote the brief, so nothing else of it is kept."""
    code = getattr(error, "code", None)
    return str(code) if isinstance(code, str) else "INTERNAL_ERROR"

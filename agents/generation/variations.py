"""Writing one variation: ask the model, show the text as it grows, store it with where it came from."""

import time
import uuid
from contextlib import closing
from dataclasses import dataclass, field

from agents.egress import Sending
from agents.generation.briefs import Brief
from agents.generation.running import NAME, Ended, Run, code_of, record_end
from agents.models.failures import ModelError
from agents.models.providers import Facts
from agents.runtime import PASSING, StandStill
from storage import provider_copies, runs
from storage.ledger import events
from storage.ledger.events import Identifier
from storage.outputs import Output
from storage.prompts import StepName, StepStatus
from storage.work import UnitOfWork

_SHOW_SECONDS = 0.3
_RETRY_SECONDS = (0.5, 2.0, 5.0)


@dataclass
class Question:
    """One question as the copies ledger knows it (None where nothing leaves), and its answer's id at the provider."""

    call: uuid.UUID | None
    names: list[str] = field(default_factory=list)
    named: bool = False

    def name(self, work: UnitOfWork) -> None:
        """Keep the provider's id of its answer, so that it can be asked to delete it."""
        if self.call is not None:
            provider_copies.name(work.session, self.call, self.names[0])


Answered = tuple[str, Question]


def write(run: Run, variation: int) -> None:
    """Make and store one variation; one that has ended already is left alone.

    Whatever goes wrong ends the step as FAILED with a code, and the run goes on with the next. Raises Ended, and what
    may pass, with the step as it was.
    """
    with run.working() as (work, _, prompt):
        step = runs.begin_step(work.session, prompt, StepName.GENERATE, variation)
        if step.status is not StepStatus.RUNNING:
            return
    try:
        brief = run.brief()
        text, question = _ask(run, brief, variation)
        _store(run, variation, text, len(brief.text), run.facts(), question.call)
    except (Ended, *PASSING):
        raise
    except Exception as error:
        run.end_step(StepName.GENERATE, StepStatus.FAILED, variation, failure=code_of(error))


def _ask(run: Run, brief: Brief, variation: int) -> Answered:
    """What the model answers. An answer that a lock-down breaks off is asked for anew when that is over."""
    while True:
        run.agents.stand_by(NAME)
        try:
            return _ask_patiently(run, brief, variation)
        except StandStill:
            continue


def _ask_patiently(run: Run, brief: Brief, variation: int) -> Answered:
    for wait in _RETRY_SECONDS:
        try:
            return _listen(run, brief, variation)
        except ModelError as error:
            if not error.transient:
                raise
        run.agents.pause(wait)
    return _listen(run, brief, variation)


def _listen(run: Run, brief: Brief, variation: int) -> Answered:
    run.spent.call()
    question = Question(_note_copies(run, brief))
    text, shown, looked_at, heard_at = "", "", 0.0, time.monotonic()
    answer = run.agents.models.stream(
        run.assignment.model,
        brief.messages(variation, run.agents.models.room(run.assignment.model)),
        sending=Sending(brief.categories, run.people, run.prompt_id),
        seed=brief.seed_of(variation),
        max_tokens=brief.max_tokens,
        temperature=brief.temperature,
        call=run.agents.call_behind(run.prompt_id),
        named=question.names.append,
    )
    try:
        with closing(answer):
            for piece in answer:
                text += piece
                run.agents.go_on(NAME)
                heard_at = _heard(run, heard_at)
                if time.monotonic() - looked_at < _SHOW_SECONDS:
                    continue
                _show(run, variation, text if text != shown else None, question)
                shown, looked_at = text, time.monotonic()
    finally:
        _name(run, question)
    return text.strip(), question


def _show(run: Run, variation: int, text: str | None, question: Question) -> None:
    named = bool(question.names)
    with run.working() as (work, _, prompt):
        if text is not None:
            work.vault.seal(runs.begin_step(work.session, prompt, StepName.GENERATE, variation), partial=text)
        if named and not question.named:
            question.name(work)
    question.named = named


def _name(run: Run, question: Question) -> None:
    """Whatever became of the run: a provider keeps what it said even if nobody here wanted to hear it any more."""
    if question.names and not question.named:
        with run.agents.acting(NAME, None, run=run.prompt_id) as (work, _):
            question.name(work)


def _heard(run: Run, since: float) -> float:
    """Count the time with the model up to now; answers now. Raises OverBudget."""
    moment = time.monotonic()
    run.spent.listen(moment - since)
    return moment


def _note_copies(run: Run, brief: Brief) -> uuid.UUID | None:
    """Write down what is about to leave this machine, and to whom, before any of it does; None where nothing does."""
    facts = run.facts()
    if not facts.leaves:
        return None
    with run.working() as (work, _, prompt):
        return provider_copies.note(work.session, prompt, brief.assets, facts.provider, facts.model, facts.keeps)


def _store(run: Run, variation: int, text: str, prompt_length: int, facts: Facts, call: uuid.UUID | None) -> None:
    with run.working() as (work, _, prompt):
        step = runs.begin_step(work.session, prompt, StepName.GENERATE, variation)
        if step.status is not StepStatus.RUNNING:
            return
        output = Output(
            owner_id=prompt.owner_id,
            project_id=prompt.project_id,
            prompt_id=prompt.id,
            variation=variation,
            byte_size=len(text.encode()),
            model=facts.model,
            model_digest=facts.digest,
            provider=facts.provider,
        )
        work.vault.seal(output, text=text)
        work.session.add(output)
        if call is not None:
            provider_copies.answered(work.session, call, output.id)
        work.record(
            events.OutputStored(
                resource_id=output.id,
                subject_id=prompt.owner_id,
                project_id=prompt.project_id,
                prompt_id=prompt.id,
                prompt_length=prompt_length,
                model_used=Identifier(facts.model),
                provider=Identifier(facts.provider),
                output_generated=True,
                data_classification=prompt.classification,
                variation=variation,
                byte_size=output.byte_size,
            )
        )
        record_end(work, prompt, step, StepStatus.DONE)

"""Writing one variation: ask the model, show the text as it grows, store it with where it came from."""

import time
from contextlib import closing

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

_SHOW_SECONDS = 0.3
_RETRY_SECONDS = (0.5, 2.0, 5.0)


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
        text = _ask(run, brief, variation)
        _store(run, variation, text, len(brief.text), run.facts())
    except (Ended, *PASSING):
        raise
    except Exception as error:
        run.end_step(StepName.GENERATE, StepStatus.FAILED, variation, failure=code_of(error))


def _ask(run: Run, brief: Brief, variation: int) -> str:
    """What the model answers. An answer that a lock-down breaks off is asked for anew when that is over."""
    while True:
        run.agents.stand_by(NAME)
        try:
            return _ask_patiently(run, brief, variation)
        except StandStill:
            continue


def _ask_patiently(run: Run, brief: Brief, variation: int) -> str:
    for wait in _RETRY_SECONDS:
        try:
            return _listen(run, brief, variation)
        except ModelError as error:
            if not error.transient:
                raise
        run.agents.pause(wait)
    return _listen(run, brief, variation)


def _listen(run: Run, brief: Brief, variation: int) -> str:
    run.spent.call()
    _note_copies(run, brief)
    text, shown, looked_at, heard_at = "", "", 0.0, time.monotonic()
    answer = run.agents.models.stream(
        run.assignment.model,
        brief.messages(variation, run.agents.models.room(run.assignment.model)),
        sending=Sending(brief.categories, run.people, run.prompt_id),
        seed=brief.seed_of(variation),
        max_tokens=brief.max_tokens,
        temperature=brief.temperature,
        call=run.agents.call_behind(run.prompt_id),
    )
    with closing(answer):
        for piece in answer:
            text += piece
            run.agents.go_on(NAME)
            heard_at = _heard(run, heard_at)
            if time.monotonic() - looked_at < _SHOW_SECONDS:
                continue
            with run.working() as (work, _, prompt):
                if text != shown:
                    step = runs.begin_step(work.session, prompt, StepName.GENERATE, variation)
                    work.vault.seal(step, partial=text)
            shown, looked_at = text, time.monotonic()
    return text.strip()


def _heard(run: Run, since: float) -> float:
    """Count the time with the model up to now; answers now. Raises OverBudget."""
    moment = time.monotonic()
    run.spent.listen(moment - since)
    return moment


def _note_copies(run: Run, brief: Brief) -> None:
    """Write down what is about to leave this machine, and to whom, before any of it does."""
    facts = run.facts()
    if facts.leaves:
        with run.working() as (work, _, prompt):
            provider_copies.note(work.session, prompt, brief.assets, facts.provider, facts.model, facts.keeps)


def _store(run: Run, variation: int, text: str, prompt_length: int, facts: Facts) -> None:
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

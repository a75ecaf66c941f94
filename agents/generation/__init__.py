"""The generation agent: a brief becomes N variations, each stored once, however often the run is interrupted.

Which step has been done stands in `prompt_steps`. A variation's output, its step's end, the prompt's counts and their
events are one transaction, so a run that was killed anywhere goes on where it was, and nothing is done twice.
"""

import uuid

from agents.generation.running import Ended, Run
from agents.generation.variations import write
from agents.runtime import Agents, patiently, register
from storage import runs
from storage.database import transaction

WORKFLOW = "generate"
"""What a use case queues with the prompt's id."""


def generate(agents: Agents, prompt_id: uuid.UUID) -> None:
    """Run a prompt to its end. Does nothing, quietly, if the prompt is gone or its run has ended."""
    with transaction(agents.store.engine, read_only=True) as session:
        assignment = runs.assignment(session, prompt_id)
    if assignment is None:
        return
    run = Run(agents, prompt_id, assignment)
    try:
        readable = patiently(agents, lambda: _work(run))
    except Ended as ended:
        run.close(stopped=True, refusal=ended.refusal)
    except Exception:
        run.close(broken=True)
        raise
    else:
        run.close(broken=not readable)


def _work(run: Run) -> bool:
    """Every step that is not done yet. Answers whether the brief could be read."""
    variations = run.take_up()
    if not run.read_brief():
        return False
    run.analyze_style()
    for variation in range(1, variations + 1):
        write(run, variation)
        if variation < variations:
            run.stand_back()
    return True


register(WORKFLOW, generate)

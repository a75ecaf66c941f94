"""Spreading: what was published becomes a notice of each person whom it concerns, some at a time, each once."""

import uuid
from functools import partial

from agents import loops
from agents.runtime import Agents, patiently
from agents.turns import TryLater
from resolvers.notices import issue
from storage import notices
from storage.database import transaction
from storage.keys.errors import KeyDestroyed

NAME = "notifier"
_AT_ONCE = 100
AGAIN_SECONDS = 3600.0
"""After how long those are told who could not be."""


def spread_notice(agents: Agents, published_id: uuid.UUID) -> None:
    """Tell everybody who was not told yet. Whoever is killed in the middle goes on where they were."""
    last, failed = None, False
    while True:
        told, last, some_failed = patiently(agents, partial(_some, agents, published_id, last))
        failed = failed or some_failed
        if told < _AT_ONCE:
            break
        agents.go_on()
    if failed:
        raise TryLater(AGAIN_SECONDS)  # those alone who were not told


def _some(agents: Agents, published_id: uuid.UUID, after: uuid.UUID | None) -> tuple[int, uuid.UUID | None, bool]:
    """Tell so many more; answers how many there were to tell, the last of them, and whether one is to be told later."""
    with transaction(agents.store.engine, read_only=True) as session:
        text = notices.published(session, published_id)
        if text is None:
            return 0, None, False
        left = notices.not_told(session, text, _AT_ONCE, after)
    failed = False
    for owner_id in left:
        agents.go_on()
        try:
            with agents.acting(NAME, owner_id, run=published_id) as (work, _access):
                issue(work, owner_id, text.kind, text.title, text.body, text.effective_at, published_id)
        except KeyDestroyed:
            continue  # their account was erased this moment: there is nobody to tell
        except Exception as error:
            if loops.may_pass(error):
                raise
            # The text is what is set aside, for an item is about nobody; whoever was not told is found by that again.
            failed = loops.set_aside(agents.store, agents.own_scope(NAME)(), "notices", published_id, error) or failed
    return len(left), left[-1] if left else None, failed

"""Spreading: what was published becomes a notice of each person whom it concerns, some at a time, each once."""

import uuid

from agents.runtime import Agents, patiently
from resolvers.notices import issue
from storage import notices
from storage.database import transaction
from storage.keys.errors import KeyDestroyed

NAME = "notifier"
_AT_ONCE = 100


def spread_notice(agents: Agents, published_id: uuid.UUID) -> None:
    """Tell everybody who was not told yet. Whoever is killed in the middle goes on where they were."""
    while patiently(agents, lambda: _some(agents, published_id)) == _AT_ONCE:
        agents.go_on()


def _some(agents: Agents, published_id: uuid.UUID) -> int:
    """Tell so many more; answers how many there were to tell."""
    with transaction(agents.store.engine, read_only=True) as session:
        text = notices.published(session, published_id)
        if text is None:
            return 0
        left = notices.not_told(session, text, _AT_ONCE)
    for owner_id in left:
        agents.go_on()
        try:
            with agents.acting(NAME, owner_id, run=published_id) as (work, _access):
                issue(work, owner_id, text.kind, text.title, text.body, text.effective_at, published_id)
        except KeyDestroyed:
            continue  # their account was erased this moment: there is nobody to tell
    return len(left)

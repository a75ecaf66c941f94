"""An agent that asks for what its part of the policy never gives gets nothing, and the trail says what it asked for."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from agents.runtime import Agents
from agents.sentinel.detecting import Detector
from policies.actions import Action
from policies.errors import Refused
from storage import pages
from storage.assets import Asset
from storage.clock import now
from storage.contributors import Contributor
from storage.database import transaction
from storage.ids import new_id
from storage.ledger import leaves
from storage.ledger.entries import AuditEvent
from storage.ledger.happenings import waiting
from storage.prompts import Prompt
from tests.agents.worlds import World

pytestmark = pytest.mark.one_database("sqlite", reason="what is never given is known before the database is asked")


def strayed(world: World) -> list[dict[str, Any]]:
    with transaction(world.store.engine, read_only=True) as session:
        chosen = select(AuditEvent.leaf).where(AuditEvent.action == "agent.strayed").order_by(AuditEvent.id)
        return [leaves.read(leaf) for leaf in session.scalars(chosen)]


def test_what_is_never_given_to_an_agent_is_told(world: World, agents: Agents) -> None:
    """By a list and by a single row, each once for a unit of work; and D12 hits, about the person it was for."""
    ada = world.contributor()
    prompt = world.submit(world.project(ada), ada)
    with pytest.raises(Refused), agents.acting("generation", ada, run=prompt) as (work, access):
        assert pages.fetch(work.session, access.select(Contributor, Action.READ_CONTACT)) == []
        access.get(Asset, new_id(), Action.DELETE)
    found = strayed(world)
    assert [(each["resource"], each["details"]["attempted"]) for each in found] == [
        ("asset", "delete"),
        ("contributor", "read_contact"),
    ]
    assert {(each["component"], each["outcome"]) for each in found} == {("agent:generation", "DENIED")}
    with transaction(world.store.engine, read_only=True) as session:
        entries = waiting(session, now().replace(year=2100), {"agent.strayed"})
    assert [(hit.detection.id, hit.owner_id, hit.actor_id) for hit in Detector().feed_all(entries)] == [
        ("D12", ada, None),
        ("D12", ada, None),
    ]


def test_what_was_withdrawn_is_no_stray(world: World, agents: Agents) -> None:
    """A prompt of somebody else's, one that is gone, and an agent for nobody: refused, as happens, and not told."""
    ada, ben = world.contributor(), world.contributor()
    prompt = world.submit(world.project(ada), ada)
    for whose, run, wanted in ((ben, prompt, prompt), (ada, prompt, uuid.uuid4()), (None, prompt, prompt)):
        with pytest.raises(Refused), agents.acting("generation", whose, run=run) as (_work, access):
            access.get(Prompt, wanted, Action.GENERATE)
    assert strayed(world) == []

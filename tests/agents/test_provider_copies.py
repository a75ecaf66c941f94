"""Copies at providers: written down before anything leaves, shown, and named by the certificate of a deletion."""

import base64
import json
import uuid
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from agents.erasures import erase
from agents.generation import generate
from agents.models.gateway import Gateway
from agents.models.providers import Ask, Facts
from agents.runtime import Agents
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.ids import new_id
from storage.provider_copies import ProviderCopy
from storage.services import EMBEDDED
from tests.agents.gates import Open
from tests.agents.standins import StandIn
from tests.agents.worlds import World


@dataclass
class Inside:
    """A model that runs on this machine."""

    model: str = "house-model"
    address: str = EMBEDDED
    parallel: int = 1
    room: int = 6000

    def facts(self) -> Facts:
        return Facts(self.model, "embedded")

    def answer(self, ask: Ask) -> Generator[str]:
        yield "From inside."

    def reachable(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is open."""


def lines(world: World) -> list[ProviderCopy]:
    with transaction(world.store.engine, read_only=True) as session:
        return list(session.scalars(select(ProviderCopy).order_by(ProviderCopy.id)))


def deleted(world: World, agents: Agents, owner: uuid.UUID, scope: DeletionScope, thing: uuid.UUID) -> dict[str, Any]:
    """What the certificate says, once the thing has been erased."""
    deletion = Deletion(id=new_id(), owner_id=owner, scope=scope, object_id=thing)
    with transaction(world.store.engine) as session:
        session.add(deletion)
        asked = deletion.id
    erase(agents, asked)
    with transaction(world.store.engine, read_only=True) as session:
        row = session.get_one(Deletion, asked)
    assert row.status is DeletionStatus.ERASED
    assert row.certificate is not None
    said: dict[str, Any] = json.loads(base64.b64decode(row.certificate["payload"]))["predicate"]
    return said


def test_what_is_sent_is_written_down_and_its_end_is_certified(
    world: World, agents: Agents, gateway: Gateway, stand_in: StandIn
) -> None:
    """A line for the prompt and for each asset, times counted; deleting one of them says where its copy lies, until when."""
    owner = world.contributor()
    project = world.project(owner)
    note, other = (world.asset(owner, project, "text/plain", b"Salt and rope.", name) for name in ("Notes", "More"))
    prompt = world.submit(project, owner, assets=(note, other), variations=2)
    gateway._providers["house-model"].keeps = timedelta(days=30)  # type: ignore[attr-defined]
    generate(agents, prompt)
    host = stand_in.url.split("/")[2]
    found = lines(world)
    assert {(each.asset_id, each.provider, each.model, each.times) for each in found} == {
        (asset, host, "house-model", 2) for asset in (None, note, other)
    }
    assert {each.expires_at for each in found} == {each.last_sent_at + timedelta(days=30) for each in found}
    last = max(each.last_sent_at for each in found)

    [copy] = deleted(world, agents, owner, DeletionScope.ASSET, note)["copies"]
    assert (copy["location"], copy["works"], copy["times"]) == (host, 1, 2)
    assert copy["expiresAt"] == (last + timedelta(days=30)).isoformat()
    assert copy["result"] == f"it can't be asked to delete; expires there by {copy['expiresAt']}"
    assert {each.asset_id for each in lines(world)} == {None, other}
    [copy] = deleted(world, agents, owner, DeletionScope.ACCOUNT, owner)["copies"]
    assert (copy["location"], copy["works"], copy["times"]) == (host, 2, 4)
    assert str(owner) not in json.dumps(copy)
    assert lines(world) == []


@pytest.mark.one_database("sqlite", reason="which lines are written, not how")
def test_what_failed_may_have_come_there_all_the_same(world: World, agents: Agents, stand_in: StandIn) -> None:
    """An attempt that was refused is counted, and that nobody has said how long it is kept is said."""
    stand_in.status = 400
    owner = world.contributor()
    prompt = world.submit(world.project(owner), owner)
    generate(agents, prompt)
    [line] = lines(world)
    assert (line.times, line.expires_at) == (1, None)
    [copy] = deleted(world, agents, owner, DeletionScope.PROMPT, prompt)["copies"]
    assert (copy["expiresAt"], copy["result"]) == (
        None,
        "it can't be asked to delete; how long it stays there the operator has not said",
    )


@pytest.mark.one_database("sqlite", reason="which lines are written, not how")
def test_what_never_left_makes_no_line(world: World, agents: Agents) -> None:
    """The model on board is given the same words; nothing lies elsewhere, and the certificate says so."""
    inside = replace(agents, models=Gateway([Inside()], gate=Open()))
    owner = world.contributor()
    prompt = world.submit(world.project(owner), owner)
    generate(inside, prompt)
    assert world.texts(prompt, owner) == ["From inside."]
    assert lines(world) == []
    assert deleted(world, inside, owner, DeletionScope.PROMPT, prompt)["copies"] == []

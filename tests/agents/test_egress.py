"""The one way out: a decoy that listens on loopback receives not one byte where a single thing is not in order."""

import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from agents import generation
from agents.egress import EgressRefused, Register, Sending
from agents.ledger import Courier, Webhook
from agents.ledger.courier import NotReceived
from agents.models.endpoints import Endpoint
from agents.models.failures import ModelError
from agents.models.gateway import Gateway
from agents.models.providers import Message
from agents.runtime import Agents
from policies.force import InForce
from storage import changes
from storage.changes import RunningPart, RunStanding
from storage.clock import now
from storage.contributors import PrivacyPreferences
from storage.database import transaction
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.ledger.events import DeliveryFailure
from storage.prompts import Prompt, PromptStatus
from storage.services import DataCategory, ServiceStatus
from tests.agents.test_ageing import happen
from tests.agents.test_ledger import settle
from tests.agents.worlds import World
from tests.registered import enter, enter_change

PAST, AHEAD = timedelta(days=-1), timedelta(days=1)
AMISS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "UNKNOWN": (None, "SERVICE_NOT_APPROVED"),
    "NOT_APPROVED": ({"status": ServiceStatus.PROPOSED}, "SERVICE_NOT_APPROVED"),
    "NOTICE_PERIOD": ({"effective_at": AHEAD}, "SERVICE_NOT_APPROVED"),
    "ASSESSMENT_EXPIRED": ({"assessment_expires_at": PAST}, "SERVICE_NOT_APPROVED"),
    "ASSURANCE_EXPIRED": ({"assurance_expires_at": PAST}, "SERVICE_NOT_APPROVED"),
    "CATEGORY_NOT_COVERED": ({"categories": ["ASSETS", "STYLE"]}, "SERVICE_NOT_APPROVED"),
    "REGION_NOT_ALLOWED": ({"regions": ["EU", "US"]}, "SERVICE_NOT_APPROVED"),
    "CONSENT_MISSING": ({}, "CONSENT_REQUIRED"),
    "TRAINING_NOT_ALLOWED": ({"trains_on_inputs": True}, "CONSENT_REQUIRED"),
}
"""What is not in order, and the code with which a step of a run ends for it."""


@dataclass
class Decoy:
    """Something that listens, answers nothing, and counts whoever comes and what they bring."""

    port: int
    callers: int = 0
    received: bytearray = field(default_factory=bytearray)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def decoy() -> Iterator[Decoy]:
    """A decoy on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = Decoy(listening.getsockname()[1])

        def listen() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with closing(connection):
                    found.callers += 1
                    found.received += connection.recv(65536)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield found
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


def agents_before(world: World, decoy: Decoy, *, unapproved_models: bool = True) -> Agents:
    """Agents whose one model would be asked of the decoy, through the gate of the house."""
    force = InForce(world.policy)
    gate = Register(world.store, force, ["EU"], unapproved_models=unapproved_models)
    endpoint = Endpoint("house-model", f"http://{decoy.address}/v1", silence_seconds=2)
    return Agents(world.store, force, Gateway([endpoint], gate=gate))


def enter_with(world: World, decoy: Decoy, amiss: dict[str, Any]) -> str:
    said = {name: now() + value if isinstance(value, timedelta) else value for name, value in amiss.items()}
    return enter(world.store.engine, decoy.address, **said)


def allow(world: World, person: uuid.UUID, *services: str) -> None:
    with world.work() as work:
        chosen = update(PrivacyPreferences).where(PrivacyPreferences.owner_id == person)
        work.session.execute(chosen.values(services=list(services)))


def blocked(world: World) -> list[tuple[uuid.UUID | None, str]]:
    """Whose something was that was kept back, and by what, in the order of the trail."""
    with transaction(world.store.engine, read_only=True) as session:
        found = session.execute(
            select(AuditPersonal.subject_id, AuditEvent.leaf, AuditEvent.outcome)
            .join(AuditPersonal, AuditPersonal.event_id == AuditEvent.id)
            .where(AuditEvent.action == "egress.blocked")
            .order_by(AuditEvent.id)
        ).all()
    assert {outcome.value for _, _, outcome in found} <= {"DENIED"}
    return [(subject, str(leaf.split(b'"objection":"')[1].split(b'"')[0].decode())) for subject, leaf, _ in found]


@pytest.mark.parametrize("what", AMISS)
def test_a_brief_stays_here_where_one_thing_is_not_in_order(world: World, decoy: Decoy, what: str) -> None:
    """The run fails with the code, its contributor reads why in the trail, and the decoy has seen nobody."""
    amiss, code = AMISS[what]
    ada = world.contributor()
    service = None if amiss is None else enter_with(world, decoy, amiss)
    if what != "CONSENT_MISSING" and service is not None:
        allow(world, ada, service)
    prompt = world.submit(world.project(ada), ada)
    generation.generate(agents_before(world, decoy), prompt)
    ended = world.prompt(prompt)
    assert ended is not None
    assert (ended.status, ended.stored, ended.failed) == (PromptStatus.FAILED, 0, 1)
    assert code in [failure for *_, failure in world.steps(prompt)]
    assert blocked(world) == [(ada, what)]
    assert (decoy.callers, bytes(decoy.received)) == (0, b"")


def test_the_decoy_would_notice(world: World, decoy: Decoy) -> None:
    """With all in order, and allowed by whoever's it is, the very same run reaches it."""
    ada = world.contributor()
    allow(world, ada, enter_with(world, decoy, {}))
    prompt = world.submit(world.project(ada), ada)
    agents = agents_before(world, decoy)
    with pytest.raises(ModelError):
        run = Sending(frozenset({DataCategory.PROMPTS}), frozenset({ada}), prompt)
        brief = [Message("user", "A line about the sea.")]
        list(agents.models.stream("house-model", brief, sending=run, seed=1, max_tokens=5, temperature=0))
    assert decoy.callers == 1
    assert b"POST /v1/chat/completions" in decoy.received
    assert blocked(world) == []


def test_a_model_that_nobody_approved_is_asked_nothing(world: World, decoy: Decoy) -> None:
    """Its provider is in order: still no byte, before a second person agreed to this model; and then it is asked."""
    ada = world.contributor()
    allow(world, ada, enter_with(world, decoy, {}))
    project, agents = world.project(ada), agents_before(world, decoy, unapproved_models=False)
    other, version = version_of("another-model", decoy), version_of("house-model", decoy)
    for approved in ((), (other,), (f"{version[:-1]}{'0' if version[-1] != '0' else '1'}",)):
        for each in approved:
            enter_change(world.store.engine, each)
        prompt = world.submit(project, ada)
        generation.generate(agents, prompt)
        ended = world.prompt(prompt)
        assert ended is not None
        assert (ended.status, ended.stored, ended.failed) == (PromptStatus.FAILED, 0, 1)
        assert "SERVICE_NOT_APPROVED" in [failure for *_, failure in world.steps(prompt)]
    assert blocked(world) == [(ada, "MODEL_NOT_APPROVED")] * 3
    assert (decoy.callers, bytes(decoy.received)) == (0, b"")
    enter_change(world.store.engine, version)
    generation.generate(agents, world.submit(project, ada))
    assert len(blocked(world)) == 3
    assert b"POST /v1/chat/completions" in decoy.received
    with transaction(world.store.engine, read_only=True) as session:
        [ran] = [each for each in changes.reconciled(session, now()) if each.part is RunningPart.MODEL]
    assert (ran.version, ran.standing) == (version, RunStanding.APPROVED)


def version_of(model: str, decoy: Decoy) -> str:
    return Endpoint(model, f"http://{decoy.address}/v1").facts().version


def test_a_wish_that_changed_keeps_back_what_was_queued(world: World, decoy: Decoy) -> None:
    """Allowed when it was submitted, and not any more when it is its turn: nothing leaves."""
    ada = world.contributor()
    service = enter_with(world, decoy, {})
    allow(world, ada, service)
    prompt = world.submit(world.project(ada), ada, variations=2)
    allow(world, ada)
    generation.generate(agents_before(world, decoy), prompt)
    with transaction(world.store.engine, read_only=True) as session:
        row = session.get(Prompt, prompt)
        assert row is not None
        assert (row.status, row.failed) == (PromptStatus.FAILED, 2)
    assert blocked(world) == [(ada, "CONSENT_MISSING")] * 2
    assert decoy.callers == 0


def test_both_whose_it_is_must_allow_it(world: World, decoy: Decoy) -> None:
    """A member's words in somebody else's project are both's: one of them who does not allow it is enough."""
    ada, max_ = world.contributor(), world.contributor()
    allow(world, ada, enter_with(world, decoy, {}))
    gate = Register(world.store, InForce(world.policy))
    with pytest.raises(EgressRefused, match="CONSENT_MISSING"):
        gate.clear(decoy.address, Sending(frozenset({DataCategory.PROMPTS}), frozenset({ada, max_})))
    assert sorted(person for person, _ in blocked(world) if person) == sorted([ada, max_])
    gate.clear(decoy.address, Sending(frozenset({DataCategory.PROMPTS}), frozenset({ada})))


def test_the_trail_stays_here_where_its_collector_is_not_in_order(world: World, decoy: Decoy) -> None:
    """No entry is delivered, none is lost: they wait, and go once two people have agreed to the collector."""
    happen(world, 2)
    settle(world)
    gate = Register(world.store, InForce(world.policy))
    webhook = Webhook(f"http://{decoy.address}/trail", (b"k" * 32,), inside_too=True)
    sent: list[str] = []
    courier = Courier(
        world.store, webhook, lambda: "0" * 16, gate=gate, send=lambda *given, **_: sent.append(given[0]) or 200
    )
    with pytest.raises(NotReceived) as refused:
        courier.advance()
    assert refused.value.reason is DeliveryFailure.SERVICE_NOT_APPROVED
    assert sent == []
    assert blocked(world) == [(None, "UNKNOWN")]
    enter(world.store.engine, decoy.address)
    assert courier.advance() == 2
    assert decoy.callers == 0


def test_without_a_gate_nothing_leaves(decoy: Decoy) -> None:
    """A sender that was given no gate has a closed one."""
    gateway = Gateway([Endpoint("house-model", f"http://{decoy.address}/v1", silence_seconds=2)])
    with pytest.raises(ModelError) as caught:
        sending = Sending(frozenset({DataCategory.PROMPTS}))
        list(
            gateway.stream("house-model", [Message("user", "x")], sending=sending, seed=1, max_tokens=5, temperature=0)
        )
    assert caught.value.code.value == "SERVICE_NOT_APPROVED"
    assert decoy.callers == 0

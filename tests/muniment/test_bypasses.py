"""Uses are held against wishes: what was used without one is told once, and what was allowed at that moment never."""

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from agents.sentinel.detecting import Detector
from muniment.bypasses import Reconciling
from storage.assets import Classification
from storage.bypasses import GRACE
from storage.clock import now
from storage.contributors import Consent, PrivacyPreferences
from storage.database import transaction
from storage.ids import new_id
from storage.ledger import happenings
from storage.ledger.events import Identifier, OutputImported, OutputStored
from storage.outputs import Output
from storage.services import Service, ServiceKind, ServiceStatus
from tests.told import style
from tests.world import Person, World, agent_scope, raw_id

pytestmark = pytest.mark.one_database("sqlite", reason="plain comparisons of ids and times, as in test_reconciling")

ELSEWHERE = "models.example.org"


@pytest.fixture
def ada(world: World) -> Person:
    return world.register("ada")


def register(world: World, kind: ServiceKind = ServiceKind.MODEL_PROVIDER) -> uuid.UUID:
    """A model at that address, as the register has it."""
    with world.house.store.begin(agent_scope()) as work:
        row = Service(
            id=new_id(), address=ELSEWHERE, kind=kind, operator="M", purpose="p", contract="c", categories=["PROMPTS"],
            regions=["EU"], sub_processors=[], retention_days=0, breach_hours=24, trains_on_inputs=False,
            status=ServiceStatus.APPROVED, effective_at=now() - timedelta(days=1),
        )  # fmt: skip
        work.session.add(row)
    return row.id


def made(world: World, ada: Person, *, imported: bool = False) -> uuid.UUID:
    """An output that this model wrote, with its entry."""
    prompt, owner = world.prompt(ada, world.project(ada)), raw_id(ada.id)
    output = raw_id(world.output(prompt))
    with world.house.store.begin(agent_scope()) as work:
        work.session.execute(update(Output).where(Output.id == output).values(provider=ELSEWHERE))
        if imported:
            work.record(
                OutputImported(
                    resource_id=output, subject_id=owner, project_id=new_id(), original_id=new_id(), byte_size=1
                )
            )
        else:
            stored = OutputStored(
                resource_id=output, subject_id=owner, prompt_length=1, model_used=Identifier("m"), variation=1,
                output_generated=True, data_classification=Classification.USER_CONTENT, project_id=new_id(),
                prompt_id=raw_id(prompt), byte_size=1, provider=Identifier(ELSEWHERE),
            )  # fmt: skip
            work.record(stored)
    return output


def chose(world: World, ada: Person, service: uuid.UUID, *choices: tuple[bool, datetime]) -> None:
    with world.house.store.begin(agent_scope()) as work:
        for allowed, at in choices:
            row = Consent(owner_id=raw_id(ada.id), preference=f"service {service}", allowed=allowed, at=at)
            work.session.add(row)


def told(world: World) -> list[tuple[str, str | None]]:
    return [(each["details"]["used"], each["resourceId"]) for each in world.events("preference.bypassed")]


def test_what_was_sent_without_a_wish_is_told_once(world: World, ada: Person) -> None:
    """Of the output that was made; the next look knows it; the sentinel opens an incident of nobody's."""
    register(world)
    looking, output = Reconciling(world.house), made(world, ada)
    assert [looking.look(), looking.look()] == [1, 0]
    assert told(world) == [("service", str(output))]
    with transaction(world.house.store.engine, read_only=True) as session:
        found = happenings.waiting(session, now() + timedelta(minutes=1), {"preference.bypassed"})
    assert [(hit.detection.id, hit.owner_id, hit.actor_id) for hit in Detector().feed_all(found)] == [
        ("D19", raw_id(ada.id), None)
    ]


@pytest.mark.parametrize(
    ("choices", "bypassed"),
    [
        ([(True, -60)], False),
        ([(True, -60), (False, -30)], True),
        ([(True, -60), (False, -GRACE.total_seconds() / 60 + 1)], False),
        ([(False, -60), (True, -30)], False),
        ([(True, 10)], True),
    ],
    ids=["allowed", "taken back before", "taken back meanwhile", "given anew", "given only afterwards"],
)
def test_the_wish_of_that_moment_counts(
    world: World, ada: Person, choices: list[tuple[bool, float]], bypassed: bool
) -> None:
    """Not the one of today: what is taken back later makes no bypass of what was allowed, nor the other way round."""
    service = register(world)
    made(world, ada)
    chose(world, ada, service, *[(allowed, now() + timedelta(minutes=minutes)) for allowed, minutes in choices])
    assert Reconciling(world.house).look() == int(bypassed)


def test_what_was_made_elsewhere_or_in_this_house_is_nobodys_bypass(world: World, ada: Person) -> None:
    """An import says what another platform did; a model of our own needs no wish; one that is unknown is D13's."""
    made(world, ada)
    assert Reconciling(world.house).look() == 0
    register(world, ServiceKind.INTERNAL)
    assert Reconciling(world.house).look() == 0
    register(world)
    assert Reconciling(world.house).look() == 1
    assert made(world, ada, imported=True)
    assert Reconciling(world.house).look() == 1  # another process: it knows of the first one alone, and tells it again


def test_a_style_that_nobody_wants_learned_is_told(world: World, ada: Person) -> None:
    """Whoever allows it has one, and nothing is told; taken back behind the program's back it is."""
    style(world, ada)
    looking = Reconciling(world.house)

    def switch(on: bool) -> None:
        with world.house.store.begin(agent_scope()) as work:
            work.session.execute(update(PrivacyPreferences).values(style_learning=on))

    switch(True)
    assert looking.look() == 0
    switch(False)
    assert [looking.look(), looking.look()] == [1, 0]
    assert told(world) == [("style", None)]

"""What a detection does with a session or a key, as those see it who are signed in with it."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from agents.ledger import Sequencer
from agents.sentinel import Sentinel
from muniment.house import checkpoint_place
from policies.principals import Kind, Principal
from resolvers.context import Asking, Context
from storage import measures
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus
from storage.database import transaction
from storage.incidents import Incident
from storage.ledger.events import AccessDenied, Identifier, Outcome, RefusalCode, Resource
from storage.ledger.scope import AuditScope
from storage.measures import Measure
from storage.sessions import Session
from tests.world import World, agent_scope, raw_id

PROJECTS = "{ projects { edges { node { name } } } }"


def watched(world: World, sentinel: Sentinel) -> None:
    """Let the log and the sentinel come up with what happened."""
    sequencer = Sequencer(world.house.store, checkpoint_place(world.settings), world.house.policy_version)
    while sequencer.advance():
        pass
    sequencer._release()
    while sentinel.advance():
        pass


def meet(world: World, measure: Measure, kind: str, actor: uuid.UUID) -> measures.Contained:
    """Carry a measure out, as the sentinel does."""
    with world.house.store.begin(agent_scope()) as work:
        return measures.carry_out(work.session, measure, kind, actor, work.now)


@pytest.mark.one_database("sqlite", reason="what a detection counts does not depend on the database")
def test_a_fuzzer_keeps_its_session(world: World) -> None:
    """Three thousand calls with one token in a minute, half of them refused: it is told, slowed down, and goes on."""
    ada = world.register("ada")
    sentinel = Sentinel(world.house.store, world.house.policy_version)
    watched(world, sentinel)
    scope = AuditScope("api", "CONTRIBUTOR", raw_id(ada.id), None, None, None, uuid.uuid4(), "0" * 16)
    with world.house.store.begin(scope) as work:
        for number in range(1_500):  # the other half reads what is Ada's own, which leaves no entry
            code = (RefusalCode.NOT_FOUND, RefusalCode.FORBIDDEN, RefusalCode.STEP_UP_REQUIRED)[number % 3]
            kind, attempted = Resource.PROJECT, Identifier("project")
            refused = AccessDenied(
                resource_id=None, subject_id=None, resource_kind=kind, attempted=attempted, code=code
            )
            work.record(refused, Outcome.DENIED)
    watched(world, sentinel)
    with transaction(world.house.store.engine, read_only=True) as session:
        (incident,) = session.scalars(select(Incident)).all()
        assert (incident.detection, incident.sessions_ended, incident.keys_suspended) == ("D03", 0, 0)
        assert incident.sessions_held >= 1
        (row,) = session.scalars(select(Session)).all()
        assert (row.revoked_at, row.throttled_until is not None) == (None, True)
        assert session.scalar(select(Contributor.status)) is ContributorStatus.ACTIVE
    for _ in range(30):  # slowed down, and answered
        assert world.ask(PROJECTS, ada).data["projects"] == {"edges": []}
    project = world.project(ada)
    world.step_up(ada)
    assert world.do("requestExport", ada).code is None
    assert world.do("deleteProject", ada, projectId=project).code is None
    log = "{ accessLog { edges { node { action } } } }"
    seen = {each["node"]["action"] for each in world.ask(log, ada).data["accessLog"]["edges"]}
    assert {"incident.opened", "incident.contained"} <= seen


@pytest.mark.one_database("sqlite", reason="counted in memory")
def test_whoever_is_slowed_down_is_answered_so_often_and_no_oftener(world: World) -> None:
    """At whatever cost; whoever is not asks as before."""
    house = replace(world.house, limits=replace(world.house.limits, throttled_per_minute=3))
    principal = Principal(Kind.CONTRIBUTOR, uuid.uuid4())
    slowed = Context(house, Asking(principal, throttled=True))
    assert [slowed.charge(1).retry_after for _ in range(3)] == [None] * 3
    assert (slowed.charge(1).retry_after or 0) > 0
    assert Context(house, Asking(principal)).charge(1).retry_after is None


def test_held_exports_wait_for_a_proof_of_identity_and_for_nothing_else(world: World) -> None:
    """Links handed out before wait too; everything else goes on, and so does the session of a friend."""
    ada, ben = world.register("ada"), world.register("ben")
    for person in (ada, ben):
        world.step_up(person)
    links = {}
    for person in (ada, ben):
        export = world.do("requestExport", person, wants="export { id }").data["it"]["export"]["id"]
        world.ready_export(export)
        links[person.name] = world.do("mintExportLink", person, wants="url", exportId=export).data["it"]["url"]
    assert meet(world, Measure.HOLD_EXPORTS, "CONTRIBUTOR", raw_id(ada.id)).sessions == 1
    assert meet(world, Measure.HOLD_EXPORTS, "CONTRIBUTOR", raw_id(ada.id)).sessions == 0
    with world.unchanged("access.denied", "access.denied"):
        refused = world.client.get(links["ada"])
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "STEP_UP_REQUIRED")
        assert world.do("requestExport", ada).code == "STEP_UP_REQUIRED"
    assert world.client.get(links["ben"]).status_code == 200
    assert world.ask(PROJECTS, ada).data
    assert world.project(ada)
    world.step_up(ada)
    assert world.client.get(links["ada"]).status_code == 200
    assert world.do("requestExport", ada).code is None


def test_a_keys_exports_are_held_until_its_owner_steps_up(world: World) -> None:
    """The key reads on, its owner exports on, and sees what became of it; stepping up releases both."""
    ada = world.register("ada")
    world.step_up(ada)
    key_id, key = world.key(ada, "read", "export")
    assert world.do("requestExport", key).code is None
    assert meet(world, Measure.HOLD_EXPORTS, "API_KEY", raw_id(key_id)).keys == 1
    with world.unchanged("access.denied"):
        assert world.do("requestExport", key).code == "FORBIDDEN"
    assert world.ask(PROJECTS, key).data
    assert world.do("requestExport", ada).code is None
    (shown,) = world.ask("{ apiKeys { edges { node { exportsHeldAt suspendedAt } } } }", ada).data["apiKeys"]["edges"]
    assert shown["node"]["exportsHeldAt"] is not None
    assert shown["node"]["suspendedAt"] is None
    world.step_up(ada)
    assert world.do("requestExport", key).code is None


@pytest.mark.parametrize("measure", [Measure.THROTTLE, Measure.HOLD_EXPORTS, Measure.SUSPEND_CREDENTIAL])
def test_a_measure_meets_its_actor_alone(world: World, measure: Measure) -> None:
    """Of two keys of one owner and a friend's, each is met by its own measure only; what it met can be lifted once."""
    ada, ben = world.register("ada"), world.register("ben")
    world.step_up(ada)
    world.step_up(ben)
    first, others = world.key(ada, "read"), [world.key(ada, "read"), world.key(ben, "read")]
    assert meet(world, measure, "API_KEY", raw_id(first[0])).keys == 1
    assert meet(world, measure, "API_KEY", uuid.uuid4()) == measures.Contained()
    for _, key in others:
        assert world.ask(PROJECTS, key).data
    assert (world.ask(PROJECTS, first[1]).code == "UNAUTHENTICATED") is (measure is Measure.SUSPEND_CREDENTIAL)
    for person in (ada, ben):
        assert world.ask(PROJECTS, person).data
    with world.house.store.begin(agent_scope()) as work:
        assert measures.lift(work.session, raw_id(first[0])) == raw_id(ada.id)
        work.session.flush()
        assert measures.lift(work.session, raw_id(first[0])) is None
        assert measures.lift(work.session, raw_id(others[0][0])) is None
    assert world.ask(PROJECTS, first[1]).data


@pytest.mark.one_database("sqlite", reason="no statement of it depends on the database")
def test_nothing_is_done_where_nothing_is_to_be_done(world: World) -> None:
    """A step without a measure meets nobody, and being slowed down ends by itself."""
    ada = world.register("ada")
    assert meet(world, Measure.NONE, "CONTRIBUTOR", raw_id(ada.id)) == measures.Contained()
    assert meet(world, Measure.THROTTLE, "CONTRIBUTOR", raw_id(ada.id)).sessions == 1
    with transaction(world.house.store.engine, read_only=True) as session:
        until = session.scalar(select(func.max(Session.throttled_until)))
    assert until is not None
    assert until - now() <= measures.THROTTLED_FOR


def test_everybody_signed_in_may_know_what_is_looked_for(world: World) -> None:
    """The thresholds are no secret from those who may meet them; strangers are told nothing."""
    query = "{ detections { name steps { threshold measure actorKinds } windowSeconds notifies runbook } }"
    found = {each["name"]: each for each in world.ask(query, world.register("ada")).data["detections"]}
    assert found["D01"] == {
        "name": "D01",
        "steps": [
            {"threshold": 5, "measure": "NONE", "actorKinds": []},
            {"threshold": 20, "measure": "HOLD_EXPORTS", "actorKinds": []},
        ],
        "windowSeconds": 3600,
        "notifies": ["SECURITY", "PRIVACY"],
        "runbook": "docs/runbooks/D01.md",
    }
    assert world.ask(query).code == "UNAUTHENTICATED"

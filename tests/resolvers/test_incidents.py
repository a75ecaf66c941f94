"""Incidents as people handle them: acknowledged, decided, those affected told by two people, recovered, reviewed, closed."""

import json
import uuid
from typing import Any

import pytest

from storage.database import transaction
from storage.incidents import Incident, IncidentStatus
from storage.sessions import ApiKey
from storage.staff import StaffRole
from tests.resolvers.follow_ups import review
from tests.resolvers.found import incident
from tests.resolvers.ladder import MUTATIONS
from tests.world import Answer, Person, World, agent_scope, global_id, raw_id

NOTICE = "Somebody here opened some of your work who should not have. They can't any more. Ask privacy@example.org."


@pytest.fixture
def security(world: World) -> Person:
    return world.employ(StaffRole.SECURITY)


@pytest.fixture
def privacy(world: World) -> Person:
    return world.employ(StaffRole.PRIVACY)


def act(world: World, name: str, by: Person, found: str, **other: Any) -> Answer:
    given = MUTATIONS[name]({"incident": found}) | other
    return world.do(name, by, wants="incident { id status notified notes notice }", **given)


def status(world: World, found: str) -> str:
    with transaction(world.house.store.engine, read_only=True) as session:
        row = session.get(Incident, raw_id(found))
        assert row is not None
        return row.status.value


def test_an_incident_from_the_alert_to_its_end(world: World, security: Person, privacy: Person) -> None:
    """Each step once and in order; whom it concerns comes from the trail; each of them reads of it, and nobody else."""
    ada, ben = world.register("ada"), world.register("ben")
    found = incident(world, raw_id(ada.id))
    query = "query($id: ID!) { affectedContributors(incidentId: $id) }"
    assert world.ask(query, privacy, id=found).data["affectedContributors"] == [ada.id]
    act(world, "triageIncident", security, found, decision=None).data  # noqa: B018 - fails where it did not work
    assert status(world, found) == "CONTAINED"
    with world.unchanged():
        assert act(world, "triageIncident", privacy, found, decision=None).code == "CONFLICT"
        assert act(world, "draftIncidentNotice", security, found).code == "CONFLICT"
        assert act(world, "recordIncidentStep", security, found).code == "CONFLICT"
        assert act(world, "closeIncident", security, found).code == "CONFLICT"
    act(world, "triageIncident", security, found).data  # noqa: B018 - as above
    with world.unchanged():
        assert act(world, "triageIncident", security, found).code == "CONFLICT"
        assert act(world, "notifyAffected", privacy, found).code == "CONFLICT"  # there is no notice
        assert act(world, "recordIncidentStep", security, found).code == "CONFLICT"  # somebody has to be told first
    act(world, "draftIncidentNotice", security, found, text=NOTICE).data  # noqa: B018 - as above
    with world.unchanged("access.denied"):
        assert act(world, "notifyAffected", security, found).code == "FORBIDDEN"  # who wrote it does not send it
    sent = act(world, "notifyAffected", privacy, found).data["it"]["incident"]
    assert (sent["status"], sent["notified"], sent["notice"]) == ("NOTIFIED", 1, NOTICE)
    log = "{ accessLog { edges { node { action } } } }"
    told = {
        person.name: [each["node"]["action"] for each in world.ask(log, person).data["accessLog"]["edges"]]
        for person in (ada, ben)
    }
    assert told["ada"].count("incident.notified") == 1
    assert "incident.notified" not in told["ben"]
    with world.unchanged("access.denied"):
        assert act(world, "notifyAffected", privacy, found).code == "FORBIDDEN"
    act(world, "recordIncidentStep", security, found).data  # noqa: B018 - as above
    said = review(world.own_id(security))
    last = act(
        world, "recordIncidentStep", privacy, found, step="REVIEWED", words="A grant too wide.", review=said
    ).data
    assert last["it"]["incident"]["notes"] == [
        "It was not asked for.",
        "It was not asked for.",
        "All is as before.",
        "A grant too wide.",
    ]
    act(world, "closeIncident", privacy, found).data  # noqa: B018 - as above
    assert status(world, found) == "CLOSED"
    timeline = [each["action"] for each in world.events() if each["resourceId"] == str(raw_id(found))]
    assert timeline == [
        "incident.acknowledged",
        "incident.triaged",
        "incident.notice_drafted",
        "incident.notified",
        "incident.step_recorded",
        "incident.follow_up_opened",
        "incident.step_recorded",
        "incident.closed",
    ]
    assert "opened some of your work" not in json.dumps(world.events())


def test_what_was_none_is_closed_and_nobody_is_told(world: World, security: Person) -> None:
    """A false positive has no notice, no recovery, and no other decision afterwards."""
    ada = world.register("ada")
    found = incident(world, raw_id(ada.id))
    act(world, "triageIncident", security, found, decision="FALSE_POSITIVE").data  # noqa: B018 - fails if it did not work
    for name in ("draftIncidentNotice", "recordIncidentStep", "triageIncident"):
        with world.unchanged():
            assert act(world, name, security, found).code == "CONFLICT"
    act(world, "closeIncident", security, found).data  # noqa: B018 - as above
    for name in ("closeIncident", "triageIncident", "liftIncidentMeasure", "draftIncidentNotice"):
        with world.unchanged("access.denied"):
            assert act(world, name, security, found).code == "FORBIDDEN"


def test_where_nobody_is_affected_it_recovers_without_a_notice(world: World, security: Person, privacy: Person) -> None:
    """There is nobody to send one to, and nothing waits for one."""
    found = incident(world)
    act(world, "triageIncident", security, found).data  # noqa: B018 - fails where it did not work
    act(world, "draftIncidentNotice", security, found).data  # noqa: B018 - as above
    with world.unchanged():
        assert act(world, "notifyAffected", privacy, found).code == "CONFLICT"
    act(world, "recordIncidentStep", security, found).data  # noqa: B018 - as above
    assert status(world, found) == "RECOVERED"


def test_a_suspended_key_is_refused_and_works_again_for_a_reason(world: World, security: Person) -> None:
    """Its owner's own session goes on all the while; lifted once, there is nothing more to lift."""
    ada = world.register("ada")
    world.step_up(ada)
    key_id, key = world.key(ada, "read")
    found = incident(world, kind="API_KEY", actor=raw_id(key_id))
    with world.unchanged():
        assert act(world, "liftIncidentMeasure", security, found).code == "CONFLICT"  # it is not suspended
    with world.house.store.begin(agent_scope()) as work:
        row = work.session.get(ApiKey, raw_id(key_id))
        assert row is not None
        row.suspended_at = work.now
    assert world.ask("{ projects { edges { node { id } } } }", key).code == "UNAUTHENTICATED"
    assert world.ask("{ projects { edges { node { id } } } }", ada).data
    act(world, "liftIncidentMeasure", security, found).data  # noqa: B018 - fails where it did not work
    assert world.ask("{ projects { edges { node { id } } } }", key).data
    assert world.events("incident.measure_lifted")[-1]["resourceId"] == str(raw_id(found))
    of_staff = incident(world)
    with world.unchanged():
        assert act(world, "liftIncidentMeasure", security, found).code == "CONFLICT"
        assert act(world, "liftIncidentMeasure", security, of_staff).code == "CONFLICT"


@pytest.mark.one_database("sqlite", reason="what is refused does not depend on the database")
def test_incidents_are_staffs_and_their_words_not_the_auditors(world: World, security: Person) -> None:
    """A contributor sees none, an auditor no words and nobody in it, and made-up ids tell nothing."""
    ada, auditor = world.register("ada"), world.employ(StaffRole.AUDITOR)
    found = incident(world, raw_id(ada.id))
    act(world, "triageIncident", security, found).data  # noqa: B018 - fails where it did not work
    listing = "{ incidents { totalCount edges { node { id notes notice detection } } } }"
    assert world.ask(listing, ada).data["incidents"] == {"totalCount": 0, "edges": []}
    (seen,) = world.ask(listing, auditor).data["incidents"]["edges"]
    assert seen["node"] == {"id": found, "notes": None, "notice": None, "detection": "D02"}
    query = "query($id: ID!) { affectedContributors(incidentId: $id) }"
    assert world.ask(query, auditor, id=found).code == "FORBIDDEN"
    assert world.ask(query, ada, id=found).code == "NOT_FOUND"
    assert world.ask(query, ada, id=global_id("Incident", uuid.uuid4())).code == "NOT_FOUND"


@pytest.mark.one_database("sqlite", reason="forgetting is one statement, tried on both in test_ledger_forgetting")
def test_whoever_leaves_is_forgotten_by_the_incidents_they_were_in(world: World) -> None:
    """An incident stays; whose session it was does not."""
    ada = world.register("ada")
    found = incident(world, kind="CONTRIBUTOR", actor=raw_id(ada.id), status=IncidentStatus.CLOSED)
    from storage.ledger import trail

    with world.house.store.begin(agent_scope()) as work:
        trail.forget(work.session, raw_id(ada.id))
    with transaction(world.house.store.engine, read_only=True) as session:
        row = session.get(Incident, raw_id(found))
        assert row is not None
        assert row.actor_id is None

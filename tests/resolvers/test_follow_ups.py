"""What a review of an incident says, and its follow-ups: done by their owner, seen by another, late ones a finding."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import delete

from muniment import controls
from storage.clock import now
from storage.database import transaction
from storage.follow_ups import FollowUp, FollowUpStatus
from storage.incidents import Incident, IncidentStatus
from storage.staff import RoleAssignment, StaffRole
from tests.resolvers.follow_ups import opened, review
from tests.resolvers.found import incident
from tests.world import Answer, Person, World, global_id, raw_id

ONE = pytest.mark.one_database("sqlite", reason="what is refused does not depend on the database")
SHOWN = "id status ownerId task notes dueAt doneAt verifiedAt overdue viewerCan"
FINDINGS = "{ findings { foundBy owner followUpId status amiss dueAt overdue } }"


@pytest.fixture
def security(world: World) -> Person:
    return world.employ(StaffRole.SECURITY)


@pytest.fixture
def privacy(world: World) -> Person:
    return world.employ(StaffRole.PRIVACY)


def reviewed(world: World, by: Person, found: str, said: dict[str, Any] | None, **other: Any) -> Answer:
    wants = f"incident {{ id status impacts impact rootCause noFollowUpsBecause followUps {{ edges {{ node {{ {SHOWN} }} }} }} }}"
    given = {"incidentId": found, "step": "REVIEWED", "words": "We met on Tuesday."} | other
    return world.do("recordIncidentStep", by, wants=wants, **given, review=said)


def change(world: World, name: str, by: Person, follow_up: str, **other: Any) -> Answer:
    given = {"followUpId": follow_up, "note": "I have looked at it closely."} | other
    return world.do(name, by, wants=f"followUp {{ {SHOWN} }}", **given)


def status(world: World, found: str) -> str:
    with transaction(world.house.store.engine, read_only=True) as session:
        return session.get_one(Incident, raw_id(found)).status.value


def findings(world: World, by: Person) -> list[dict[str, Any]]:
    controls.check(world.house, world.settings)
    return [each for each in world.ask(FINDINGS, by).data["findings"] if each["foundBy"] == "follow-ups-done"]


def test_a_review_says_it_all_and_its_follow_up_is_done_by_one_and_seen_by_another(
    world: World, security: Person, privacy: Person
) -> None:
    """Closed while something is still to be done; its owner does that, not in a job of security; and each step is on record."""
    sol, auditor = world.employ(StaffRole.SUPPORT), world.employ(StaffRole.AUDITOR)
    found = incident(world, status=IncidentStatus.RECOVERED)
    said = review(world.own_id(sol))
    kept = reviewed(world, security, found, said).data["it"]["incident"]
    assert (kept["status"], kept["impacts"], kept["noFollowUpsBecause"]) == ("REVIEWED", ["CONFIDENTIALITY"], None)
    assert (kept["impact"], kept["rootCause"]) == (said["impact"], said["rootCause"])
    [edge] = kept["followUps"]["edges"]
    assert edge["node"]["task"] == said["followUps"][0]["task"]
    assert edge["node"]["ownerId"] == world.own_id(sol)
    follow_up = edge["node"]["id"]
    world.do("closeIncident", security, incidentId=found).data  # noqa: B018 - fails where it did not work
    query = f"{{ followUps {{ totalCount edges {{ node {{ {SHOWN} }} }} }} incidents {{ totalCount }} }}"
    own = world.ask(query, sol).data
    assert own["followUps"]["edges"][0]["node"]["viewerCan"] == ["COMPLETE", "READ", "READ_CONTENT"]
    assert own["incidents"]["totalCount"] == 0  # what it was about is not theirs to know
    done = change(world, "completeFollowUp", sol, follow_up).data["it"]["followUp"]
    assert (done["status"], done["doneAt"] is None) == ("DONE", False)
    again = change(world, "reviewFollowUp", privacy, follow_up, done=False).data["it"]["followUp"]
    assert (again["status"], again["doneAt"]) == ("OPEN", None)
    change(world, "completeFollowUp", sol, follow_up).data  # noqa: B018 - as above
    seen = change(world, "reviewFollowUp", security, follow_up, done=True).data["it"]["followUp"]
    assert (seen["status"], seen["verifiedAt"] is None, len(seen["notes"])) == ("VERIFIED", False, 4)
    listed = world.ask(query, auditor).data["followUps"]
    assert listed["totalCount"] == 1
    assert (listed["edges"][0]["node"]["task"], listed["edges"][0]["node"]["notes"]) == (None, None)
    timeline = [each["action"] for each in world.events() if each["resourceId"] == str(raw_id(found))]
    assert timeline == [
        "incident.follow_up_opened",
        "incident.step_recorded",
        "incident.closed",
        "incident.follow_up_completed",
        "incident.follow_up_reviewed",
        "incident.follow_up_completed",
        "incident.follow_up_reviewed",
    ]
    assert "grant for one case" not in json.dumps(world.events())


@ONE
def test_nothing_closes_without_impact_cause_and_what_follows(world: World, security: Person) -> None:
    """Whatever is left out of a review is named, and it stays as it was; what once was reviewed without one is not closed."""
    found, owner = incident(world, status=IncidentStatus.RECOVERED), world.own_id(security)
    auditor, ada = world.own_id(world.employ(StaffRole.AUDITOR)), global_id("Staff", uuid.uuid4())
    late, far = now() - timedelta(seconds=1), now() + timedelta(days=181)
    left_out: list[tuple[str, dict[str, Any] | None]] = [
        ("review", None),
        ("impact", review(owner, impact="Briefs.")),
        ("rootCause", review(owner, rootCause=" " * 40)),
        ("followUps", review(owner, followUps=[])),
        ("followUps", review(owner, noFollowUpsBecause="All of it was done at once, last week.")),
        ("followUps", review(*[owner] * 51)),
        ("noFollowUpsBecause", review(noFollowUpsBecause="None.")),
        ("ownerId", review(auditor)),
        ("ownerId", review(ada)),
        ("dueAt", review(owner, due=late)),
        ("dueAt", review(owner, due=far)),
    ]
    for field, said in left_out:
        with world.unchanged():
            refused = reviewed(world, security, found, said)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field), said
    with world.unchanged():
        assert reviewed(world, security, found, review(global_id("Contributor", uuid.uuid4()))).code == "BAD_USER_INPUT"
        assert world.do("closeIncident", security, incidentId=found).code == "CONFLICT"
    before = incident(world, status=IncidentStatus.REVIEWED)  # by a version that asked for a cause in notes
    with world.unchanged():
        assert world.do("closeIncident", security, incidentId=before).code == "CONFLICT"
    none = reviewed(world, security, before, review(impacts=[])).data["it"]["incident"]
    assert (none["impacts"], none["followUps"]["edges"]) == ([], [])
    assert none["noFollowUpsBecause"].startswith("The form")
    confirmed = incident(world, status=IncidentStatus.CONFIRMED)
    with world.unchanged():
        assert reviewed(world, security, before, review(owner)).code == "CONFLICT"  # once is enough
        early = reviewed(world, security, confirmed, review(owner), step="RECOVERED")
        assert (early.code, early.field) == ("BAD_USER_INPUT", "review")
    world.do("closeIncident", security, incidentId=before).data  # noqa: B018 - fails where it did not work
    assert (status(world, before), status(world, found)) == ("CLOSED", "RECOVERED")


@ONE
@pytest.mark.parametrize("roles", [(StaffRole.SECURITY,), (StaffRole.PRIVACY,), tuple(StaffRole)])
def test_nobody_sees_their_own_follow_up_done(world: World, roles: tuple[StaffRole, ...]) -> None:
    """In whatever jobs; nor says anybody else that it is, nor twice; refused, recorded, and nothing changed."""
    owner, other = world.employ(*roles), world.employ(StaffRole.SECURITY)
    support, ada = world.employ(StaffRole.SUPPORT), world.register("ada")
    follow_up = opened(world, world.own_id(owner))
    with world.unchanged("access.denied"):
        assert change(world, "completeFollowUp", other, follow_up).code == "FORBIDDEN"
    with world.unchanged("access.denied"):
        assert change(world, "reviewFollowUp", other, follow_up, done=True).code == "FORBIDDEN"  # it is not done
    for stranger in (support, ada):
        with world.unchanged("access.denied"):
            assert change(world, "completeFollowUp", stranger, follow_up).code == "NOT_FOUND"
    change(world, "completeFollowUp", owner, follow_up).data  # noqa: B018 - fails where it did not work
    for name, by, more in (
        ("reviewFollowUp", owner, {"done": True}),
        ("completeFollowUp", owner, {}),
        ("reassignFollowUp", other, {"ownerId": world.own_id(support)}),
    ):
        with world.unchanged("access.denied"):
            assert change(world, name, by, follow_up, **more).code == "FORBIDDEN", name
    with world.unchanged():
        assert change(world, "reviewFollowUp", other, follow_up, done=True, note="Fine.").code == "BAD_USER_INPUT"
    change(world, "reviewFollowUp", other, follow_up, done=True).data  # noqa: B018 - as above
    with world.unchanged("access.denied"):
        assert change(world, "reviewFollowUp", other, follow_up, done=False).code == "FORBIDDEN"


def test_one_that_is_late_is_a_finding_until_somebody_else_saw_it_done(
    world: World, security: Person, privacy: Person
) -> None:
    """Each of its own, with an owner and a date, once; its owner's word does not close it, and a colleague's does at once."""
    late = opened(world, world.own_id(security), due=now() + timedelta(hours=1))
    later = opened(world, world.own_id(security), due=now() + timedelta(days=20))
    assert findings(world, privacy) == []
    with time_machine.travel(now() + timedelta(hours=2)):
        [one] = findings(world, privacy)
        assert (one["followUpId"], one["owner"], one["status"], one["amiss"]) == (late, "head of security", "OPEN", 1)
        assert findings(world, privacy) == [one]
        change(world, "completeFollowUp", security, late).data  # noqa: B018 - fails where it did not work
        assert [each["status"] for each in findings(world, privacy)] == ["OPEN"]
        change(world, "reviewFollowUp", privacy, late, done=True).data  # noqa: B018 - as above
        [closed] = [each for each in world.ask(FINDINGS, privacy).data["findings"] if each["followUpId"]]
        assert (closed["followUpId"], closed["status"]) == (late, "CLOSED")
        assert world.events("finding.closed")[-1]["details"]["foundBy"] == "follow-ups-done"
        assert [each["status"] for each in findings(world, privacy)] == ["CLOSED"]
    assert world.events("incident.follow_up_completed")[-1]["details"]["late"] is True
    other = opened(world, due=now() + timedelta(days=20))
    world.prove(security)
    with time_machine.travel(now() + timedelta(days=21)):
        controls.check(world.house, world.settings)
        fresh = world.employ(StaffRole.PRIVACY)
        standing = [each for each in world.ask(FINDINGS, fresh).data["findings"] if each["status"] == "OPEN"]
        assert {each["followUpId"] for each in standing if each["followUpId"]} == {later, other}


@ONE
def test_what_somebody_left_undone_is_given_to_somebody_else_and_due_as_before(world: World, privacy: Person) -> None:
    """Not to an auditor, a stranger, or whoever has it; the new owner alone says then that it is done."""
    leaver, sol = world.employ(StaffRole.SUPPORT), world.employ(StaffRole.SUPPORT)
    auditor, former = world.employ(StaffRole.AUDITOR), world.employ(StaffRole.SUPPORT)
    with transaction(world.house.store.engine) as session:
        session.execute(delete(RoleAssignment).where(RoleAssignment.staff_id == raw_id(world.own_id(former))))
    follow_up = opened(world, world.own_id(leaver))
    due = world.ask("{ followUps { edges { node { dueAt } } } }", privacy).data["followUps"]["edges"][0]["node"][
        "dueAt"
    ]
    for owner in (*map(world.own_id, (auditor, former, leaver)), global_id("Staff", uuid.uuid4())):
        with world.unchanged():
            assert change(world, "reassignFollowUp", privacy, follow_up, ownerId=owner).code == "BAD_USER_INPUT"
    given = change(world, "reassignFollowUp", privacy, follow_up, ownerId=world.own_id(sol)).data["it"]["followUp"]
    assert (given["ownerId"], given["dueAt"], given["status"]) == (world.own_id(sol), due, "OPEN")
    with world.unchanged("access.denied"):
        assert change(world, "completeFollowUp", leaver, follow_up).code == "NOT_FOUND"
    change(world, "completeFollowUp", sol, follow_up).data  # noqa: B018 - fails where it did not work
    with transaction(world.house.store.engine, read_only=True) as session:
        assert session.get_one(FollowUp, raw_id(follow_up)).status is FollowUpStatus.DONE


@ONE
def test_follow_ups_are_listed_for_those_whose_they_are(world: World, security: Person) -> None:
    """Narrowed by incident and by how they stand; a contributor sees none, and staff without one none either."""
    sol, ada = world.employ(StaffRole.SUPPORT), world.register("ada")
    found = incident(world, status=IncidentStatus.CLOSED)
    mine = opened(world, world.own_id(sol), incident=found)
    seen = opened(world, status=FollowUpStatus.VERIFIED, incident=found)
    opened(world)
    listing = "query($i: ID, $s: FollowUpStatus) { followUps(incidentId: $i, status: $s) { totalCount edges { node { id } } } }"

    def listed(by: Person, **narrowed: str) -> set[str]:
        answer = world.ask(listing, by, **narrowed).data["followUps"]
        assert answer["totalCount"] == len(answer["edges"])
        return {each["node"]["id"] for each in answer["edges"]}

    assert len(listed(security)) == 3
    assert listed(security, i=found) == {mine, seen}
    assert listed(security, i=found, s="VERIFIED") == {seen}
    assert (listed(sol), listed(world.employ(StaffRole.SYSADMIN)), listed(ada)) == ({mine}, set(), set())
    assert (
        world.ask("query($i: ID) { followUps(incidentId: $i) { totalCount } }", security, i=mine).code
        == "BAD_USER_INPUT"
    )

"""Investigations: security opens whom the trail is about for a reason and a while, and whoever it is about reads so."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from storage.clock import now
from storage.staff import StaffRole
from tests.world import Person, World, raw_id

REASON = "Somebody tries passwords on this account."
PEOPLE = "{ auditEvents(first: 100) { edges { node { id action userId onBehalfOf ipAddress userAgent } } } }"


def soon(**after: float) -> str:
    return (now() + timedelta(**(after or {"days": 1}))).isoformat()


def investigate(world: World, by: Person | None, **given: Any) -> Any:
    wants = "investigation { id status reason } auditEventId"
    return world.do("openInvestigation", by, wants=wants, **{"reason": REASON, "expiresAt": soon(), **given})


def seen(world: World, by: Person) -> set[str]:
    """The people whose ids `by` reads in the trail, and that an address was read."""
    nodes = [edge["node"] for edge in world.ask(PEOPLE, by).data["auditEvents"]["edges"]]
    found = {node[name] for node in nodes for name in ("userId", "onBehalfOf")} - {None}
    return found | {"from where" for node in nodes if node["ipAddress"] or node["userAgent"]}


def test_security_opens_who_it_was_only_under_an_open_investigation(world: World) -> None:
    """Before and after it the personal side is shut; in between that of the one person is open, and no other."""
    ada, ben = world.register("ada"), world.register("ben")
    world.project(ben)
    security = world.employ(StaffRole.SECURITY)
    assert seen(world, security) == set()
    opened = investigate(world, security, personId=ada.id).data["it"]["investigation"]
    assert (opened["status"], opened["reason"]) == ("OPEN", REASON)
    assert seen(world, security) == {str(raw_id(ada.id)), "from where"}
    assert seen(world, world.employ(StaffRole.AUDITOR)) == set()
    world.do("closeInvestigation", security, investigationId=opened["id"]).data  # noqa: B018 - fails where refused
    assert seen(world, security) == set()
    assert world.do("closeInvestigation", security, investigationId=opened["id"]).code == "FORBIDDEN"


def test_an_investigation_ends_by_itself_to_the_second(world: World) -> None:
    """Past its end nothing opens, whether or not anybody has marked it as ended yet."""
    ada = world.register("ada")
    security = world.employ(StaffRole.SECURITY)
    opened = investigate(world, security, personId=ada.id, expiresAt=soon(hours=1)).data["it"]["investigation"]["id"]
    with time_machine.travel(now() + timedelta(minutes=59), tick=False):
        assert seen(world, security) == {str(raw_id(ada.id)), "from where"}
    with time_machine.travel(now() + timedelta(hours=1), tick=False):
        assert seen(world, security) == set()
        assert world.do("closeInvestigation", security, investigationId=opened).code == "CONFLICT"


def test_whoever_is_investigated_reads_that_they_are_and_each_look(world: World) -> None:
    """The opening and every look stand in their access log, with how many entries; the reason does not."""
    ada, ben = world.register("ada"), world.register("ben")
    security = world.employ(StaffRole.SECURITY)
    opened = investigate(world, security, personId=ada.id).data["it"]["investigation"]["id"]
    with world.unchanged("trail.read", "trail.opened"):
        seen(world, security)
    with world.unchanged("trail.read"):
        world.ask("{ auditEvents { edges { node { action details } } } }", security).data  # noqa: B018 - no person asked
    log = "{ accessLog { edges { node { action actorKind userId resource details } } } }"
    told = [edge["node"] for edge in world.ask(log, ada).data["accessLog"]["edges"]]
    assert [(each["action"], each["actorKind"], each["userId"], each["resource"]) for each in told] == [
        ("trail.opened", "STAFF", None, "investigation"),
        ("investigation.opened", "STAFF", None, "investigation"),
    ]
    assert told[0]["details"]["eventCount"] == len(told[0]["details"]["eventIds"]) == 2
    assert world.ask(log, ben).data["accessLog"]["edges"] == []
    query = "{ investigations { edges { node { id reason personId status expiresAt } } } }"
    found = [edge["node"] for edge in world.ask(query, ada).data["investigations"]["edges"]]
    assert [(each["id"], each["reason"], each["personId"]) for each in found] == [(opened, None, ada.id)]
    assert world.ask(query, ben).data["investigations"]["edges"] == []


def test_an_investigation_into_a_call_opens_what_that_call_did(world: World) -> None:
    """Before anybody is known security has a correlation id: it leads to whoever was behind it, and no further."""
    ada = world.register("ada")
    world.project(ada)
    call = world.events("project.created")[0]["correlationId"]
    security = world.employ(StaffRole.SECURITY)
    assert investigate(world, security, correlationId=call).code is None
    nodes = [edge["node"] for edge in world.ask(PEOPLE, security).data["auditEvents"]["edges"]]
    assert {(node["action"], node["userId"]) for node in nodes if node["userId"]} == {
        ("project.created", str(raw_id(ada.id)))
    }
    assert [event["details"]["wholePerson"] for event in world.events("investigation.opened")] == [False]


@pytest.mark.parametrize("role", [each for each in StaffRole if each is not StaffRole.SECURITY])
def test_nobody_but_security_opens_one(world: World, role: StaffRole) -> None:
    """Refused, with nothing changed and one entry; a contributor and a stranger too."""
    ada = world.register("ada")
    staff = world.employ(role)
    for by, code in ((staff, "FORBIDDEN"), (ada, "FORBIDDEN"), (None, "UNAUTHENTICATED")):
        with world.unchanged("access.denied"):
            assert investigate(world, by, personId=ada.id).code == code


def test_nobody_but_security_closes_one(world: World) -> None:
    """Neither an auditor, who sees it, nor whoever it is into, nor somebody else."""
    ada, ben = world.register("ada"), world.register("ben")
    security, auditor = world.employ(StaffRole.SECURITY), world.employ(StaffRole.AUDITOR)
    opened = investigate(world, security, personId=ada.id).data["it"]["investigation"]["id"]
    for by, code in ((auditor, "FORBIDDEN"), (ada, "FORBIDDEN"), (ben, "NOT_FOUND"), (None, "UNAUTHENTICATED")):
        with world.unchanged("access.denied"):
            assert world.do("closeInvestigation", by, investigationId=opened).code == code


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": "because"}, "reason"),
        ({"expiresAt": "2026-01-01T00:00:00+00:00"}, "expiresAt"),
        ({"expiresAt": (now() + timedelta(days=91)).isoformat()}, "expiresAt"),
        ({"personId": None}, "personId"),
        ({"correlationId": "x"}, "personId"),
        ({"personId": None, "correlationId": "x"}, "correlationId"),
        ({"personId": None, "correlationId": "00000000-0000-4000-8000-000000000000"}, "correlationId"),
    ],
)
@pytest.mark.one_database("sqlite", reason="what is refused is refused before any database is asked")
def test_what_is_not_bounded_and_reasoned_is_refused(world: World, given: dict[str, Any], field: str) -> None:
    """No reason, no end, an end too far away, about nothing, about two things: nothing is opened."""
    ada = world.register("ada")
    security = world.employ(StaffRole.SECURITY)
    with world.unchanged():
        refused = investigate(world, security, **{"personId": ada.id, **given})
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)

"""The change register through the API: who registers, who agrees, and what runs that nobody agreed to."""

import uuid
from typing import Any

import pytest

from agents.models.gateway import Gateway
from agents.runtime import Agents, Stopping
from muniment import crew, versions
from muniment.crew import on_record
from muniment.doctor import examine
from muniment.safeguards import announce
from policies.principals import AgentName
from storage.changes import Change
from storage.database import transaction
from storage.ids import new_id
from storage.staff import StaffRole
from tests.resolvers.changes import MUTATIONS, registered
from tests.world import Answer, Person, World, global_id

OTHER = {"part": "PROGRAM", "version": "f" * 32}
NOTE = "I have read it, and the run."
WANTED = "change { id status why tests note viewerCan }"


@pytest.fixture
def sysadmin(world: World) -> Person:
    return world.employ(StaffRole.SYSADMIN)


@pytest.fixture
def security(world: World) -> Person:
    return world.employ(StaffRole.SECURITY)


def register(world: World, by: Person | None, **other: Any) -> Answer:
    return world.do("registerChange", by, wants=WANTED, **{**MUTATIONS["registerChange"]({}), **other})


def approve(world: World, by: Person, change: str, note: str = NOTE) -> Answer:
    return world.do("approveChange", by, wants=WANTED, changeId=change, note=note)


def began(world: World, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """A server starts, whose program is of this version."""
    monkeypatch.setattr(versions, "program", lambda: version)
    announce(world.house, world.settings, "server")


def standings(world: World, by: Person, **said: str) -> list[tuple[str, str]]:
    """What ran of the program, oldest first, and how it stands."""
    query = "query($of: RunStanding) { deployments(standing: $of) { part version standing record beganAt component } }"
    found = world.ask(query, by, **said).data["deployments"]
    return [(each["version"][0], each["standing"]) for each in reversed(found) if each["part"] == "PROGRAM"]


def test_nobody_approves_their_own_change(world: World, sysadmin: Person, security: Person) -> None:
    """Whoever registered it may take it back; somebody else of the two jobs agrees, once, and all of them read why."""
    made = register(world, sysadmin).data["it"]["change"]
    assert (made["status"], made["note"]) == ("REGISTERED", None)
    assert made["viewerCan"] == ["DENY", "READ", "READ_REASON"]
    with world.unchanged("access.denied"):
        assert approve(world, sysadmin, made["id"]).code == "FORBIDDEN"
    for role in (StaffRole.PRIVACY, StaffRole.AUDITOR):
        somebody = world.employ(role)
        with world.unchanged("access.denied"):
            assert approve(world, somebody, made["id"]).code == "FORBIDDEN"
    with world.unchanged():
        refused = approve(world, security, made["id"], "short")
    assert (refused.code, refused.field) == ("BAD_USER_INPUT", "note")
    found = approve(world, security, made["id"]).data["it"]["change"]
    assert (found["status"], found["note"], found["viewerCan"]) == ("APPROVED", NOTE, ["READ", "READ_REASON"])
    for again in ("approveChange", "denyChange"):
        with world.unchanged("access.denied"):
            assert world.do(again, security, changeId=made["id"], note=NOTE).code == "FORBIDDEN"
    auditor = world.employ(StaffRole.AUDITOR)
    [seen] = world.ask("{ changes { edges { node { why ticket versions { part version } } } } }", auditor).data[
        "changes"
    ]["edges"]
    given = MUTATIONS["registerChange"]({})
    assert seen["node"] == {"why": given["why"], "ticket": "OPS-17", "versions": given["versions"]}
    assert [each["action"] for each in world.events() if each["action"].startswith("change.")] == [
        "change.registered",
        "change.approved",
    ]
    assert given["why"] not in str(world.events())
    assert NOTE not in str(world.events())


NEW = [{"part": "AGENT", "version": "translations"}]
ASSESSMENT = "It sees one prompt at a time and stores nothing; what it answers is shown to its contributor alone."


def test_a_model_or_an_agent_has_an_assessment_and_is_no_emergency(
    world: World, sysadmin: Person, security: Person
) -> None:
    """Without words on what it means for contributors nothing is registered; a second person reads them."""
    for part in ("AGENT", "MODEL"):
        new = [{"part": part, "version": "embedded-1"}]
        for given, field in (
            ({}, "assessment"),
            ({"assessment": "Short."}, "assessment"),
            ({"assessment": ASSESSMENT, "emergency": True}, "emergency"),
        ):
            with world.unchanged():
                refused = register(world, sysadmin, versions=new, **given)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field), (part, given)
    made = register(world, sysadmin, versions=NEW, assessment=ASSESSMENT).data["it"]["change"]["id"]
    query = "query($id: ID!) { node(id: $id) { ... on Change { assessment } } }"
    assert world.ask(query, security, id=made).data["node"] == {"assessment": ASSESSMENT}
    assert ASSESSMENT.encode() not in world.everything_kept()


def test_an_agent_that_nobody_approved_does_nothing_until_somebody_has(
    world: World, sysadmin: Person, security: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In production it is withheld, and the doctor says what to do; in development it works, and that is said too."""
    production = world.settings.model_copy(update={"env": "production"})
    on_record(world.house, production)
    monkeypatch.setattr(crew, "AgentName", [*AgentName, "translations"])
    admits = on_record(world.house, production)
    assert [each for each in (*AgentName, "translations") if not admits(each)] == ["translations"]
    assert on_record(world.house, world.settings)("translations")
    [told] = [each for each in examine(world.settings) if each.about == "models and agents"]
    assert not told.good
    assert "AGENT translations" in told.text
    assert "approveChange" in told.text
    since = world.told()
    agents = Agents(world.house.store, world.house.force, Gateway([]), admits=admits)
    with pytest.raises(Stopping), agents.acting("translations", None, run=uuid.uuid4()):
        pytest.fail("it worked")
    made = register(world, sysadmin, versions=NEW, assessment=ASSESSMENT).data["it"]["change"]["id"]
    assert not admits("translations")
    approve(world, security, made).data  # noqa: B018 - fails where it did not work
    assert admits("translations")
    with agents.acting("translations", None, run=uuid.uuid4()):
        pass
    began = [each["details"]["standing"] for each in world.events("version.began", since=since)]
    assert began == []
    [told] = [each for each in examine(world.settings) if each.about == "models and agents"]
    assert told.good


def test_what_is_registered_badly_is_not_registered(world: World, sysadmin: Person) -> None:
    """Without a version, a ticket, a reason or tests, or unannounced where it concerns contributors: nothing happens."""
    part = {"part": "PROGRAM", "version": "a" * 32}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"versions": []}, "versions"),
        ({"versions": [part, part]}, "versions"),
        ({"versions": [part | {"version": "Not one"}]}, "versions"),
        ({"ticket": "see the mail of Monday"}, "ticket"),
        ({"why": "It is better."}, "why"),
        ({"tests": "yes"}, "tests"),
        ({"effect": "ON_DATA"}, "noticeId"),
        ({"effect": "ON_WORKFLOW"}, "noticeId"),
        ({"noticeId": global_id("PublishedNotice", new_id())}, "noticeId"),
    ]
    for given, field in wrong:
        with world.unchanged():
            refused = register(world, sysadmin, **given)
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", field), given


def test_contributors_are_told_of_what_concerns_them(world: World, sysadmin: Person) -> None:
    """A change with an effect on them names the notice that they got."""
    told = {"kind": "PRODUCT", "title": "What is new", "body": "Runs can be followed live now."}
    notice = world.do("publishNotice", world.employ(StaffRole.PRIVACY), wants="publishedNotice { id }", **told)
    notice_id = notice.data["it"]["publishedNotice"]["id"]
    made = world.do(
        "registerChange",
        sysadmin,
        wants="change { effect noticeId }",
        **{**MUTATIONS["registerChange"]({}), "effect": "ON_WORKFLOW", "noticeId": notice_id},
    )
    assert made.data["it"]["change"] == {"effect": "ON_WORKFLOW", "noticeId": notice_id}


def test_a_change_is_taken_back_and_then_approved_by_nobody(world: World, sysadmin: Person, security: Person) -> None:
    """One's own may be taken back; what is denied covers nothing."""
    made = register(world, sysadmin).data["it"]["change"]["id"]
    gone = world.do("denyChange", sysadmin, wants=WANTED, changeId=made, note="It is not ready.").data["it"]["change"]
    assert gone["status"] == "DENIED"
    [event] = world.events("change.denied")
    assert event["details"] == {"kind": "SYSTEM_UPDATE", "withdrawn": True}
    with world.unchanged("access.denied"):
        assert approve(world, security, made).code == "FORBIDDEN"


def test_what_begins_to_run_is_held_against_the_register(
    world: World, sysadmin: Person, security: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is the baseline; the next is approved or nobody's; it is told once, and never stops anything."""
    first = versions.program()[0]  # of the start with which this world began
    approve(world, security, registered(world, "b" * 32)).data  # noqa: B018 - fails where it did not work
    began(world, monkeypatch, "b" * 32)
    began(world, monkeypatch, "b" * 32)
    began(world, monkeypatch, "c" * 32)
    program = [(first, "BASELINE"), ("b", "APPROVED"), ("c", "UNREGISTERED")]
    assert standings(world, sysadmin) == program
    assert standings(world, security, of="UNREGISTERED") == program[2:]
    told = [each["details"] for each in world.events("version.began") if each["details"]["part"] == "PROGRAM"]
    assert [(each["version"][0], each["standing"], each["number"]) for each in told] == [
        (first, "BASELINE", 1),
        ("b", "APPROVED", 2),
        ("c", "UNREGISTERED", 3),
    ]
    for role in (StaffRole.SUPPORT, StaffRole.PRIVACY):
        somebody = world.employ(role)
        with world.unchanged("access.denied"):
            assert world.ask("{ deployments { part } }", somebody).code == "FORBIDDEN"
    assert len(standings(world, world.employ(StaffRole.AUDITOR))) == 3


def test_what_runs_already_is_approved_as_an_emergency_or_not_at_all(
    world: World, sysadmin: Person, security: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No approval passes for one that came before; a second person's look afterwards is told as what it is."""
    began(world, monkeypatch, OTHER["version"])
    planned = register(world, sysadmin, versions=[OTHER]).data["it"]["change"]["id"]
    with world.unchanged():
        refused = approve(world, security, planned)
    assert refused.code == "CONFLICT"
    assert "emergency" in refused.message
    urgent = register(world, sysadmin, versions=[OTHER], emergency=True).data["it"]["change"]["id"]
    assert standings(world, sysadmin)[-1] == ("f", "AWAITING_REVIEW")
    approve(world, security, urgent).data  # noqa: B018 - fails where it did not work
    assert standings(world, sysadmin)[-1] == ("f", "REVIEWED")
    assert [each["details"]["afterwards"] for each in world.events("change.approved")] == [True]
    with transaction(world.house.store.engine, read_only=True) as session:
        assert {each.status.value for each in session.query(Change)} == {"REGISTERED", "APPROVED"}

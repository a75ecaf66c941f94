"""Why somebody may do something or may not: told to them, to those who check others, and never more than they may see."""

import uuid
from typing import Any

import pytest

from storage.staff import StaffRole
from tests.world import Answer, Person, World, global_id, raw_id

QUERY = """query($action: Action!, $id: ID, $as: ID) { policy { explain(action: $action, id: $id, as: $as) {
    allowed text reasons { place rule stoppedAt saw { name value } below { place saw { name value } below {
    place saw { name value } below { stoppedAt saw { name value } below { saw { name value } } } } } } } } }"""


NOWHERE = uuid.UUID(int=7)


def why(world: World, by: Person | None, action: str, thing: str | None = None, whom: str | None = None) -> Answer:
    return world.ask(QUERY, by, action=action, id=thing, **{"as": whom})


def told(answer: Answer) -> Any:
    return answer.data["policy"]["explain"]


def everything(answer: Answer) -> str:
    """All that an answer says, as one text."""
    return str(answer.body)


def staff_id(world: World, person: Person) -> str:
    """A staff member's own id."""
    return str(world.ask("{ viewer { principalId } }", person).data["viewer"]["principalId"])


def test_an_owner_learns_by_which_rule(world: World) -> None:
    """The rules that held, each at its line, and no event: it is their own business."""
    ada = world.register("ada")
    project = world.project(ada)
    with world.unchanged():
        found = told(why(world, ada, "READ", project))
    assert found["allowed"]
    assert all(reason["place"].startswith("policy.polar:") for reason in found["reasons"])
    assert "project.owner_id = person.id" in found["text"]


def test_what_is_missing_is_named_with_what_it_saw(world: World) -> None:
    """To delete, the owner would have to step up: the rule, its condition, and that it was false."""
    ada = world.register("ada")
    found = told(why(world, ada, "DELETE", world.project(ada)))
    assert not found["allowed"]
    assert "stopped at person.stepped_up, where person.stepped_up is false" in found["text"]


def test_an_action_that_nothing_gives_is_said_plainly(world: World) -> None:
    """On the platform itself too: a contributor and a policy that is not theirs to change."""
    found = told(why(world, world.register("ada"), "RELOAD_POLICY"))
    assert not found["allowed"]
    assert found["text"].startswith("No: you may not reload_policy this (Platform).")


@pytest.mark.parametrize("thing", ["asset", "deleted", "nowhere"])
def test_what_one_may_not_see_is_not_explained(world: World, thing: str) -> None:
    """A stranger hears the same of a thing of somebody's and of one that never was."""
    ada, eve = world.register("ada"), world.register("eve")
    project = world.project(ada)
    given = {"asset": world.asset(ada, project), "deleted": project, "nowhere": global_id("Asset", uuid.uuid4())}[thing]
    with world.unchanged("access.denied"):
        refused = why(world, eve, "READ", given)
    kind = "Project" if thing == "deleted" else "Asset"
    assert (refused.code, refused.message) == ("NOT_FOUND", f"There is no such {kind}.")


def test_facts_of_rows_that_one_may_not_read_are_not_told(world: World) -> None:
    """A viewer learns their own part in a project; who else is in it, and as what, they don't."""
    ada, vic, max_ = (world.register(name) for name in ("ada", "vic", "max"))
    project = world.project(ada)
    world.share(ada, project, vic, "VIEWER")
    world.share(ada, project, max_, "EDITOR")
    asset = world.asset(ada, project)
    for thing, action in ((project, "UPDATE"), (asset, "UPDATE"), (asset, "DELETE"), (project, "SHARE")):
        answer = why(world, vic, action, thing)
        assert not told(answer)["allowed"]
        assert _uuid(max_) not in everything(answer)
        assert "is “EDITOR”" not in everything(answer)
    assert "member.role is “VIEWER”" in told(why(world, vic, "UPDATE", project))["text"]


def _uuid(person: Person) -> str:
    return str(raw_id(person.id))


def test_the_shape_of_an_answer_does_not_tell_how_many_others_there_are(world: World) -> None:
    """With one other member or with five, the explanation is the same."""
    ada, vic = world.register("ada"), world.register("vic")
    project = world.project(ada)
    world.share(ada, project, vic, "VIEWER")
    answers = []
    for _ in range(3):
        friend = world.register("friend")
        world.share(ada, project, friend, "EDITOR")
        answers.append(why(world, vic, "UPDATE", project).same)
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("role", [StaffRole.SECURITY, StaffRole.AUDITOR])
def test_those_who_check_may_ask_about_others_and_it_is_recorded(world: World, role: StaffRole) -> None:
    """They learn the rule; the row's facts and its content stay with those who may read it. The subject sees who asked."""
    ada, vic = world.register("ada"), world.register("vic")
    project = world.project(ada, "Harbour at night")
    world.share(ada, project, vic, "VIEWER")
    officer = world.employ(role)
    for whom, action, allowed in ((vic, "READ", True), (vic, "UPDATE", False), (ada, "UPDATE", True)):
        with world.unchanged("policy.explained"):
            answer = why(world, officer, action, project, whom.id)
        assert told(answer)["allowed"] is allowed
        for secret in ("Harbour", _uuid(ada if whom is vic else vic), "is “VIEWER”"):
            assert secret not in everything(answer)
    event = world.events("policy.explained")[0]
    assert (event["resource"], event["details"], event["actorKind"]) == ("project", {"attempted": "read"}, "STAFF")
    seen = world.ask("{ accessLog(first: 5) { edges { node { action } } } }", vic).data["accessLog"]["edges"]
    assert [edge["node"]["action"] for edge in seen].count("policy.explained") == 2


def test_keys_and_staff_can_be_asked_about_too(world: World) -> None:
    """A key as far as its scopes go, staff as far as their jobs do."""
    ada = world.register("ada")
    project = world.project(ada)
    key, _ = world.key(ada, "write")
    auditor, security = world.employ(StaffRole.AUDITOR), world.employ(StaffRole.SECURITY)
    assert told(why(world, auditor, "UPDATE", project, key))["allowed"]
    assert not told(why(world, auditor, "READ_CONTENT", project, key))["allowed"]
    assert told(why(world, auditor, "RELOAD_POLICY", None, staff_id(world, security)))["allowed"]
    assert not told(why(world, auditor, "READ", project, staff_id(world, security)))["allowed"]


def test_nobody_else_asks_about_others(world: World, subtests: pytest.Subtests) -> None:
    """Neither what exists nor what is allowed can be learnt so: one refusal for everything, in the trail."""
    ada, eve = world.register("ada"), world.register("eve")
    project = world.project(ada)
    people = {
        "contributor": eve,
        "key": world.key(eve, "read")[1],
        "support": world.employ(StaffRole.SUPPORT),
        "sysadmin": world.employ(StaffRole.SYSADMIN),
        "privacy": world.employ(StaffRole.PRIVACY),
        "nothing": world.employ(),
    }
    for rung, asker in people.items():
        with subtests.test(rung=rung):
            world.ask("{ viewer { kind } }", asker).data  # noqa: B018 - a key's first use is noted in its row
            for thing in (project, global_id("Project", uuid.uuid4())):
                for whom in (ada.id, global_id("Contributor", uuid.uuid4()), eve.id):
                    with world.unchanged("access.denied"):
                        refused = why(world, asker, "READ", thing, whom)
                    assert refused.code == "FORBIDDEN"


def test_a_key_that_may_not_read_gets_no_explanation(world: World) -> None:
    """A key to write is told FORBIDDEN; one to read may ask about what it is refused."""
    ada = world.register("ada")
    project = world.project(ada)
    assert why(world, world.key(ada, "write")[1], "READ", project).code == "FORBIDDEN"
    found = told(why(world, world.key(ada, "read")[1], "UPDATE", project))
    assert not found["allowed"]


NO_IDS = [
    ("rubbish", None, "id"),
    (global_id("AuditPersonal", NOWHERE), None, "id"),
    (global_id("Session", NOWHERE), None, "id"),
    (None, "rubbish", "as"),
    (None, global_id("Project", NOWHERE), "as"),
]


def test_an_id_of_nothing_that_is_ruled_is_refused(world: World, subtests: pytest.Subtests) -> None:
    """With the name of the argument, and no more."""
    auditor = world.employ(StaffRole.AUDITOR)
    for thing, whom, field in NO_IDS:
        with subtests.test(thing=thing, whom=whom, field=field):
            with world.unchanged():
                refused = why(world, auditor, "READ", thing, whom)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


def test_strangers_are_not_told_anything_about_the_policy(world: World) -> None:
    """Not even its version."""
    with world.unchanged("access.denied"):
        assert world.ask("{ policy { version } }").code == "UNAUTHENTICATED"
    with world.unchanged("access.denied"):
        assert why(world, None, "READ").code == "UNAUTHENTICATED"


def test_the_matrix_is_the_page_of_the_repository(world: World) -> None:
    """Every role, thing and action as `policy matrix` writes it, and the fields that each action shows."""
    query = "{ policy { version hash text matrix { role resource action ways fields } } }"
    found = world.ask(query, world.register("ada")).data["policy"]
    assert (found["version"], found["hash"][:16]) == (world.house.policy.version,) * 2
    assert found["text"] == world.house.policy.source
    rows = {(row["role"], row["resource"], row["action"]): row for row in found["matrix"]}
    assert rows["contributor", "Project", "READ_CONTENT"]["fields"] == ["name"]
    assert "owner_id is theirs" in rows["contributor", "Project", "SHARE"]["ways"]
    assert ("staff: sysadmin", "Project", "READ") not in rows
    assert not [row for row in found["matrix"] if row["role"] == "anonymous"]

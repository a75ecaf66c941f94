"""The trail: every change once, with the change or not at all; every look at others' work before it is had."""

from typing import Any

import pytest

from policies.actions import Action
from resolvers.context import Context
from storage.ledger import entries
from storage.projects import Project
from storage.staff import StaffRole
from tests.resolvers import ladder
from tests.world import PASSWORD, Person, World, raw_id

TOLD = {"createApiKey", "revokeApiKey"}
"""Operations that the account's owner is told of by a notice as well."""
RECORDED = {
    "enrollTotp": "second_factor.offered",
    "enrollPasskey": "passkey.asked",
    "createApiKey": "api_key.created",
    "revokeApiKey": "api_key.revoked",
    "createProject": "project.created",
    "updateProject": "project.updated",
    "unshareProject": "project.unshared",
    "shareProject": "project.shared",
    "createAsset": "asset.created",
    "updateAsset": "asset.updated",
    "submitPrompt": "prompt.submitted",
    "cancelPrompt": "prompt.cancel_requested",
    "updatePrivacyPreferences": "preferences.updated",
    "consentToAccess": "access_grant.consented",
    "endAccess": "access_grant.ended",
    "denyAccess": "access_grant.denied",
    "mintExportLink": "export.link_minted",
    "requestExport": "export.requested",
    "requestExport of project": "export.requested",
    "deleteOutput": "deletion.requested",
    "deletePrompt": "deletion.requested",
    "deleteAsset": "deletion.requested",
    "deleteProject": "deletion.requested",
    "revokeSessions": "session.ended",
    "deleteAccount": "deletion.requested",
}
"""What each mutation of the ladder records when its owner does it, in an order in which all of them work."""


def _act(scene: ladder.Scene, operation: str) -> Any:
    return scene.ask(operation, "owner")


def _event(world: World, by: Person | str, event_id: str) -> Any:
    wants = "action outcome component actorKind userId resourceId"
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on AuditEvent {{ {wants} }} }} }}"
    return world.ask(query, by, id=event_id).data["node"]


def test_every_mutation_answers_with_its_one_event(world: World) -> None:
    """`auditEventId` leads its owner to the entry, and there is exactly one per mutation."""
    scene = ladder.make(world)
    owner = scene.people["owner"]
    assert owner is not None
    world.step_up(owner)
    for operation, action in RECORDED.items():
        since = len(world.events())
        event_id = _act(scene, operation).data["it"]["auditEventId"]
        recorded = [event["action"] for event in world.events()[since:]]
        assert recorded == [*["notice.issued"] * (operation in TOLD), action], operation
        if operation != "deleteAccount":
            found = _event(world, owner, event_id)
            assert (found["action"], found["outcome"], found["component"]) == (action, "SUCCESS", "api"), operation
            assert (found["actorKind"], found["userId"]) == ("CONTRIBUTOR", str(raw_id(owner.id))), operation


def test_registering_and_signing_in_answer_with_events_too(world: World) -> None:
    """They are recorded as done by whoever has just proven who they are."""
    ada = world.register("ada")
    signed = world.do("signIn", None, email=ada.email, password=PASSWORD).data["it"]["auditEventId"]
    assert _event(world, ada, signed)["action"] == "session.started"
    stepped = world.do("stepUp", ada, password=PASSWORD).data["it"]["auditEventId"]
    assert _event(world, ada, stepped)["action"] == "session.stepped_up"
    given = {"email": "new@example.org", "password": PASSWORD, "displayName": "New"}
    new = world.do("registerContributor", None, wants="auditEventId session { token }", **given).data["it"]
    assert _event(world, new["session"]["token"], new["auditEventId"])["action"] == "contributor.registered"
    assert world.ask("query($id: ID!) { node(id: $id) { id } }", ada, id=new["auditEventId"]).data == {"node": None}


def test_a_start_is_in_the_trail_with_the_policy_it_began_with(world: World) -> None:
    """A process that answers has said so first, and under which policy."""
    entered, model, started = world.events()[:3]
    assert [each["action"] for each in (entered, model, started)] == [
        "policy.entered",
        "service.registered",  # the model on board, which is the house's own
        "system.started",
    ]
    assert started["component"] == "server"
    assert started["policyVersion"] == entered["policyVersion"] == world.house.policy.version


def test_a_stranger_who_steps_up_is_refused_and_recorded(world: World) -> None:
    """There is nobody to prove to be."""
    with world.unchanged("access.denied"):
        assert world.do("stepUp", None, password=PASSWORD).code == "UNAUTHENTICATED"
    assert world.events("access.denied")[-1]["details"]["attempted"] == "step_up"


def test_what_can_not_be_recorded_does_not_happen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the trail broken no mutation changes anything, keysets and queued jobs included."""
    scene = ladder.make(world)
    owner = scene.people["owner"]
    assert owner is not None
    world.step_up(owner)

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("disk full")

    with world.unchanged(attempts=True):  # what is proven counts as a failure until it is known to be right
        monkeypatch.setattr(entries, "append", broken)
        for operation in RECORDED:
            assert _act(scene, operation).code == "INTERNAL_SERVER_ERROR", operation
        given = {"email": "new@example.org", "password": PASSWORD, "displayName": "New"}
        assert world.do("registerContributor", None, **given).code == "INTERNAL_SERVER_ERROR"
        assert world.sign_in(owner.email).code == "INTERNAL_SERVER_ERROR"
        monkeypatch.undo()


def test_content_of_others_is_not_shown_unless_that_is_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the look of a member can't be written down, they don't get to see it; the owner's own look needs no entry."""
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada, "Autumn leaves")
    world.share(ada, project, ben, "VIEWER")
    query = "query($id: ID!) { project(id: $id) { name } }"

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("disk full")

    monkeypatch.setattr(entries, "append", broken)
    refused = world.ask(query, ben, id=project)
    assert (refused.status, refused.code, "Autumn" in str(refused.body)) == (500, "INTERNAL_SERVER_ERROR", False)
    assert world.ask(query, ada, id=project).data == {"project": {"name": "Autumn leaves"}}


def test_a_members_look_is_told_to_the_owner(world: World) -> None:
    """Which things of whom, by whom: one entry per owner and kind, none for one's own, none for what was not opened."""
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada)
    own = world.project(ben, "Mine")
    world.share(ada, project, ben, "VIEWER")
    assets = {world.announce(ada, project)[0] for _ in range(2)}
    with world.unchanged():
        world.ask("{ assets { totalCount edges { node { id status } } } }", ben)
    with world.unchanged("content.read", "content.read"):
        world.ask("{ projects { edges { node { name assets { edges { node { title tags } } } } } } }", ben)
    found = {event["resource"]: event["details"] for event in world.events("content.read")}
    assert found["project"]["objectIds"] == [str(raw_id(project))]
    assert set(found["asset"]["objectIds"]) == {str(raw_id(asset)) for asset in assets}
    assert str(raw_id(own)) not in str(found)
    seen = world.ask("{ accessLog { edges { node { action userId details } } } }", ada).data["accessLog"]["edges"]
    assert {(each["node"]["action"], each["node"]["userId"]) for each in seen} == {
        ("content.read", str(raw_id(ben.id)))
    }


def test_reading_the_trail_is_in_the_trail(world: World) -> None:
    """A list, the access log and a single entry: each reading is an entry, with how many were read."""
    ada = world.register("ada")
    project = world.do("createProject", ada, wants="auditEventId", name="P").data["it"]["auditEventId"]
    for query in (
        "{ auditEvents(first: 2) { edges { node { action } } } }",
        f'{{ node(id: "{project}") {{ ... on AuditEvent {{ action }} }} }}',
    ):
        with world.unchanged("trail.read"):
            world.ask(query, ada).data  # noqa: B018 - fails the test where it did not work
    assert [event["details"]["eventCount"] for event in world.events("trail.read")] == [2, 1]


def test_contributors_read_their_own_part_of_the_trail(world: World) -> None:
    """What they did and what befell what is theirs; nothing of others."""
    ada, ben = world.register("ada"), world.register("ben")
    world.project(ada)
    world.project(ben)
    seen = world.ask("{ auditEvents { totalCount edges { node { action userId } } } }", ada).data["auditEvents"]
    assert [each["node"]["action"] for each in seen["edges"]] == [
        "project.created",
        "contributor.registered",
        "session.started",
    ]
    assert {each["node"]["userId"] for each in seen["edges"]} == {str(raw_id(ada.id))}
    assert world.ask("{ accessLog { totalCount } }", ada).data == {"accessLog": {"totalCount": 0}}


@pytest.mark.parametrize(
    ("role", "sees"),
    [(StaffRole.AUDITOR, True), (StaffRole.SECURITY, True), (StaffRole.SUPPORT, False), (StaffRole.SYSADMIN, False)],
)
def test_staff_read_the_trail_by_their_job_and_never_its_personal_side(
    world: World, role: StaffRole, sees: bool
) -> None:
    """Auditors and security see what happened, and neither who it was nor from where."""
    ada = world.register("ada")
    world.project(ada)
    staff = world.employ(role)
    query = "{ auditEvents { totalCount edges { node { action userId onBehalfOf ipAddress userAgent details } } } }"
    found = world.ask(query, staff).data["auditEvents"]
    assert (found["totalCount"] > 0) is sees
    assert str(raw_id(ada.id)) not in str(found)
    for edge in found["edges"]:
        assert {edge["node"][name] for name in ("userId", "onBehalfOf", "ipAddress", "userAgent")} == {None}


def test_the_one_a_project_is_shared_with_reads_that_it_was(world: World) -> None:
    """Sharing goes into the trail of whoever was let in, and of whoever let them in."""
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada)
    world.share(ada, project, ben, "VIEWER")
    world.do("unshareProject", ada, projectId=project, email=ben.email)
    query = """{ a: auditEvents(action: "project.shared") { totalCount }
        b: auditEvents(action: "project.unshared") { totalCount } }"""
    for person in (ada, ben):
        assert world.ask(query, person).data == {"a": {"totalCount": 1}, "b": {"totalCount": 1}}


def test_each_mutation_of_a_document_stands_for_itself(world: World) -> None:
    """What was done before one that fails is done, and recorded; what comes after it is not begun."""
    ada, ben = world.register("ada"), world.register("ben")
    foreign = world.project(ben)
    query = """mutation($id: ID!) {
        a: createProject(input: {name: "first"}) { project { name } }
        b: updateProject(input: {projectId: $id, name: "stolen"}) { project { name } }
        c: createProject(input: {name: " "}) { project { name } }
        d: createProject(input: {name: "last"}) { project { name } } }"""
    since = len(world.events())
    answer = world.ask(query, ada, id=foreign)
    assert (answer.code, answer.errors[0]["path"], answer.body["data"]) == ("NOT_FOUND", ["b"], None)
    assert [event["action"] for event in world.events()[since:]] == ["project.created", "access.denied"]
    found = world.ask("{ projects { edges { node { name } } } }", ada).data["projects"]["edges"]
    assert [edge["node"]["name"] for edge in found] == ["first"]
    assert (
        world.ask("query($id: ID!) { project(id: $id) { name } }", ben, id=foreign).data["project"]["name"] == "Autumn"
    )


def test_a_mutation_that_forgets_its_event_is_undone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A use case that changes something and records nothing is a fault of ours, and changes nothing."""
    ada = world.register("ada")
    project = world.project(ada)

    def silent(context: Context, project_id: Any, name: str) -> Any:
        row = context.access.get(Project, project_id, Action.UPDATE)
        context.work.vault.seal(row, name=name)
        context.work.session.flush()
        return row

    monkeypatch.setattr("resolvers.projects.update", silent)
    with world.unchanged():
        assert world.do("updateProject", ada, projectId=project, name="N").code == "INTERNAL_SERVER_ERROR"


def test_keys_act_for_their_owner_and_the_trail_says_so(world: World) -> None:
    """What a program did is the key's doing, on behalf of its owner, who reads it."""
    ada = world.register("ada")
    _, key = world.key(ada, "write", "read")
    event_id = world.do("createProject", key, name="P").data["it"]["auditEventId"]
    query = "query($id: ID!) { node(id: $id) { ... on AuditEvent { actorKind onBehalfOf } } }"
    assert world.ask(query, ada, id=event_id).data["node"] == {
        "actorKind": "API_KEY",
        "onBehalfOf": str(raw_id(ada.id)),
    }

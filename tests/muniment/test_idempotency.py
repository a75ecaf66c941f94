"""Idempotency-Key: a mutation that is sent again is answered again and done once."""

import json
import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from storage.clock import now
from storage.database import transaction
from storage.erasures import Target, destroy_rows
from storage.idempotency import IdempotentAnswer, forget
from storage.staff import StaffRole
from tests.world import MODERN, PASSWORD, Answer, Person, World, opened, raw_id

CREATE = 'mutation { it: createProject(input: {name: "Autumn"}) { project { id name } auditEventId } }'
OTHER = 'mutation { it: createProject(input: {name: "Winter"}) { project { id name } auditEventId } }'

SOON = (now() + timedelta(days=30)).isoformat()


def ask(world: World, query: str, by: Person | None, key: Any = "k1", **variables: Any) -> Answer:
    """One operation under an Idempotency-Key."""
    headers = {"accept": MODERN, "idempotency-key": key}
    if by is not None:
        headers["authorization"] = f"Bearer {by.token}"
    answer = world.client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    return Answer(answer.status_code, answer.json())


def kept(world: World) -> int:
    """How many answers are kept."""
    with transaction(world.house.store.engine, read_only=True) as session:
        return session.query(IdempotentAnswer).count()


def test_the_same_request_again_is_answered_the_same_and_done_once(world: World) -> None:
    """The thing, its event and the answer are those of the first time; nothing is written by the second."""
    ada = world.register("ada")
    first = ask(world, CREATE, ada).data
    with world.unchanged():
        assert ask(world, CREATE, ada).data == first
        assert ask(world, CREATE, ada, '"k1"').data == first
    assert len(world.events("project.created")) == 1


def test_another_request_under_the_same_key_is_refused(world: World) -> None:
    """Other text, other variables, another operation: IDEMPOTENCY_MISMATCH, and nothing happens."""
    ada = world.register("ada")
    named = "mutation($name: String!) { it: createProject(input: {name: $name}) { auditEventId } }"
    ask(world, named, ada, name="Autumn").data  # noqa: B018
    with world.unchanged():
        assert ask(world, named, ada, name="Winter").code == "IDEMPOTENCY_MISMATCH"
        assert ask(world, OTHER, ada).code == "IDEMPOTENCY_MISMATCH"
        assert ask(world, "mutation { signOut { auditEventId } }", ada).code == "IDEMPOTENCY_MISMATCH"
    assert ask(world, named, ada, "k2", name="Winter").code is None


def test_a_key_is_its_callers_own(world: World) -> None:
    """Two people, and a person and their API key, may use the same key for different things."""
    ada, ben = world.register("ada"), world.register("ben")
    key = world.key(ada, "read", "write")[1]
    made = {ask(world, CREATE, each).data["it"]["project"]["id"] for each in (ada, ben, key)}
    assert len(made) == 3
    assert ask(world, OTHER, ben).code == "IDEMPOTENCY_MISMATCH"


def test_a_request_that_was_refused_may_be_mended_under_its_key(world: World) -> None:
    """A key belongs to the first request that changed something: a refusal changes nothing, and uses nothing up."""
    ada = world.register("ada")
    bad = 'mutation { it: createProject(input: {name: ""}) { auditEventId } }'
    with world.unchanged():
        assert ask(world, bad, ada).code == "BAD_USER_INPUT"
    assert ask(world, CREATE, ada).code is None
    assert kept(world) == 1


def test_of_several_mutations_each_is_done_once(world: World) -> None:
    """What was done is answered again; what was refused is tried again."""
    ada = world.register("ada")
    query = """mutation($id: ID!) {
        a: createProject(input: {name: "A"}) { project { id } }
        b: updateProject(input: {projectId: $id, name: "B"}) { project { name } }
        c: createProject(input: {name: "C"}) { project { id } } }"""
    assert ask(world, query, ada, id="x").code == "BAD_USER_INPUT"
    with world.unchanged():
        assert ask(world, query, ada, id="x").code == "BAD_USER_INPUT"
    assert kept(world) == 1


def test_a_token_is_given_again_to_whoever_sends_the_same_request(world: World) -> None:
    """Registering again opens the same session: its token works, and there is one account."""
    wanted = """mutation($input: RegisterContributorInput!) { it: registerContributor(input: $input) {
        contributor { id email displayName } session { token expiresAt steppedUpUntil } auditEventId } }"""
    given = {"email": "ada@example.org", "password": PASSWORD, "displayName": "Ada"}
    first = ask(world, wanted, None, input=given)
    with world.unchanged():
        assert ask(world, wanted, None, input=given).data == first.data
        assert ask(world, wanted, None, input={**given, "password": PASSWORD + "x"}).code == "IDEMPOTENCY_MISMATCH"
    token = first.data["it"]["session"]["token"]
    assert token.encode() not in world.everything_kept()
    assert world.ask("{ viewer { kind } }", token).data == {"viewer": {"kind": "CONTRIBUTOR"}}
    sign_in = "mutation($input: SignInInput!) { it: signIn(input: $input) { session { token } viewer { kind } } }"
    again = {"email": given["email"], "password": PASSWORD}
    signed = [ask(world, sign_in, None, "k2", input=again).data for _ in range(2)]
    assert signed[0] == signed[1]
    assert len(world.events("session.started")) == 2


def test_a_session_that_ended_is_not_given_again(world: World) -> None:
    """What opened it is answered with UNAUTHENTICATED: nobody gets a dead token, and no other session is opened."""
    ada = world.register("ada")
    query = "mutation($input: SignInInput!) { it: signIn(input: $input) { session { token } } }"
    given = {"email": ada.email, "password": PASSWORD}
    token = ask(world, query, None, input=given).data["it"]["session"]["token"]
    world.ask("mutation { signOut { auditEventId } }", token).data  # noqa: B018
    with world.unchanged():
        assert ask(world, query, None, input=given).code == "UNAUTHENTICATED"


def test_what_is_answered_again_is_read_again(world: World) -> None:
    """A thing is shown as it is now; once it may not be seen any more, it is not."""
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada)
    world.share(ada, project, ben, "EDITOR")
    query = """mutation($id: ID!) { it: createAsset(input: {
        projectId: $id, fileName: "a.txt", mediaType: "text/plain", byteSize: 1 }) { asset { id fileName } uploadUrl } }"""
    first = ask(world, query, ben, id=project).data
    assert ask(world, query, ben, id=project).data == first
    world.do("unshareProject", ada, projectId=project, email=ben.email).data  # noqa: B018
    with world.unchanged("access.denied"):
        again = ask(world, query, ben, id=project)
    assert again.code == "NOT_FOUND"
    assert "a.txt" not in json.dumps(again.body)


@pytest.mark.parametrize(
    ("name", "wants", "given"),
    [
        (
            "createApiKey",
            "secret apiKey { id }",
            {"name": "n", "scopes": ["read"], "expiresAt": SOON},
        ),
        ("updatePrivacyPreferences", "privacyPreferences { training updatedAt } auditEventId", {"training": True}),
        ("stepUp", "session { token expiresAt steppedUpUntil } auditEventId", {"password": PASSWORD}),
        ("requestExport", "export { id status } auditEventId", {"scope": "ACCOUNT"}),
    ],
)
def test_every_sort_of_answer_is_given_again(world: World, name: str, wants: str, given: dict[str, Any]) -> None:
    """Secrets, choices, times, jobs: all as they were, with one event and one effect."""
    ada = world.register("ada")
    world.step_up(ada)
    kind = name[0].upper() + name[1:] + "Input"
    query = f"mutation($input: {kind}!) {{ it: {name}(input: $input) {{ {wants} }} }}"
    first = ask(world, query, ada, input=given).data
    with world.unchanged():
        assert ask(world, query, ada, input=given).data == first


def test_staff_have_keys_too(world: World) -> None:
    """Their answers belong to no contributor, and are sealed all the same."""
    member = world.employ(StaffRole.SUPPORT)
    query = "mutation { it: revokeSessions { ended auditEventId } }"
    first = ask(world, query, member).data
    assert ask(world, query, member).data == first


def test_requests_at_the_same_moment_are_carried_out_once(world: World) -> None:
    """Eight senders, one project: all of them hear of the same one."""
    ada = world.register("ada")
    gate, answers = threading.Barrier(8), []

    def send() -> None:
        gate.wait()
        answers.append(ask(world, CREATE, ada).body)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["data"] for answer in answers] == [answers[0]["data"]] * 8
    assert len(world.events("project.created")) == 1


def test_an_answer_outlives_the_process(home: Path, database_url: str, cheap_passwords: None) -> None:
    """After a restart the same request has the same answer, and no second effect."""
    with opened(home, database_url) as world:
        ada = world.register("ada")
        first = ask(world, CREATE, ada).data
    with opened(home, database_url) as world, world.unchanged():
        assert ask(world, CREATE, ada).data == first
        assert ask(world, OTHER, ada).code == "IDEMPOTENCY_MISMATCH"


def test_what_could_not_be_kept_was_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change and its answer commit together: without the one there is not the other."""
    ada = world.register("ada")
    project = world.project(ada)
    query = 'mutation($id: ID!) { it: updateProject(input: {projectId: $id, name: "Winter"}) { project { name } } }'

    def broken(*_: Any) -> None:
        raise OSError("the disk is full")

    with world.unchanged(), monkeypatch.context() as patch:
        patch.setattr("storage.idempotency.add", broken)
        assert ask(world, query, ada, id=project).code == "INTERNAL_SERVER_ERROR"
    assert ask(world, query, ada, id=project).data == {"it": {"project": {"name": "Winter"}}}


def test_a_key_may_be_used_again_after_a_day(world: World) -> None:
    """For something else, too; and what was kept is swept away."""
    ada = world.register("ada")
    ask(world, CREATE, ada).data  # noqa: B018
    later = now() + timedelta(hours=24, minutes=1)
    with transaction(world.house.store.engine) as session:
        forget(session, later - timedelta(minutes=5))
    assert kept(world) == 1
    fresh = world.sign_in
    with time_machine.travel(later):
        again = fresh(ada.email).data["it"]["session"]["token"]
        assert ask(world, OTHER, Person("ada", again)).code is None
    with transaction(world.house.store.engine) as session:
        forget(session, later + timedelta(days=2))
    assert kept(world) == 0


def test_answers_go_with_the_account(world: World) -> None:
    """Deleting an account destroys every answer that was given to it, the first one's too, and nobody else's."""
    ada, ben = world.register("ada"), world.register("ben")
    sign_in = "mutation($input: SignInInput!) { it: signIn(input: $input) { session { token } } }"
    ask(world, sign_in, None, "k0", input={"email": ada.email, "password": PASSWORD}).data  # noqa: B018
    ask(world, CREATE, ada).data  # noqa: B018
    ask(world, CREATE, world.key(ada, "read", "write")[1]).data  # noqa: B018
    ask(world, CREATE, ben).data  # noqa: B018
    assert kept(world) == 4
    whose = raw_id(ada.id)
    with transaction(world.house.store.engine) as session:
        gone = destroy_rows(session, [Target("account", whose, whose)])
    assert (gone["idempotent_answers"], kept(world)) == (3, 1)


@pytest.mark.one_database("sqlite", reason="ends before the database")
def test_what_is_no_key_is_refused_before_anything_is_done(world: World, subtests: pytest.Subtests) -> None:
    """400, and nothing happens: whoever sends a key relies on it."""
    ada = world.register("ada")
    for key in ["", " ", "a b", "é".encode("latin-1"), "x" * 256, '""', 'a"b']:
        with subtests.test(key=key), world.unchanged():
            refused = ask(world, CREATE, ada, key)
            assert (refused.status, refused.code) == (400, "BAD_USER_INPUT")


@pytest.mark.one_database("sqlite", reason="asks nothing of the database that differs")
def test_queries_do_not_mind_a_key(world: World) -> None:
    """A read changes nothing and is answered as ever."""
    ada = world.register("ada")
    with world.unchanged():
        assert ask(world, "{ projects { totalCount } }", ada, str(uuid.uuid4())).data == {"projects": {"totalCount": 0}}

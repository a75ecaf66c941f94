"""Subscriptions over WebSocket: for as long as the caller may see what they follow, and to its end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from storage.clock import now
from storage.deletions import Deletion, DeletionStatus
from storage.exports import Export, ExportStatus
from storage.prompts import Prompt, PromptStatus, PromptStep, StepName, StepStatus
from tests.world import LITTLE_WORK, Person, World, agent_scope, raw_id

PROTOCOL = "graphql-transport-ws"
PROGRESS = """subscription($id: ID!) { it: promptProgress(promptId: $id) {
    percentage steps { name status partialText }
    prompt { status text viewerCan outputs { totalCount edges { node { text } } } }
} }"""


class Socket:
    """A connection, and what is said on it."""

    def __init__(self, session: WebSocketTestSession) -> None:
        self.session = session

    def subscribe(self, query: str, number: str = "1", **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        self.session.send_json({"type": "subscribe", "id": number, "payload": payload})

    def next(self) -> Any:
        """The next event's data."""
        said = self.session.receive_json()
        assert said["type"] == "next", said
        assert "errors" not in said["payload"], said
        return said["payload"]["data"]

    def refusal(self) -> str:
        """The code of the error that ends the subscription."""
        said = self.session.receive_json()
        errors = said["payload"] if said["type"] == "error" else said["payload"]["errors"]
        return str(errors[0]["extensions"]["code"])

    def completed(self) -> None:
        assert self.session.receive_json()["type"] == "complete"


@contextmanager
def connected(world: World, by: Person | str | None) -> Iterator[Socket]:
    """A connection of somebody's, greeted."""
    token = by.token if isinstance(by, Person) else by
    with world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL]) as session:
        payload = {} if token is None else {"authorization": f"Bearer {token}"}
        session.send_json({"type": "connection_init", "payload": payload})
        assert session.receive_json() == {"type": "connection_ack"}
        yield Socket(session)


def _step(world: World, prompt: str, partial: str) -> None:
    """The generation agent has begun to write."""
    with world.house.store.begin(agent_scope()) as work:
        row = work.session.get(Prompt, raw_id(prompt))
        assert row is not None
        row.status = PromptStatus.RUNNING
        step = PromptStep(
            prompt_id=row.id, owner_id=row.owner_id, project_id=row.project_id, name=StepName.GENERATE, variation=1
        )
        work.vault.seal(step, partial=partial)
        work.session.add(step)


def _finish(world: World, prompt: str) -> None:
    world.output(prompt, "The river sleeps.")
    with world.house.store.begin(agent_scope()) as work:
        row = work.session.get(Prompt, raw_id(prompt))
        assert row is not None
        row.status, row.stored, row.finished_at = PromptStatus.COMPLETED, 1, now()


def test_a_run_is_followed_from_the_queue_to_its_end(world: World) -> None:
    """Each change comes once, with the text so far and what came of it, and then the subscription completes."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada), "About rivers.")
    with connected(world, ada) as socket:
        socket.subscribe(PROGRESS, id=prompt)
        queued = socket.next()["it"]
        assert (queued["percentage"], queued["prompt"]["status"], queued["steps"]) == (0, "QUEUED", [])
        assert queued["prompt"]["text"] == "About rivers."
        _step(world, prompt, "The river")
        running = socket.next()["it"]
        assert running["steps"] == [
            {"name": "GENERATE", "status": StepStatus.RUNNING.value, "partialText": "The river"}
        ]
        _finish(world, prompt)
        done = socket.next()["it"]
        while done["prompt"]["status"] == "RUNNING":
            done = socket.next()["it"]
        assert (done["percentage"], done["prompt"]["status"]) == (100, "COMPLETED")
        assert done["prompt"]["outputs"] == {"totalCount": 1, "edges": [{"node": {"text": "The river sleeps."}}]}
        socket.completed()


def test_exports_and_deletions_are_followed_too(world: World) -> None:
    """Until the archive is ready, and until the verifier has counted."""
    ada = world.register("ada")
    asset = world.announce(ada, world.project(ada))[0]
    world.step_up(ada)
    export = world.do("requestExport", ada, wants="export { id }").data["it"]["export"]["id"]
    deletion = world.do("deleteAsset", ada, wants="deletion { id }", assetId=asset).data["it"]["deletion"]["id"]
    with connected(world, ada) as socket:
        socket.subscribe("subscription($id: ID!) { exportProgress(exportId: $id) { status percentage } }", id=export)
        assert socket.next() == {"exportProgress": {"status": "QUEUED", "percentage": 0}}
        with world.house.store.begin(agent_scope()) as work:
            work.session.get_one(Export, raw_id(export)).status = ExportStatus.FAILED
        assert socket.next()["exportProgress"]["status"] == "FAILED"
        socket.completed()
        socket.subscribe(
            "subscription($id: ID!) { deletionProgress(deletionId: $id) { status viewerCan } }", id=deletion
        )
        assert socket.next() == {"deletionProgress": {"status": "REQUESTED", "viewerCan": ["READ"]}}
        with world.house.store.begin(agent_scope()) as work:
            work.session.get_one(Deletion, raw_id(deletion)).status = DeletionStatus.ERASED
        assert socket.next()["deletionProgress"]["status"] == "ERASED"
        socket.completed()


def test_a_revoked_session_ends_what_it_follows(world: World) -> None:
    """Unasked, with its code; the connection does nothing more for it."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada))
    elsewhere = str(world.sign_in(ada.email).data["it"]["session"]["token"])
    with connected(world, elsewhere) as socket:
        socket.subscribe(PROGRESS, id=prompt)
        socket.next()
        world.do_plain("revokeSessions", ada)
        assert socket.refusal() == "UNAUTHENTICATED"


def test_a_right_that_is_gone_ends_what_it_allowed(world: World) -> None:
    """Someone shut out of a project sees no more of its runs, and the refusal is in the trail."""
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada)
    world.share(ada, project, ben, "VIEWER")
    prompt = world.prompt(ada, project)
    with connected(world, ben) as socket:
        socket.subscribe(PROGRESS, id=prompt)
        socket.next()
        world.do("unshareProject", ada, projectId=project, email=ben.email)
        assert socket.refusal() == "NOT_FOUND"
    assert [event["details"]["attempted"] for event in world.events("access.denied")] == ["prompt_progress"]


def test_what_somebody_else_watches_is_told_to_the_owner_once(world: World) -> None:
    """A member's look at the text of a run is recorded before it leaves: once per thing, not once per event."""
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada)
    world.share(ada, project, ben, "VIEWER")
    prompt = world.prompt(ada, project)
    with connected(world, ben) as socket:
        socket.subscribe(PROGRESS, id=prompt)
        socket.next()
        assert [event["resource"] for event in world.events("content.read")] == ["prompt"]
        _step(world, prompt, "The river")
        socket.next()
    assert [event["resource"] for event in world.events("content.read")] == ["prompt", "prompt_step"]


@pytest.mark.parametrize(
    ("who", "code"),
    [("nobody", "UNAUTHENTICATED"), ("stranger", "NOT_FOUND"), ("write_key", None), ("garbage", "BAD_USER_INPUT")],
)
def test_what_is_not_yours_is_not_followed(world: World, who: str, code: str | None) -> None:
    """The first look asks the door like every other; a refusal is recorded once and changes nothing."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada))
    people = {
        "nobody": None,
        "stranger": world.register("stranger"),
        "garbage": ada,
        "write_key": world.key(ada, "write")[1],
    }
    world.ask("{ viewer { kind } }", people[who])
    recorded = ["access.denied"] if code in ("UNAUTHENTICATED", "NOT_FOUND") else []
    with world.unchanged(*recorded), connected(world, people[who]) as socket:
        socket.subscribe(
            "subscription($id: ID!) { promptProgress(promptId: $id) { percentage } }",
            id="x" if who == "garbage" else prompt,
        )
        if code is None:
            assert socket.next() == {"promptProgress": {"percentage": 0}}
        else:
            assert socket.refusal() == code


def test_queries_and_mutations_work_on_the_socket_as_they_do_over_http(world: World) -> None:
    """Whole, in one unit of work; errors coded; several operations side by side."""
    ada = world.register("ada")
    with connected(world, ada) as socket:
        socket.subscribe('mutation { createProject(input: {name: "P"}) { project { name } } }', "a")
        assert socket.next() == {"createProject": {"project": {"name": "P"}}}
        socket.completed()
        socket.subscribe("{ projects { totalCount } }", "b")
        assert socket.next() == {"projects": {"totalCount": 1}}
        socket.completed()
        socket.subscribe('{ project(id: "x") { id } }', "c")
        assert socket.refusal() == "BAD_USER_INPUT"
    assert len(world.events("project.created")) == 1


BAD_TOKENS = [
    "x",
    "mun_s_" + "A" * 43,
    "mun_k_abc_def",
    "mun_k_\x00_x",
    "mun_k_é_x",
    "\x00",
    "",
    5,
    {"a": 1},
    ["x"],
]


def test_a_bad_token_closes_the_connection(world: World, subtests: pytest.Subtests) -> None:
    """Whatever it is: 4403, and not an answer as nobody."""
    for token in BAD_TOKENS:
        with subtests.test(token=token):
            with world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL]) as session:
                session.send_json({"type": "connection_init", "payload": {"authorization": token}})
                with pytest.raises(WebSocketDisconnect) as closed:
                    session.receive_json()
            assert closed.value.code == 4403


def test_a_handshake_can_carry_the_token(world: World) -> None:
    """Programs that can set headers may put it there; what connection_init says wins."""
    ada = world.register("ada")
    headers = {"authorization": f"Bearer {ada.token}"}
    with world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL], headers=headers) as session:
        session.send_json({"type": "connection_init"})
        assert session.receive_json() == {"type": "connection_ack"}
        socket = Socket(session)
        socket.subscribe("{ viewer { kind } }")
        assert socket.next() == {"viewer": {"kind": "CONTRIBUTOR"}}


@pytest.mark.one_database("sqlite", reason="ends before anything is asked of a database")
@pytest.mark.parametrize("protocols", [["graphql-ws"], [], ["nonsense"]])
def test_other_protocols_are_refused(world: World, protocols: list[str]) -> None:
    """The legacy protocol starts operations before anybody has said who they are."""
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        world.client.websocket_connect("/graphql", subprotocols=protocols) as session,
    ):
        session.send_json({"type": "connection_init"})
        session.receive_json()
    assert closed.value.code == 4406


@pytest.mark.one_database("sqlite", reason="ends before anything is asked of a database")
@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{ viewer { kind } }"}}', 4401),
        ("not json", 4400),
        ('{"type": "nonsense"}', 4400),
        ("[]", 4400),
        ("[" * 50_000, 4400),
        ('{"type": "connection_init", "payload": {"authorization": "\\ud800"}}', 4400),
        ('{"type": "connection_init"}' + " " * 2_000_000, 4400),
    ],
)
def test_talk_that_is_none_closes_the_connection(world: World, message: str, code: int) -> None:
    """Operations before the greeting, and what is no message of the protocol."""
    with world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL]) as session:
        session.send_text(message)
        with pytest.raises(WebSocketDisconnect) as closed:
            session.receive_json()
    assert closed.value.code == code


@pytest.mark.one_database("sqlite", reason="ends before anything is asked of a database")
def test_a_document_that_asks_for_too_much_is_refused_on_the_socket_too(world: World) -> None:
    """The same limits hold for every operation, whichever way it comes."""
    ada = world.register("ada")
    spreads = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(25))
    with connected(world, ada) as socket:
        begun = time.process_time()
        socket.subscribe(f"{{ ...F0 }} {spreads} fragment F25 on Query {{ a: viewer {{ kind }} }}")
        assert socket.refusal() == "COST_EXCEEDED"
        assert time.process_time() - begun < LITTLE_WORK
        socket.completed()
        many = " ".join(f'p{n}: promptProgress(promptId: "x") {{ percentage }}' for n in range(60))
        socket.subscribe(f"subscription {{ {many} }}", "2")
        assert socket.refusal() == "COST_EXCEEDED"


def test_a_connection_follows_so_much_and_no_more(world: World) -> None:
    """At most twenty subscriptions per connection: a flood is turned away."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada))
    with world.client.websocket_connect("/graphql", subprotocols=[PROTOCOL]) as session:
        session.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {ada.token}"}})
        assert session.receive_json() == {"type": "connection_ack"}
        socket = Socket(session)
        for number in range(21):
            socket.subscribe(
                "subscription($id: ID!) { promptProgress(promptId: $id) { percentage } }", str(number), id=prompt
            )
        with pytest.raises(WebSocketDisconnect) as closed:
            for _ in range(60):
                if session.receive_json()["type"] == "error":
                    raise WebSocketDisconnect(4429)
    assert closed.value.code in (4429, 1008)

"""A subscription goes on by the cursor of its last event: nothing is missed, and nothing is told twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from muniment import sockets
from tests.muniment.test_events import STREAM, told
from tests.muniment.test_subscriptions import _finish, _step, connected
from tests.world import Person, World, opened

FOLLOW = """subscription($id: ID!, $after: String) { it: promptProgress(promptId: $id, after: $after) {
    percentage steps { partialText } prompt { status } } }"""


def following(world: World, by: Person, prompt: str, last: str | None = None, after: str | None = None) -> list[Any]:
    """The whole of an event stream: names, ids and what is said."""
    headers = {"accept": STREAM, "authorization": f"Bearer {by.token}"} | ({"last-event-id": last} if last else {})
    body = {"query": FOLLOW, "variables": {"id": prompt, "after": after}}
    text = world.client.post("/graphql", json=body, headers=headers).text
    found = []
    for block in text.split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in block.split("\n"))
        found.append((lines["event"], lines.get("id"), json.loads(lines["data"]) if lines["data"] else None))
    return found


def test_each_event_has_a_cursor_and_a_socket_goes_on_after_it(world: World) -> None:
    """What is as it was is not told again; what has changed meanwhile is, once, and the end is never missed."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada))
    with connected(world, ada) as socket:
        socket.subscribe(FOLLOW, id=prompt)
        queued = socket.session.receive_json()["payload"]
        _step(world, prompt, "The river")
        running = socket.session.receive_json()["payload"]
    first, second = queued["extensions"]["cursor"], running["extensions"]["cursor"]
    assert first != second
    with connected(world, ada) as socket:
        socket.subscribe(FOLLOW, id=prompt, after=first)
        again = socket.session.receive_json()["payload"]
        assert (again["data"], again["extensions"]["cursor"]) == (running["data"], second)
    with connected(world, ada) as socket:
        socket.subscribe(FOLLOW, id=prompt, after=second)
        _finish(world, prompt)
        last = socket.session.receive_json()["payload"]
        assert last["data"]["it"]["prompt"]["status"] == "COMPLETED"
        socket.completed()
        socket.subscribe(FOLLOW, "2", id=prompt, after=last["extensions"]["cursor"])
        socket.completed()


def test_an_event_stream_goes_on_after_its_last_event(world: World) -> None:
    """The cursor is the event's id, and comes back in `Last-Event-ID`, as browsers send it after a lost connection."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada))
    _finish(world, prompt)
    (name, number, said), end = following(world, ada, prompt)
    assert (name, said["extensions"]["cursor"], said["data"]["it"]["percentage"]) == ("next", number, 100)
    assert end == ("complete", None, None)
    assert following(world, ada, prompt, last=number) == [end]
    assert following(world, ada, prompt, after=number) == [end]
    headers = {"accept": STREAM, "last-event-id": str(number), "authorization": f"Bearer {ada.token}"}
    query = world.client.post("/graphql", json={"query": "{ viewer { kind } }"}, headers=headers).text
    assert "cursor" not in told(query)[0][1]["extensions"]


@pytest.mark.parametrize("kind", ["garbage", "of another", "turned", "empty"])
def test_a_cursor_of_something_else_is_refused(world: World, kind: str) -> None:
    """One that no event of this carried; nothing is told of what is followed."""
    ada = world.register("ada")
    project = world.project(ada)
    prompt, other = world.prompt(ada, project), world.prompt(ada, project)
    for each in (prompt, other):
        _finish(world, each)
    cursors = [str(following(world, ada, each)[0][1]) for each in (prompt, other)]
    given = {"garbage": "x", "of another": cursors[1], "turned": cursors[0][:-2] + "AA", "empty": "="}[kind]
    for asked in ({"last": given}, {"after": given}):
        with world.unchanged():
            (name, number, said), _ = following(world, ada, prompt, **asked)
        assert (name, number, said["errors"][0]["extensions"]["code"]) == ("next", None, "BAD_USER_INPUT")
        assert said["errors"][0]["extensions"]["field"] == "after"
        assert not said["data"]


def test_a_cursor_lets_nobody_in(world: World) -> None:
    """It names a state and gives no right: a stranger with it is told what a stranger is told without."""
    ada, eve = world.register("ada"), world.register("eve")
    prompt = world.prompt(ada, world.project(ada))
    _finish(world, prompt)
    cursor = str(following(world, ada, prompt)[0][1])
    with world.unchanged("access.denied"):
        (_, _, said), _ = following(world, eve, prompt, last=cursor)
    assert said["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.one_database("sqlite", reason="nothing is asked of a database")
def test_a_quiet_socket_is_pinged_and_one_that_nobody_holds_is_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ping comes while nothing happens; who answers stays, who does not is let go and counts no longer."""
    monkeypatch.setattr(sockets, "KEEP_ALIVE_SECONDS", 0.3)
    ada = world.register("ada")
    with connected(world, ada) as socket:
        for _ in range(3):
            assert socket.session.receive_json() == {"type": "ping"}
            socket.session.send_json({"type": "pong"})
        with pytest.raises(WebSocketDisconnect) as closed:
            for _ in range(9):
                socket.session.receive_json()
    assert closed.value.code == 4410


@pytest.mark.one_database("postgresql", reason="on SQLite a home takes one process")
def test_what_one_process_changes_is_followed_on_another(home: Path, database_url: str, cheap_passwords: None) -> None:
    """The database carries the news: a run's steps, its end, and a right that ended elsewhere."""
    with opened(home, database_url) as here, opened(home, database_url) as there:
        ada = there.register("ada")
        prompt, other = (there.prompt(ada, there.project(ada)) for _ in range(2))
        with connected(here, ada) as socket:
            socket.subscribe(FOLLOW, id=prompt)
            assert socket.next()["it"]["prompt"]["status"] == "QUEUED"
            _step(there, prompt, "The river")
            assert socket.next()["it"]["steps"] == [{"partialText": "The river"}]
            _finish(there, prompt)
            while socket.next()["it"]["prompt"]["status"] != "COMPLETED":
                pass
            socket.completed()
            socket.subscribe(FOLLOW, "2", id=other)
            socket.next()
            there.do_plain("revokeSessions", ada)
            there.do_plain("signOut", ada)
            assert socket.refusal() == "UNAUTHENTICATED"

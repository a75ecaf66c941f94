"""Two processes on PostgreSQL: what one changes, whoever follows it at the other is told of, and rights end there too.

The server here looks by itself once an hour only, so that all it tells it was told by the database.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from muniment import policies
from muniment.house import open_house
from policies.compiled import hash_of
from resolvers.policies import standing
from storage.bells import CHANNEL
from tests.faults.servers import THRIFTY, Server, wait_for
from tests.muniment.test_subscriptions import PROGRESS, _finish, _step
from tests.policies_at_work import SAME
from tests.world import Person, World

SELDOM = f"import schema.subscriptions as them; them._AT_LEAST_EVERY_SECONDS = 3600{THRIFTY}"

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.one_database("postgresql", reason="on SQLite a home takes one process"),
]


@pytest.fixture
def other(world: World, home: Path, database_url: str) -> Iterator[Server]:
    """A server in a process of its own, beside the application in this one."""
    server = Server(home, database_url, worker=False)
    server.program = ("-c", SELDOM)
    try:
        server.start()
        yield server
    finally:
        server.close()


class Stream:
    """What a server tells on one event stream."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def next(self) -> Any:
        """The next event's result; comments are passed over."""
        line = next(line for line in self._lines if line.startswith("data:"))
        return json.loads(line.removeprefix("data:")) if line != "data:" else None


@contextmanager
def followed(server: Server, by: Person, query: str, **variables: Any) -> Iterator[Stream]:
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {by.token}"}
    body = {"query": query, "variables": variables}
    with server.api.client.stream("POST", "/graphql", json=body, headers=headers) as answer:
        assert answer.status_code == 200
        yield Stream(answer.iter_lines())  # type: ignore[arg-type]


def test_what_one_process_changes_is_told_by_the_other(world: World, other: Server) -> None:
    """Each step of a run; a project that is shared no more, and a session that is signed out, end what was followed.

    And so it is after the connection over which the other one hears was lost.
    """
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada)
    world.share(ada, project, ben, "VIEWER")
    prompt, still = (world.prompt(ada, project, "About rivers.") for _ in range(2))
    with (
        followed(other, ada, PROGRESS, id=prompt) as run,
        followed(other, ben, PROGRESS, id=still) as shared,
        followed(other, ada, PROGRESS, id=still) as own,
    ):
        for stream in (run, shared, own):
            assert stream.next()["data"]["it"]["prompt"]["status"] == "QUEUED"
        _step(world, prompt, "The river")
        assert run.next()["data"]["it"]["steps"][0]["partialText"] == "The river"
        world.do("unshareProject", ada, projectId=project, email=ben.email).data  # noqa: B018 - fails the test if refused
        assert shared.next()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        _hang_up(world)
        _finish(world, prompt)
        seen = run.next()
        while seen["data"]["it"]["prompt"]["status"] != "COMPLETED":
            seen = run.next()
        assert run.next() is None
        world.do_plain("signOut", ada).data  # noqa: B018
        assert own.next()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def _hang_up(world: World) -> None:
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = :said AND datname = current_database()"
    )
    with world.house.store.engine.begin() as connection:
        assert connection.execute(text(ended), {"said": f"LISTEN {CHANNEL}"}).all()


def test_another_policy_is_taken_over_as_it_comes_into_force(
    world: World, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """Without waiting for the next look."""
    wait_for(lambda: world.house.bell.attended)
    monkeypatch.setattr(policies, "_EVERY_SECONDS", 3600.0)
    world.house.bell.ring("policy")  # so that it waits as long as that from now on
    with open_house(world.settings) as house:
        standing.bring(house.store, house.force, SAME, "policy.polar")
    wait_for(lambda: world.house.policy.version == hash_of(SAME)[:16])

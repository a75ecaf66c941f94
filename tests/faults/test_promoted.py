"""The primary is lost in the middle of commits, and the standby promoted: what was acknowledged is there, once."""

import gc
import itertools
import threading
import time
import uuid
import warnings
from pathlib import Path

import pytest
from sqlalchemy import text

from tests import asgi
from tests.databases import PostgreSQL
from tests.faults.standbys import replicated
from tests.world import MODERN, Person, World, opened, raw_id

CREATE = "mutation($input: CreateProjectInput!) { createProject(input: $input) { project { id } auditEventId } }"
PATIENCE = 240


class Writer(threading.Thread):
    """Somebody who writes without pause; what is refused is sent again under its key, until it is acknowledged."""

    def __init__(self, world: World, by: Person, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.world, self.by, self.over = world, by, over
        self.acknowledged: dict[str, tuple[str, str]] = {}
        self.codes: set[str] = set()

    def run(self) -> None:
        for number in itertools.count():
            if self.over.is_set():
                return
            self._create(f"{self.by.name} {number}")

    def _create(self, name: str) -> None:
        headers = {"accept": MODERN, "authorization": f"Bearer {self.by.token}", "idempotency-key": str(uuid.uuid4())}
        body = {"query": CREATE, "variables": {"input": {"name": name}}}
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = asgi.post(self.world.client, "/graphql", body, headers).json()
            if "errors" not in answer:
                made = answer["data"]["createProject"]
                self.acknowledged[name] = made["project"]["id"], made["auditEventId"]
                return
            self.codes.add(answer["errors"][0]["extensions"]["code"])
            assert time.monotonic() < deadline, answer
            time.sleep(0.05)


@pytest.mark.timeout(600)
@pytest.mark.one_database("postgresql", reason="SQLite has no standby")
def test_what_was_acknowledged_survives_the_loss_of_the_primary(
    home: Path, began: None, cheap_passwords: None, postgresql: PostgreSQL, postgresql_started: str
) -> None:
    """Three write while it is killed; they are told UNAVAILABLE and nothing else, and go on with the standby by themselves."""
    with replicated(postgresql, postgresql_started) as pair, opened(home, pair.url(postgresql_started)) as world:
        over = threading.Event()
        writers = [Writer(world, world.register(name), over) for name in ("ada", "ben", "cy")]
        for each in writers:
            each.start()

        def wait_until_each_has(count: int) -> None:
            deadline = time.monotonic() + PATIENCE
            while any(len(each.acknowledged) < count for each in writers):
                assert time.monotonic() < deadline and all(each.is_alive() for each in writers)
                time.sleep(0.02)

        wait_until_each_has(5)
        pair.lose_the_primary()
        before = [len(each.acknowledged) for each in writers]
        pair.promote()
        wait_until_each_has(max(before) + 4)
        over.set()
        for each in writers:
            each.join(PATIENCE)
        assert set().union(*(each.codes for each in writers)) <= {"UNAVAILABLE"}
        with world.house.store.engine.connect() as connection:
            there = set(connection.execute(text("SELECT id FROM audit_events")).scalars())
        for each in writers:
            found = world.ask("{ projects(first: 100) { edges { node { id name } } } }", each.by).data["projects"][
                "edges"
            ]
            kept = {name: id for name, (id, _) in each.acknowledged.items()}
            assert sorted((edge["node"]["name"], edge["node"]["id"]) for edge in found) == sorted(kept.items())
            assert {raw_id(event) for _, event in each.acknowledged.values()} <= there
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of what was lost while it was being connected
        gc.collect()

"""A part that can't be reached while the server runs: coded answers, nothing changed, and back without a restart."""

import resource
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agents.standins import StandIn, provider
from tests.faults.servers import Server, new_home, serving, settled
from tests.world import PASSWORD, TEXT, Person

CACHE_SECONDS = 0.2
OUTAGE_SECONDS = 1.5
READS = ("list",)
"""Calls that write nothing, so that a full disk does not hinder them."""


@contextmanager
def moved_away(place: Path) -> Iterator[None]:
    """The directory is somewhere else while the block runs; what was made in its place goes."""
    elsewhere = place.rename(place.with_name("elsewhere"))
    try:
        yield
    finally:
        if place.exists():
            shutil.rmtree(place)
        elsewhere.rename(place)


def keys_away(server: Server) -> AbstractContextManager[None]:
    return moved_away(server.home / "keys")


def data_away(server: Server) -> AbstractContextManager[None]:
    return moved_away(server.home / "data")


@contextmanager
def keys_replaced(server: Server) -> Iterator[None]:
    """Another key store lies where ours was: that of a fresh installation, say, or of a backup."""
    keys = server.home / "keys"
    with moved_away(keys):
        keys.mkdir(mode=0o700)
        with closing(sqlite3.connect(keys / "keys.sqlite3")) as other:
            other.execute("CREATE TABLE keysets (id)")
            yield
            assert other.execute("SELECT * FROM keysets").fetchall() == []


@contextmanager
def disk_full(server: Server) -> Iterator[None]:
    """The kernel lets the process write no byte to any file, its log among them."""
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (soft, hard))


OUTAGES = (keys_away, keys_replaced, data_away, disk_full)
Outage = Callable[[Server], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    """A provider that writes slowly."""
    with provider() as served:
        served.words, served.pause = ["word "] * 10, 0.05
        yield served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, stand_in: StandIn) -> Iterator[Server]:
    """One server for all of these, on SQLite: it is its files that are taken away and given back."""
    home = new_home(tmp_path_factory.mktemp("home"))
    url = f"sqlite:///{home}/data/muniment.sqlite3"
    with serving(home, url, key_cache_seconds=CACHE_SECONDS, model_url=stand_in.url, model_terms="in-house") as started:
        yield started


class Caller:
    """Somebody about to do all sorts of things."""

    def __init__(self, server: Server) -> None:
        api = self.api = server.api
        self.person: Person = api.register("mara")
        self.project = api.project(self.person)
        self.asset = api.asset(self.person, self.project)
        _, self.upload_url = api.announce(self.person, self.project)
        self.content_url = api.content_url(self.person, self.asset)
        api.step_up(self.person)

    def calls(self) -> dict[str, Callable[[], tuple[int, str]]]:
        """Each call answers its HTTP status and its text."""

        def do(name: str, /, **given: Any) -> Callable[[], tuple[int, str]]:
            kind = name[0].upper() + name[1:]
            query = f"mutation($input: {kind}Input!) {{ {name}(input: $input) {{ __typename }} }}"
            return lambda: self.send("POST", "/graphql", json={"query": query, "variables": {"input": given}})

        asset = {"projectId": self.project, "fileName": "f", "mediaType": "text/plain", "byteSize": 3}
        stranger = {"email": f"new{time.monotonic_ns()}@example.org", "password": PASSWORD, "displayName": "new"}
        return {
            "list": lambda: self.send("POST", "/graphql", json={"query": "{ projects { edges { node { name } } } }"}),
            "project": do("createProject", name="new"),
            "asset": do("createAsset", **asset),
            "prompt": do("submitPrompt", projectId=self.project, text="Write."),
            "export": do("requestExport", scope="ACCOUNT"),
            "upload": lambda: self.send("PUT", self.upload_url, content=TEXT),
            "download": lambda: self.send("GET", self.content_url),
            "register": do("registerContributor", **stranger),
            "sign in": do("signIn", email=self.person.email, password=PASSWORD),
            "delete": do("deleteAsset", assetId=self.asset),
        }

    def send(self, method: str, url: str, **request: Any) -> tuple[int, str]:
        headers = {"authorization": f"Bearer {self.person.token}"}
        answer = self.api.client.request(method, url, headers=headers, **request)
        return answer.status_code, answer.text


def effects(server: Server) -> dict[str, Any]:
    """Everything that exists: rows, files and keysets. The trail of refusals apart."""
    tables = ("projects", "assets", "prompts", "exports", "deletions", "contributors", "sessions", "blobs")
    found: dict[str, Any] = {table: server.ids(table) for table in tables}
    return found | {"keysets": server.keysets(), "files": server.files()}


@pytest.mark.parametrize("outage", OUTAGES)
def test_every_call_is_refused_with_a_code_and_changes_nothing_and_then_all_is_well(
    server: Server, outage: Outage
) -> None:
    """UNAVAILABLE in good time, without a word from inside; afterwards each of the same calls works."""
    caller = Caller(server)
    settled(server)
    calls, before = caller.calls(), effects(server)
    with outage(server):
        time.sleep(2 * CACHE_SECONDS)  # what is cached may still be used
        began = time.monotonic()
        refused = {name: call() for name, call in calls.items()}
        took = time.monotonic() - began
    for name, (status, text) in refused.items():
        if outage is disk_full and name in READS:
            assert (status, "errors" in text) == (200, False), name
            continue
        assert status in (200, 503), (name, status, text)
        assert '"UNAVAILABLE"' in text, (name, text)
        assert not any(word in text.lower() for word in ("sqlite", "traceback", str(server.home).lower())), text
    assert took < 120
    assert effects(server) == before
    for name, call in calls.items():
        status, text = call()
        assert status in (200, 201), (name, status, text)
        assert "errors" not in text, (name, text)


@pytest.mark.parametrize("outage", [keys_away, disk_full])
def test_runs_that_meet_an_outage_wait_and_end_right(server: Server, outage: Outage) -> None:
    """Generation, export and deletion go on when it is over, without a restart: each once and whole."""
    caller, leaving = Caller(server), Caller(server)
    settled(server)
    told = server.told()
    prompt = caller.api.prompt(caller.person, caller.project, variations=2)
    caller.api.do("requestExport", caller.person, scope="ACCOUNT").data  # noqa: B018 - fails the test if refused
    leaving.api.do("deleteAsset", leaving.person, assetId=leaving.asset).data  # noqa: B018
    with outage(server):
        time.sleep(OUTAGE_SECONDS)
    settled(server)
    wants = "query($id: ID!) { prompt(id: $id) { status stored failed } }"
    found = caller.api.ask(wants, caller.person, id=prompt).data["prompt"]
    assert found == {"status": "COMPLETED", "stored": 2, "failed": 0}
    since = server.told() - told
    assert (since["output.stored"], since["run.finished"], since["deletion.verified"]) == (2, 1, 1)
    assert since["export.built"] == 1
    assert server.incoming() == []
    assert server.files() == server.ids("blobs")

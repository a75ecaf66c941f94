"""Behind a real proxy: whose address is recorded, counted and judged. Run by `make proxies`, as it needs nginx."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from storage.database import transaction
from storage.ledger import trail
from storage.ledger.entries import AuditEvent
from storage.vault import Vault
from tests.faults.connections import HELD, Probe, Target, holding
from tests.faults.servers import serving, wait_for
from tests.proxies.nginx import in_front_of
from tests.world import PASSWORD, opened

NEW_PLACES = "SELECT count(*) FROM incidents WHERE detection = :detection"
PROTOCOLS = [Subprotocol("graphql-transport-ws")]
TRUSTED = {"trusted_proxies": "127.0.0.1"}


class Caller:
    """Somebody who calls through the proxy from an address of theirs."""

    def __init__(self, port: int, address: str) -> None:
        transport = httpx2.HTTPTransport(local_address=address)
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60)

    def ask(self, query: str, token: str | None = None, **said: str) -> Any:
        headers = {**said, **({"authorization": f"Bearer {token}"} if token else {})}
        answer = self.client.post("/graphql", json={"query": query}, headers=headers)
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    def sign_in(self, email: str, **said: str) -> str:
        given = json.dumps(email), json.dumps(PASSWORD)
        asked = f"mutation {{ signIn(input: {{email: {given[0]}, password: {given[1]}}}) {{ session {{ token }} }} }}"
        return str(self.ask(asked, **said)["signIn"]["session"]["token"])

    def close(self) -> None:
        self.client.close()


@contextmanager
def calling(port: int, address: str) -> Iterator[Caller]:
    caller = Caller(port, address)
    try:
        yield caller
    finally:
        caller.close()


def recorded(home: Path, database_url: str) -> dict[str, set[str | None]]:
    """From which addresses each kind of event is recorded, once the server has gone."""
    found: dict[str, set[str | None]] = {}
    with opened(home, database_url) as world, transaction(world.house.store.engine, read_only=True) as session:
        vault = Vault(world.house.store.keyring)
        for entry in session.scalars(trail.with_personal(select(AuditEvent))):
            if entry.personal is None:
                continue
            entry.personal.decisions = frozenset({"read_content"})
            address = vault.open(entry.personal, "ip_address")
            found.setdefault(json.loads(entry.leaf)["action"], set()).add(address)
    return found


def test_the_detections_of_new_places_work_behind_a_proxy(home: Path, database_url: str) -> None:
    """D08 after four networks, D07 after twenty; each event has the caller's own address, whatever they claim."""
    claimed = {"x-forwarded-for": "198.51.100.7", "x-real-ip": "198.51.100.7", "forwarded": "for=198.51.100.7"}
    with serving(home, database_url, **TRUSTED) as server, in_front_of(server.port, home / "nginx") as port:
        wait_for(lambda: server.told()["sentinel.beat"])  # what came before its first look is not judged
        ann = server.api.register("ann")
        for place in range(1, 6):
            with calling(port, f"127.0.{place}.1") as caller:
                caller.sign_in(ann.email, **claimed)
        wait_for(lambda: server.rows(NEW_PLACES, detection="D08") == [(1,)])
        _, key = server.api.key(ann, "read")
        for place in range(21, 43):
            with calling(port, f"127.0.{place}.1") as caller:
                caller.ask("{ viewer { kind } }", key.token, **claimed)
            server.change("UPDATE api_keys SET last_used_at = NULL")  # it is looked at once a minute at most
        wait_for(lambda: server.rows(NEW_PLACES, detection="D07") == [(1,)])
    found = recorded(home, database_url)
    assert found["session.started"] >= {f"127.0.{place}.1" for place in range(1, 6)}
    assert found["api_key.new_place"] == {f"127.0.{place}.1" for place in range(21, 43)}
    assert not any("198.51.100.7" in addresses for addresses in found.values())


def test_without_the_setting_every_caller_is_the_proxy(home: Path, database_url: str) -> None:
    """The header of a peer that is not named says nothing: anybody could send it."""
    with serving(home, database_url, worker=False) as server, in_front_of(server.port, home / "nginx") as port:
        ann = server.api.register("ann")
        with calling(port, "127.0.9.1") as caller:
            caller.sign_in(ann.email)
        with calling(server.port, "127.0.9.2") as direct:
            direct.sign_in(ann.email, **{"x-forwarded-for": "198.51.100.7"})
    assert recorded(home, database_url)["session.started"] == {"127.0.0.1", "127.0.9.2"}


def test_uploads_streams_and_sockets_have_the_callers_address(home: Path, database_url: str) -> None:
    """Each by the road it takes; strangers' streams are counted by address, so that one can't take another's."""
    with (
        serving(home, database_url, worker=False, streams_per_caller=2, **TRUSTED) as server,
        in_front_of(server.port, home / "nginx") as port,
    ):
        ann = server.api.register("ann")
        project = server.api.project(ann)
        _, url = server.api.announce(ann, project, 3)
        with calling(port, "127.0.8.1") as caller:
            assert caller.client.put(url, content=b"abc").status_code == 201
            assert caller.client.put(url, content=b"abd").status_code == 409
        address = f"ws://127.0.0.1:{port}/graphql"
        with ExitStack() as stack:
            for source in ("127.0.7.1", "127.0.7.2"):
                for number in range(3):
                    made = connect(address, subprotocols=PROTOCOLS, source_address=(source, 0))
                    socket = stack.enter_context(made)
                    socket.send(json.dumps({"type": "connection_init"}))
                    if number < 2:
                        assert json.loads(socket.recv())["type"] == "connection_ack"
                        continue
                    with pytest.raises(ConnectionClosed):
                        socket.recv()
    assert recorded(home, database_url)["asset.uploaded"] == {"127.0.8.1"}


def test_one_address_behind_a_proxy_cannot_take_all(home: Path, database_url: str) -> None:
    """Others behind the same proxy are served, and so is the proxy."""
    limits = {"connections": 400, "connections_per_address": 64}
    with (
        serving(home, database_url, worker=False, streams_per_caller=500, **limits, **TRUSTED) as server,
        in_front_of(server.port, home / "nginx") as port,
    ):
        ann, ben = server.api.register("ann"), server.api.register("ben")
        target = Target(port, ann.token, beside=ben.token)
        for name in ("an event stream", "half a body", "a socket that reads no ping", "an unread response"):
            probe = Probe(target)
            with holding(target, 200, HELD[name](target), source="127.0.6.1"), probe.asking():
                wait_for(lambda probe=probe: len(probe.taken) + len(probe.failed) >= 10)  # type: ignore[misc]
            assert (probe.statuses, probe.failed) == ({200}, []), name

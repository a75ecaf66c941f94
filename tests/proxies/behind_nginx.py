"""Behind a real proxy: whose address is recorded, counted and judged. Run by `make proxies`, as it needs nginx."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect

from tests.faults.connections import HELD, Probe, Target, holding
from tests.faults.servers import Server, serving, wait_for
from tests.proxies.nginx import in_front_of
from tests.world import PASSWORD

NEW_PLACES = "SELECT count(*) FROM incidents WHERE detection = :detection"
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


def addresses(server: Server, caller: Caller, token: str) -> set[str]:
    """From which addresses the trail of this person says that they acted."""
    asked = "{ auditEvents(first: 100) { edges { node { ipAddress } } } }"
    return {edge["node"]["ipAddress"] for edge in caller.ask(asked, token)["auditEvents"]["edges"]}


def test_the_detections_of_new_places_work_behind_a_proxy(home: Path, database_url: str) -> None:
    """D08 after four networks, D07 after twenty; each event has the caller's own address, whatever they claim."""
    with serving(home, database_url, **TRUSTED) as server, in_front_of(server.port, home / "nginx") as port:
        ann = server.api.register("ann")
        for place in range(1, 6):
            with calling(port, f"127.0.{place}.1") as caller:
                token = caller.sign_in(ann.email, **{"x-forwarded-for": "198.51.100.7", "x-real-ip": "198.51.100.7"})
                found = addresses(server, caller, token)
                assert f"127.0.{place}.1" in found
                assert "198.51.100.7" not in found
        wait_for(lambda: server.rows(NEW_PLACES, detection="D08") == [(1,)])
        _, key = server.api.key(ann, "READ")
        for place in range(21, 43):
            with calling(port, f"127.0.{place}.1") as caller:
                caller.ask("{ viewer { kind } }", key.token)
        wait_for(lambda: server.rows(NEW_PLACES, detection="D07") == [(1,)])


def test_without_the_setting_every_caller_is_the_proxy(home: Path, database_url: str) -> None:
    """The header of a peer that is not named says nothing: anybody could send it."""
    with serving(home, database_url, worker=False) as server, in_front_of(server.port, home / "nginx") as port:
        ann = server.api.register("ann")
        with calling(port, "127.0.9.1") as caller:
            token = caller.sign_in(ann.email)
            assert addresses(server, caller, token) == {"127.0.0.1"}
        with calling(server.port, "127.0.9.1") as direct:
            token = direct.sign_in(ann.email, **{"x-forwarded-for": "198.51.100.7"})
            assert "198.51.100.7" not in addresses(server, direct, token)


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
            assert caller.client.put(url, content=b"abc").status_code == 409
            assert "127.0.8.1" in addresses(server, caller, ann.token)
        address = f"ws://127.0.0.1:{port}/graphql"
        opened = []
        for source, accepted in (("127.0.7.1", 2), ("127.0.7.2", 2)):
            for number in range(3):
                socket = connect(address, subprotocols=["graphql-transport-ws"], source_address=(source, 0))  # type: ignore[list-item]
                opened.append(socket)
                socket.send(json.dumps({"type": "connection_init"}))
                if number < accepted:
                    assert json.loads(socket.recv())["type"] == "connection_ack"
                else:
                    with pytest.raises(Exception, match=r"4403|4400|Forbidden"):
                        socket.recv()
        for socket in opened:
            socket.close()


def test_one_address_behind_a_proxy_cannot_take_all(home: Path, database_url: str) -> None:
    """Others behind the same proxy are served, and so is the proxy."""
    limits = {"connections": 400, "connections_per_address": 64}
    with (
        serving(home, database_url, worker=False, streams_per_caller=500, **limits, **TRUSTED) as server,
        in_front_of(server.port, home / "nginx") as port,
    ):
        ann = server.api.register("ann")
        target = Target(port, ann.token)
        for name in ("an event stream", "half a body", "a socket that reads no ping", "an unread response"):
            probe = Probe(target)
            with holding(target, 200, HELD[name](target), source="127.0.6.1"), probe.asking():
                wait_for(lambda probe=probe: len(probe.taken) + len(probe.failed) >= 10)  # type: ignore[misc]
            assert (probe.statuses, probe.failed) == ({200}, []), name

"""Somebody of staff in the middle of their work on the real server, and what becomes of it when they leave."""

import json
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from websockets.sync.client import ClientConnection, connect

from muniment.homes import prepare
from muniment.house import open_house
from muniment.variables import load
from resolvers import staff
from resolvers.staff import Hired
from storage.clock import now
from storage.keys.kms import InsecureWarning
from storage.staff import StaffRole
from tests.faults.servers import PATIENCE, Server
from tests.world import Person, code_of

MIB = 1024 * 1024
BYTES = 48 * MIB
"""Of the file that is fetched: several times what lies between a server and a reader who waits."""
PROTOCOL = "graphql-transport-ws"
ENDED = ("UNAUTHENTICATED", "NOT_FOUND")
"""How what is followed ends: the session is gone, or, for a look that began just before that, the grant."""
FOLLOW = "subscription($id: ID!) { promptProgress(promptId: $id) { percentage prompt { status text } } }"


def hire(home: Path, database_url: str, *roles: StaffRole) -> list[tuple[str, Hired]]:
    """Somebody for each of these jobs, by e-mail, from before the server starts."""
    settings = load(home=home, database_url=database_url)
    prepare(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        with open_house(settings) as house:
            named = [(f"{role.lower()}{number}@example.org", role) for number, role in enumerate(roles)]
            return [(email, staff.add(house, email, [role])) for email, role in named]


def signed_in(server: Server, email: str, hired: Hired) -> Person:
    """A session of theirs."""
    said = server.api.sign_in(email, hired.password, totp=code_of(hired.second_factor)).data["it"]
    return Person(email, said["session"]["token"], email=email)


@dataclass
class Work:
    """What is under way: something followed over a WebSocket, a file half fetched, a link, a session."""

    server: Server
    by: Person
    prompt: str
    url: str
    socket: ClientConnection
    transfer: httpx2.Response
    received: int = 0
    ended: dict[str, float] = field(default_factory=dict)
    """When each of them ended, by the monotonic clock."""
    code: str | None = None
    """Of the error with which what was followed ended."""
    pace: float = 0.0
    """Seconds from one piece of the file to the next."""
    threads: list[threading.Thread] = field(default_factory=list)

    def go_on(self) -> None:
        """Follow and fetch, at once, for as long as there is anything to be had."""
        self.threads = [threading.Thread(target=each) for each in (self._follow, self._fetch)]
        for each in self.threads:
            each.start()

    def to_the_end(self) -> None:
        """Wait until there is nothing more to be had."""
        for each in self.threads:
            each.join()

    def refused(self) -> set[tuple[str, int]]:
        """What a new question and the link answer, with their statuses."""
        asked = self.server.api.ask("{ viewer { kind } }", self.by)
        fetched = self.server.api.client.get(self.url)
        return {("session", asked.status), ("link", fetched.status_code)}

    def _follow(self) -> None:
        while self.code is None:
            said = json.loads(self.socket.recv(timeout=PATIENCE))
            errors = said["payload"] if said["type"] == "error" else said["payload"].get("errors")
            self.code = errors[0]["extensions"]["code"] if errors else None
        self.ended["subscription"] = time.monotonic()

    def _fetch(self) -> None:
        try:
            for piece in self.transfer.iter_raw(MIB):
                self.received += len(piece)
                time.sleep(self.pace)
        except httpx2.TransportError:
            pass
        self.ended["download"] = time.monotonic()


@contextmanager
def at_work(server: Server, support: Person) -> Iterator[Work]:
    """`support`, with a grant on a contributor's project, follows a prompt and fetches a file, neither to its end."""
    api = server.api
    owner = api.register("owner")
    api.do("updatePrivacyPreferences", owner, supportAccess=True).data  # noqa: B018 - fails where it did not work
    project = api.project(owner)
    asset, prompt = api.asset(owner, project, b"a line of text\n" * (BYTES // 15)), api.prompt(owner, project)
    asked = {
        "contributorId": owner.id,
        "scope": "PROJECT",
        "objectId": project,
        "reasonCode": "SUPPORT_REQUEST",
        "justification": "The upload of 3 May does not open.",
        "ticket": "CASE-4711",
        "expiresAt": (now() + timedelta(hours=1)).isoformat(),
    }
    grant = api.do("requestAccess", support, wants="accessGrant { id }", **asked).data["it"]["accessGrant"]["id"]
    api.do("consentToAccess", owner, accessGrantId=grant).data  # noqa: B018 - as above
    url = api.content_url(support, asset)
    address = f"ws://127.0.0.1:{server.port}/graphql"
    with (
        connect(address, subprotocols=[PROTOCOL], proxy=None) as socket,  # type: ignore[list-item]
        api.client.stream("GET", url) as transfer,
    ):
        _greeted(socket, support)
        socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": _asked(prompt)}))
        first = json.loads(socket.recv(timeout=PATIENCE))
        assert first["payload"]["data"]["promptProgress"]["prompt"]["text"] == "Write a line.", first
        assert transfer.status_code == 200
        yield Work(server, support, prompt, url, socket, transfer)


def _greeted(socket: ClientConnection, by: Person) -> None:
    socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {by.token}"}}))
    assert json.loads(socket.recv(timeout=PATIENCE)) == {"type": "connection_ack"}


def _asked(prompt: str) -> dict[str, Any]:
    return {"query": FOLLOW, "variables": {"id": prompt}}

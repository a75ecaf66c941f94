"""The real server in a process of its own: started, killed, started again, and looked at from outside."""

import itertools
import json
import os
import signal
import socket
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from sqlalchemy import text

from storage.database import open_engine
from storage.services import address_of
from tests.forks import Forked
from tests.registered import enter_inside
from tests.world import ROOT, Answer, World

PATIENCE = 300
"""Seconds that anything may take here: these machines are shared."""

THRIFTY = """
from argon2 import PasswordHasher
from storage import passwords
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
passwords._nobodys_hash = passwords._hasher.hash("nobody's password")
import muniment.__main__
"""
"""`python -m muniment`, but for what passwords cost: a fifth of a second each is not what these tests are about."""

T = TypeVar("T")


class Callers(World):
    """The calls of `tests.world` over a real socket: there is no house in this process to look into."""

    def __init__(self, url: str, transport: httpx2.BaseTransport | None = None) -> None:
        given = {"base_url": url, "timeout": PATIENCE, "trust_env": False, "transport": transport}
        self.client = httpx2.Client(**given)  # type: ignore[assignment, arg-type]
        self._numbers = itertools.count(time.monotonic_ns())

    def _posted(self, body: object, headers: dict[str, str]) -> Answer:
        response = self.client.post("/graphql", json=body, headers=headers)
        return Answer(response.status_code, response.json())


class Server:
    """`python -m muniment serve` from one home, as often as it is started; `api` calls it.

    With `afresh` each start is one of an interpreter too, for those who look at what a start takes, and of nothing else.
    """

    program = ("-c", THRIFTY)

    def __init__(self, home: Path, database_url: str, *, afresh: bool = False, **settings: object) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.home = home
        self.afresh = afresh
        self.log = home / "process.log"
        self.temporary = home / "temporary"
        self.temporary.mkdir(mode=0o700)
        self.api = Callers(f"http://127.0.0.1:{self.port}")
        self._engine = open_engine(database_url)
        self._model = str(settings["model_url"]) if "model_url" in settings else None
        self._set = {
            "TMPDIR": str(self.temporary),
            "MUNIMENT_DATABASE_URL": database_url,
            "MUNIMENT_COST_PER_MINUTE": "1000000000",  # a fast machine calls more often than a person may
            "MUNIMENT_REGISTRATIONS_PER_ADDRESS": "1000000",  # and all from one address
            **{f"MUNIMENT_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.process: Forked | None = None

    @property
    def alone(self) -> bool:
        """Whether it is sure to be the only process on its data."""
        return self._engine.dialect.name == "sqlite"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def begin(self) -> None:
        """Start it, without waiting for anything."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
        program = ("-m", "muniment") if self.afresh else self.program
        command = [*program, "serve", "--home", self.home, "--port", self.port]
        with self.log.open("ab") as log:
            self.process = Forked(command, self.afresh, cwd=ROOT, env=kept | self._set, stdout=log, stderr=log)

    def start(self) -> float:
        """Start it; answers the processor seconds that it took to be ready: of wall time others take their share."""
        self.begin()
        wait_for(self._is_ready)
        if self._model is not None:  # a stand-in, which nobody has to allow here
            enter_inside(self._engine, address_of(self._model))
            self._model = None
        return processor_seconds(self.pid)

    def half_an_upload(self, url: str, body: bytes) -> socket.socket:
        """A connection over which the first half of the body has gone, and the other half does not come."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(f"PUT {url} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        connection.sendall(body[: len(body) // 2])
        return connection

    def kill(self) -> None:
        """kill -9, in the middle of whatever it does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def close(self) -> None:
        """Leave nothing running."""
        if self.process is not None:
            self.kill()
        self.api.client.close()
        self._engine.dispose()

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """What the database answers to a SELECT, asked past the server."""
        reading = self._engine.execution_options(read_only=True)
        with reading.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def change(self, statement: str) -> None:
        """Change the database past the server."""
        with self._engine.begin() as connection:
            connection.execute(text(statement))

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - a name of this test's own

    def events(self) -> list[dict[str, Any]]:
        """The trail, oldest first."""
        return [json.loads(bytes(leaf)) for (leaf,) in self.rows("SELECT leaf FROM audit_events ORDER BY id")]

    def told(self) -> Counter[str]:
        """How often each action stands in the trail."""
        return Counter(event["action"] for event in self.events())

    def files(self) -> set[str]:
        """The names of all files that hold blobs, finished or not."""
        return {path.name for path in (self.home / "data" / "blobs").rglob("*") if path.is_file()}

    def ids(self, table: str) -> set[str]:
        """The ids of all rows of a table."""
        return {str(uuid.UUID(str(row[0]))) for row in self.rows(f"SELECT id FROM {table}")}  # noqa: S608

    def keysets(self) -> set[tuple[str, str]]:
        """Kind and id of every keyset."""
        with closing(sqlite3.connect(self.home / "keys" / "keys.sqlite3")) as keys:
            return set(keys.execute("SELECT kind, id FROM keysets"))

    def incoming(self) -> list[Path]:
        return list((self.home / "data" / "blobs" / "incoming").glob("*"))

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.api.client.get("/health/ready").status_code == 200
        except httpx2.TransportError:
            return False


@contextmanager
def serving(home: Path, database_url: str, *, afresh: bool = False, **settings: object) -> Iterator[Server]:
    """A server that is ready; nothing of it runs on afterwards."""
    server = Server(home, database_url, afresh=afresh, **settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


def new_home(place: Path) -> Path:
    """A directory laid out as `python -m muniment` does it."""
    for name in ("data", "keys"):
        (place / name).mkdir(mode=0o700)
    return place


def settled(server: Server) -> None:
    """Wait until no agent has anything to do."""
    running = "SELECT 1 FROM {} WHERE status IN ('QUEUED', 'RUNNING', 'REQUESTED', 'ERASING', 'VERIFYING')"
    wait_for(lambda: not any(server.rows(running.format(table)) for table in ("prompts", "exports", "deletions")))


def wait_for(condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """Wait until `condition` answers something true; answers that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def processor_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

"""The real application under test, and the people who use it: no worker, passwords hashed at the lowest cost."""

import base64
import copy
import itertools
import json
import sqlite3
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, delete, event, select, text
from starlette.testclient import TestClient

from muniment.app import create
from muniment.settings import Settings
from muniment.variables import load
from resolvers import staff
from resolvers.house import House
from storage import passwords, totp
from storage.clock import now
from storage.exports import Export, ExportStatus
from storage.keys.kms import InsecureWarning
from storage.keys.names import contributor_keyset
from storage.ledger.scope import AuditScope
from storage.outputs import Output
from storage.prompts import Prompt
from storage.staff import RoleAssignment, StaffMember, StaffRole, separation
from tests import asgi, footprints

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery"
MODERN = "application/graphql-response+json"
TRAIL = ("audit_events", "audit_personal", "audit_pending")
TEXT = b"A quiet brief about rivers.\n" * 40


_numbers = itertools.count()
"""Of addresses: whoever was there when a test began has others than whoever comes."""


@dataclass
class Answer:
    """What the API said."""

    status: int
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        """The data; fails the test where there are errors."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return list(self.body.get("errors", []))

    @property
    def code(self) -> str | None:
        """The one error's code; None without errors."""
        codes = [error["extensions"]["code"] for error in self.errors]
        assert len(codes) < 2, self.errors
        return codes[0] if codes else None

    @property
    def field(self) -> str | None:
        """The part of the input that the one error names."""
        found: str | None = self.errors[0]["extensions"].get("field")
        return found

    @property
    def message(self) -> str:
        return str(self.errors[0]["message"])

    @property
    def same(self) -> tuple[int, dict[str, Any]]:
        """Status and body without what differs each time: references, and the budget that is left."""
        body = copy.deepcopy(self.body)
        body.get("extensions", {}).get("cost", {}).pop("remaining", None)
        for error in body.get("errors", []):
            error["extensions"].pop("ref", None)
        return self.status, body


@dataclass
class Person:
    """Somebody with a token. `id` is their global id."""

    name: str
    token: str
    id: str = ""
    email: str = ""
    second_factor: str = ""


@dataclass
class World:
    """The application on a database of its own."""

    client: TestClient
    settings: Settings
    house: House

    def ask(self, query: str, by: Person | str | None = None, *, accept: str = MODERN, **variables: Any) -> Answer:
        """One operation over HTTP."""
        headers = {"accept": accept}
        token = by.token if isinstance(by, Person) else by
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return self._posted({"query": query, "variables": variables}, headers)

    def _posted(self, body: object, headers: dict[str, str]) -> Answer:
        response = asgi.post(self.client, "/graphql", body, headers)
        return Answer(response.status, response.json())

    def do(self, name: str, by: Person | str | None, /, *, wants: str = "auditEventId", **given: Any) -> Answer:
        """One mutation with its input, answering `wants` of its payload."""
        kind = name[0].upper() + name[1:] + "Input"
        return self.ask(f"mutation($input: {kind}!) {{ it: {name}(input: $input) {{ {wants} }} }}", by, input=given)

    def do_plain(self, name: str, by: Person | str | None, *, wants: str = "auditEventId") -> Answer:
        """One mutation that takes no input."""
        return self.ask(f"mutation {{ it: {name} {{ {wants} }} }}", by)

    def register(self, name: str, password: str = PASSWORD) -> Person:
        """A new contributor, signed in."""
        email = f"{name}{next(_numbers)}@example.org"
        wants = "contributor { id } session { token }"
        made = self.do("registerContributor", None, wants=wants, email=email, password=password, displayName=name)
        found = made.data["it"]
        return Person(name, found["session"]["token"], found["contributor"]["id"], email)

    def sign_in(self, email: str, password: str = PASSWORD, **proof: str) -> Answer:
        given = {"email": email, "password": password, **proof}
        return self.do("signIn", None, wants="session { token } viewer { kind }", **given)

    def employ(self, *roles: StaffRole) -> Person:
        """A member of staff, signed in. Jobs that nobody may hold together are put in as they may stand from before."""
        email = f"staff{next(_numbers)}@example.org"
        given: list[StaffRole] = []
        for role in roles:
            given += [] if separation(given, role) else [role]
        hired = staff.add(self.house, email, given)
        with self.house.store.begin(agent_scope()) as work:
            others = [role for role in roles if role not in given]
            work.session.add_all(RoleAssignment(staff_id=hired.id, role=role) for role in others)
        signed_in = self.sign_in(email, hired.password, totp=code_of(hired.second_factor)).data["it"]
        return Person("staff", signed_in["session"]["token"], email=email, second_factor=hired.second_factor)

    def own_id(self, person: Person) -> str:
        """Somebody's own global id, as the API tells it them."""
        return str(self.ask("{ viewer { principalId } }", person).data["viewer"]["principalId"])

    def change_job(self, person: Person, role: StaffRole) -> None:
        """Give a member of staff this job in the place of whatever they have."""
        with self.house.store.begin(agent_scope()) as work:
            member = work.session.scalar(
                select(StaffMember).where(
                    StaffMember.email_lookup == self.house.store.keyring.keyed_hash("email", person.email)
                )
            )
            assert member is not None
            work.session.execute(delete(RoleAssignment).where(RoleAssignment.staff_id == member.id))
            work.session.add(RoleAssignment(staff_id=member.id, role=role))

    def step_up(self, person: Person) -> None:
        self.do("stepUp", person, password=PASSWORD).data  # noqa: B018 - fails the test where it did not work

    def prove(self, member: Person) -> None:
        """Have a member of staff prove again who they are, with the code after the one that they signed in with."""
        self.do("stepUp", member, totp=code_of(member.second_factor, 1)).data  # noqa: B018 - as above

    def key(self, person: Person, *scopes: str, name: str = "key") -> tuple[str, Person]:
        """An API key's id and its bearer."""
        ends = (now() + timedelta(days=1)).isoformat()
        wants = "apiKey { id } secret"
        made = self.do("createApiKey", person, wants=wants, name=name, scopes=list(scopes), expiresAt=ends).data["it"]
        return made["apiKey"]["id"], Person(name, made["secret"])

    def project(self, person: Person, name: str = "Autumn") -> str:
        return str(self.do("createProject", person, wants="project { id }", name=name).data["it"]["project"]["id"])

    def share(self, person: Person, project: str, friend: Person, role: str) -> None:
        self.do("shareProject", person, projectId=project, email=friend.email, role=role).data  # noqa: B018

    def announce(self, person: Person, project: str, size: int = len(TEXT), **given: Any) -> tuple[str, str]:
        """An asset that awaits its bytes, and where to send them."""
        said = {"projectId": project, "fileName": "brief.txt", "mediaType": "text/plain", "byteSize": size, **given}
        made = self.do("createAsset", person, wants="asset { id } uploadUrl", **said).data["it"]
        return made["asset"]["id"], made["uploadUrl"]

    def asset(self, person: Person, project: str, body: bytes = TEXT, **given: Any) -> str:
        """An asset with its bytes."""
        asset, url = self.announce(person, project, len(body), **given)
        assert self.client.put(url, content=body).status_code == 201
        return asset

    def prompt(self, person: Person, project: str, text: str = "Write a line.", **given: Any) -> str:
        made = self.do("submitPrompt", person, wants="prompt { id }", projectId=project, text=text, **given)
        return str(made.data["it"]["prompt"]["id"])

    def output(self, prompt: str, text: str = "A line.", variation: int = 1) -> str:
        """An output, as the generation agent stores one."""
        with self.house.store.begin(agent_scope()) as work:
            asked = work.session.get(Prompt, raw_id(prompt))
            assert asked is not None
            row = Output(
                owner_id=asked.owner_id,
                project_id=asked.project_id,
                prompt_id=asked.id,
                variation=variation,
                byte_size=len(text),
                model="stand-in",
                provider="stand-in",
            )
            work.vault.seal(row, text=text)
            work.session.add(row)
        return global_id("Output", row.id)

    def ready_export(self, export: str, body: bytes = b"PK" * 500) -> None:
        """Make an export ready, as the exports agent does."""
        blob_id = uuid.uuid4()
        with self.house.store.begin(agent_scope()) as work:
            row = work.session.get(Export, raw_id(export))
            assert row is not None
            with self.house.store.blobs.writer(blob_id, contributor_keyset(row.owner_id), row.file) as writer:
                writer.write(body)
                writer.finish()
            row.status, row.blob_id, row.byte_size = ExportStatus.READY, blob_id, len(body)
            row.expires_at = now() + timedelta(days=1)

    def content_url(self, person: Person, asset: str) -> str:
        found = self.ask("query($id: ID!) { asset(id: $id) { contentUrl } }", person, id=asset)
        return str(found.data["asset"]["contentUrl"])

    def events(self, action: str | None = None, *, since: int = 0) -> list[dict[str, Any]]:
        """Every entry of the trail as its leaf says it, oldest first, without the first `since`."""
        self.write_denials()
        statement = text("SELECT leaf FROM audit_events ORDER BY id LIMIT 1000000 OFFSET :since")
        with self.house.store.engine.connect() as connection:
            leaves = connection.execute(statement, {"since": since}).scalars().all()
        found = [json.loads(bytes(leaf)) for leaf in leaves]
        return [each for each in found if action in (None, each["action"])]

    def write_denials(self) -> None:
        """Have what strangers were refused written now, and not within the minute."""
        if self.house.denials is not None:
            self.house.denials.flush(self.house.store)

    def told(self) -> int:
        """How many entries the trail has."""
        self.write_denials()
        with self.house.store.engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM audit_events")).scalar_one())

    def footprint(self) -> dict[str, Any]:
        """Everything that exists except the trail: rows by table, queued jobs, keysets, files."""
        engine = self.house.store.engine
        with engine.connect() as connection:
            found = footprints.rows(connection, [name for name in footprints.tables() if name not in TRAIL])
        files = sorted(path.name for path in self.settings.blob_dir.rglob("*") if path.is_file())
        return {**found, "files": files, "keysets": self.keysets()}

    def keysets(self) -> list[str]:
        """The names of all keysets."""
        with sqlite3.connect(self.settings.home / "keys" / "keys.sqlite3") as connection:
            found = connection.execute("SELECT kind, id FROM keysets").fetchall()
        connection.close()
        return sorted(f"{kind}:{name}" for kind, name in found)

    def everything_kept(self) -> bytes:
        """Every value of every row, and every byte of every file below the home."""
        engine = self.house.store.engine
        with engine.connect() as connection:
            rows = [
                value if isinstance(value, bytes) else str(value).encode()
                for table in footprints.tables()
                for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - a table of ours
                for value in row
            ]
        files = [path.read_bytes() for path in sorted(self.settings.home.rglob("*")) if path.is_file()]
        return b"\0".join(rows + files)

    @contextmanager
    def unchanged(self, *recorded: str, attempts: bool = False) -> Iterator[None]:
        """Nothing changes in the block, and exactly these events are recorded in it.

        That a limit was reached is counted too, so that it is recorded once; and `attempts` that begin are. A bearer token that is not good is
        refused before anything is asked: that this is recorded is tested where it is about that.
        """
        before, told = self.footprint(), self.told()
        yield
        after = self.footprint()
        if attempts or "session.throttled" in recorded:
            before["sign_in_throttles"] = after["sign_in_throttles"]
        assert {name: after[name] for name in after if after[name] != before[name]} == {}
        assert [action for event in self.events(since=told) for action in _apart(event)] == list(recorded)


def _apart(event: dict[str, Any]) -> list[str]:
    """The action of an entry; of refusals that were counted together, one for each that is not of a bearer token."""
    said, action = event["details"], event["action"]
    if action == "access.credential_refused" or said.get("attempted") == "authenticate":
        return []
    if action != "access.strangers_denied":
        return [action]
    of_bearers = [each.rpartition(":")[2] for each in said["denials"] if each.startswith("authenticate:")]
    return ["access.denied"] * (said["denialCount"] - sum(map(int, of_bearers)))


def agent_scope() -> AuditScope:
    return AuditScope("agent:generation", "AGENT", None, None, None, None, uuid.uuid4(), "0" * 16)


def code_of(uri: str, steps: int = 0) -> str:
    """What an authenticator app that took in this otpauth URI shows, `steps` later than now."""
    secret = base64.b32decode(parse_qs(urlsplit(uri).query)["secret"][0])
    return totp.code_at(secret, totp.step_at(now()) + steps)


def raw_id(given: str) -> uuid.UUID:
    """The row's id in a global id."""
    return uuid.UUID(hex=base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(":")[2])


def global_id(kind: str, row: uuid.UUID) -> str:
    """A row's global id."""
    return base64.urlsafe_b64encode(f"{kind}:{row.hex}".encode()).rstrip(b"=").decode()


@contextmanager
def opened(home: Path, database_url: str, **settings: Any) -> Iterator[World]:
    """The application with everything it keeps in `home` and at `database_url`."""
    chosen = load(home=home, database_url=database_url, **{"worker": False, **settings})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        with TestClient(create(chosen), raise_server_exceptions=False) as client:
            house: House = client.app.state.house  # type: ignore[attr-defined]
            yield World(client, chosen, house)
            _let_finish(house.store.engine)


def begun(make: Callable[[World], Any]) -> Callable[[Path, str], Any]:
    """What `begins_with` takes, of a function that makes it in a world."""

    def fill(home: Path, database_url: str) -> Any:
        with opened(home, database_url) as world:
            return make(world)

    return fill


def _let_finish(engine: Engine) -> None:
    """Wait for what a cancelled subscription was looking at in a thread: its connection must come back first."""
    deadline = time.monotonic() + 10
    while engine.pool.checkedout() and time.monotonic() < deadline:  # type: ignore[attr-defined]
        time.sleep(0.01)


LITTLE_WORK = 10
"""Seconds of processor time: what would double with every fragment takes minutes."""

_BESIDE = ("policy", "outages", "denials", "keysets", "key-uses", "tidying")
"""Threads whose statements no request sends: they look again and again what is in force, and what is there."""


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords at the lowest cost: what they cost is not what these tests are about."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", cheap)
    monkeypatch.setattr(passwords, "_nobodys_hash", cheap.hash("nobody's password"))


@pytest.fixture
def world(home: Path, began: None, database_url: str, cheap_passwords: None) -> Iterator[World]:
    """The application on a database of its own, once on SQLite and once on PostgreSQL."""
    with opened(home, database_url) as found:
        yield found


@pytest.fixture
def statements(world: World) -> Callable[[], list[str]]:
    """Answers the SQL statements sent to the database since the last call."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, sql: str, *_rest: object) -> None:
        if threading.current_thread().name not in _BESIDE:
            seen.append(sql)

    event.listen(world.house.store.engine, "before_cursor_execute", note)

    def since() -> list[str]:
        found, seen[:] = [sql for sql in seen if not sql.startswith(("BEGIN", "PRAGMA"))], []
        return found

    return since

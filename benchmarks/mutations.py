"""P4: a mutation with policy, sealing, words to search by and audit, against the bare insert and commit; many at once.

`python -m benchmarks mutations`; MUTATIONS says how many rounds (default 100). Every commit is durable on both sides:
SQLite with `synchronous=FULL`, PostgreSQL with fsync and synchronous_commit on. Bare is one row of the same table
through the same engine, SQLAlchemy's session and all, with nothing looked up, sealed or recorded. Turn by turn, in
rounds of a few, so that a slow disk is slow for both; ratios are of the rounds. Over HTTP the other side is plain
Strawberry and SQLAlchemy, which inserts the row and answers the same fields.

Where the time of a mutation goes, in milliseconds of processor time (createAsset without HTTP, the least of 300, on the
machine below with a load of 22; sealing is part of the others), before and after an entry was written past
the flush, words in one statement and nothing deleted before them, the door's statement kept as one object, and a
connection looked at without asking the server:

| part | SQLite before | after | PostgreSQL before | after |
|---|---|---|---|---|
| the door: the project before, the asset with its decisions after | 1.75 | 0.77 | 2.14 | 1.05 |
| flush: the asset; before, the entry's three rows too | 0.81 | 0.28 | 1.15 | 0.45 |
| the entry: leaf, commitments, sealing; now its insert too | 0.32 | 0.47 | 0.31 | 0.50 |
| words: opened, hashed, inserted | 0.81 | 0.30 | 1.17 | 0.39 |
| sealing four fields, and two of the entry | 0.13 | 0.11 | 0.12 | 0.13 |
| commit | 0.63 | 0.32 | 0.15 | 0.13 |
| in all | 5.2 | 2.8 | 6.5 | 3.2 |

On PostgreSQL a mutation was twelve round trips and is seven: begin, project, asset, entry with its words, asset, the
count of its owner's room, commit; the bare insert takes three. The goal is missed: a mutation is five statements of
which the bare insert has one, and writes 34 pages of SQLite's log where that writes 4. What is left to cut is the look
at the asset once it is there (a statement that answers what its owner may do with it), and what SQLAlchemy does for the
two looks and the one row that it flushes. Since that table, statements that come with every change are compiled once,
which took a third of the whole and half of the entry (decision 71).

Whether the trail makes writers wait for one another is asked with eight of them: with it; with all of its work but the
insert, which a lock would lie in; and without any of it, which also saves what an entry costs the client, whose eight
threads share one interpreter: that is what the last figure shows. Each is a contributor of its own, since two things
of one owner wait for the count of that owner's room, with an entry and without. Words are written in all three, with
the entry or alone. That none waits for another is shown by a test (tests/storage/ledger/test_ledger_writers.py),
whatever the machine does.
"""

import os
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
from sqlalchemy.orm import Session

from benchmarks import _worlds, page
from benchmarks._figures import Figure, figure
from benchmarks._servers import serving_ours
from muniment import homes
from muniment.house import open_house
from muniment.variables import load
from policies.access import Policy
from policies.force import InForce
from policies.principals import Kind, Principal
from resolvers import assets
from resolvers.context import Asking, Context
from resolvers.house import House
from schema.ids import encode_id
from storage import migrations, queue
from storage.assets import Asset
from storage.blobs.store import BlobStore
from storage.database import open_engine, transaction
from storage.ids import new_id
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.ledger import entries
from storage.projects import Project
from storage.sealed import Sealed
from storage.statements import Beside
from storage.work import Store, UnitOfWork
from tests.databases import PostgreSQL

ROOT = Path(__file__).resolve().parents[1]
_AT_ONCE = 5
_WRITERS = 8
_EACH = 3
_GOAL = "≤ 1.3 x"
_SEALED = Sealed(b"\x01" + b"x" * 60)
_FIELDS = "id ownerId projectId status mediaType byteSize title fileName description createdAt"
_OURS = (
    "mutation Create($input: CreateAssetInput!) "
    f"{{ createAsset(input: $input) {{ asset {{ {_FIELDS} }} auditEventId }} }}"
)
_PLAIN = (
    "mutation Create($owner: String!, $name: String!, $type: String!, $size: Int!, $title: String!) "
    "{ createAsset(owner: $owner, fileName: $name, mediaType: $type, byteSize: $size, title: $title) "
    f"{{ {_FIELDS} }} }}"
)

Work = Callable[[], None]


def measure() -> Iterator[Figure]:
    """Each database in turn, and then the same over HTTP."""
    rounds = int(os.environ.get("MUTATIONS", "100"))
    policy = Policy.load(ROOT / "policy.polar")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        with _house(f"sqlite:///{home}/data.sqlite3", home, policy) as house:
            yield from _against_bare("SQLite", house, rounds)
        (home / "pg").mkdir()
        with (
            PostgreSQL.running(durable=True) as server,
            server.fresh_database() as url,
            _house(url, home / "pg", policy) as house,
        ):
            yield from _against_bare("PostgreSQL", house, rounds)
            yield from _writers(house, rounds)
        yield from _over_http(home, rounds)


def _against_bare(name: str, house: House, rounds: int) -> Iterator[Figure]:
    owner, project = _owner(house)
    whole = _taken(rounds, _mutation(house, owner, project), _insertion(house.store, owner, project))
    for kind, took in zip(("mutation", "bare insert and commit"), whole, strict=True):
        yield figure("", f"{name}: {kind}", [wall for wall, _ in took], "ms", scale=1000)
        yield figure("", f"{name}: {kind}, processor time", [busy for _, busy in took], "ms", scale=1000)
    mine, bare = whole
    ratios = [ours[0] / other[0] for ours, other in zip(mine, bare, strict=True)]
    yield figure("P4", f"{name}: mutation against bare", ratios, "x", wanted=_GOAL)


def _taken(rounds: int, *works: Work) -> list[list[tuple[float, float]]]:
    """Wall and processor seconds of each piece of work, round by round, by turns."""
    found: list[list[tuple[float, float]]] = [[] for _ in works]
    for turn in range(-3, rounds):
        for times, work in zip(found, works, strict=True):
            wall, busy = time.perf_counter(), time.thread_time()
            for _ in range(_AT_ONCE):
                work()
            if turn >= 0:
                times.append(((time.perf_counter() - wall) / _AT_ONCE, (time.thread_time() - busy) / _AT_ONCE))
    return found


def _writers(house: House, rounds: int) -> Iterator[Figure]:
    works = [_mutation(house, *_owner(house)) for _ in range(_WRITERS)]
    without_insert = mock.patch.object(entries, "_insert", _write_beside)
    without_any = mock.patch.object(UnitOfWork, "record", _record_nothing)
    for what, silenced in (("without its insert", without_insert), ("without audit", without_any)):
        ratios = []
        for turn in range(rounds // 2):
            took: dict[bool, float] = {}
            for silent in (turn % 2 == 0, turn % 2 != 0):  # neither is always the first
                with silenced if silent else nullcontext():
                    took[silent] = _together(works)
            ratios.append(took[True] / took[False])
        yield figure("P8", f"PostgreSQL: {_WRITERS} writers, throughput against {what}", ratios, "x", wanted="≥ 0.9 x")


def _write_beside(session: Session, _rows: Any, beside: Beside | None) -> None:
    """What goes with an entry is written all the same, alone."""
    if beside is not None:
        beside.write(session.connection())


def _record_nothing(self: UnitOfWork, *_: Any, beside: Beside | None = None) -> uuid.UUID:
    _write_beside(self.session, None, beside)
    self.last_event_id = new_id()
    return self.last_event_id


def _together(works: list[Work]) -> float:
    """Seconds that all writers need, each of them for a few."""
    threads = [threading.Thread(target=lambda work=work: [work() for _ in range(_EACH)]) for work in works]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def _over_http(home: Path, rounds: int) -> Iterator[Figure]:
    settings = load(home=home / "home", worker=False)
    homes.prepare(settings)
    with open_house(settings) as house:
        world = _worlds.fill(house, owners=page.OWNERS, assets_each=1)
    sent = {"fileName": "river.png", "mediaType": "image/png", "byteSize": 12345, "title": "A river"}
    ours_sent = {"input": {**sent, "projectId": encode_id("Project", world.project_id)}}
    plain_sent = {"owner": "7", "name": "river.png", "type": "image/png", "size": 12345, "title": "A river"}
    token = {"authorization": f"Bearer {world.token}"}
    with (
        serving_ours(home / "home") as ours,
        page.serving_plain(home) as plain,
        httpx2.Client(timeout=30) as client,
    ):

        def ask(address: str, query: str, variables: dict[str, Any]) -> None:
            answer = client.post(address, json={"query": query, "variables": variables}, headers=token)
            if answer.status_code != 200 or "river.png" not in answer.text:
                raise SystemExit(f"no asset was made: {answer.status_code} {answer.text[:200]}")

        mine, others = _taken(rounds, lambda: ask(ours, _OURS, ours_sent), lambda: ask(plain, _PLAIN, plain_sent))
    yield figure("", "SQLite, over HTTP: createAsset", [wall for wall, _ in mine], "ms", scale=1000)
    yield figure("", "SQLite, over HTTP: plain Strawberry", [wall for wall, _ in others], "ms", scale=1000)
    ratios = [own[0] / other[0] for own, other in zip(mine, others, strict=True)]
    yield figure("P4", "SQLite, over HTTP: createAsset against plain Strawberry", ratios, "x", wanted=_GOAL)


@contextmanager
def _house(url: str, home: Path, policy: Policy) -> Iterator[House]:
    (home / "keys").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        keyring = Keyring.open(f"sqlite:///{home}/keys/keys.sqlite3", f"insecure-local://{home}/keys/kek")
    engine = open_engine(url)
    migrations.upgrade(engine)
    queue.prepare(engine)
    yield House(Store(engine, keyring, BlobStore(home / "blobs", keyring)), InForce(policy))
    engine.dispose()
    keyring.close()


def _owner(house: House) -> tuple[uuid.UUID, uuid.UUID]:
    project_id = _worlds.fill(house, owners=1, assets_each=1).project_id
    with transaction(house.store.engine, read_only=True) as session:
        project = session.get_one(Project, project_id)
        return project.owner_id, project_id


def _mutation(house: House, owner: uuid.UUID, project: uuid.UUID) -> Work:
    asking = Asking(Principal(Kind.CONTRIBUTOR, owner), session_id=owner, ip_address="203.0.113.9", user_agent="bench")

    def mutate() -> None:
        context = Context(house, asking)
        with context.writing("create_asset"):
            assets.create(
                context,
                project,
                file_name="river.png",
                media_type="image/png",
                byte_size=12345,
                title="A river",
                description="",
                tags=["river"],
            )

    return mutate


def _insertion(store: Store, owner: uuid.UUID, project: uuid.UUID) -> Work:
    words = dict.fromkeys(("file_name", "title", "description", "tags"), _SEALED)

    def insert() -> None:
        with transaction(store.engine) as session:
            row = Asset(id=new_id(), owner_id=owner, project_id=project, media_type="image/png", byte_size=1, **words)
            session.add(row)

    return insert

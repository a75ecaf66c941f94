"""Room for files: what counting costs an announcement, and what adding up would, of somebody who has 40,000 files.

`python -m benchmarks quotas`; QUOTA_ROUNDS says how many rounds (default 60). An announcement is createAsset without
HTTP, turn by turn of somebody with one file and of somebody with 40,000. To take room is the one statement that counts
a file and refuses it where it does not fit; to add up is what would have to be done in its place, by an index of owner
and size; to hold against is what `doctor` does: all counts against all rows.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, insert, select, text

from benchmarks._figures import Figure, figure
from benchmarks.mutations import _SEALED, _house, _mutation, _owner, _taken
from policies.access import Policy
from resolvers.house import House
from storage import quotas
from storage.assets import Asset
from storage.database import transaction
from storage.ids import new_id
from tests.databases import PostgreSQL

ROOT = Path(__file__).resolve().parents[1]
_FILES = 40_000


def measure() -> Iterator[Figure]:
    """Each database in turn."""
    rounds = int(os.environ.get("QUOTA_ROUNDS", "60"))
    policy = Policy.load(ROOT / "policy.polar")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        with _house(f"sqlite:///{home}/data.sqlite3", home, policy) as house:
            yield from _figures("SQLite", house, rounds)
        (home / "pg").mkdir()
        with (
            PostgreSQL.running(durable=True) as server,
            server.fresh_database() as url,
            _house(url, home / "pg", policy) as house,
        ):
            yield from _figures("PostgreSQL", house, rounds)


def _figures(name: str, house: House, rounds: int) -> Iterator[Figure]:
    (few, here), (many, there) = _owner(house), _owner(house)
    _fill(house, many, there)
    small, large = _taken(rounds, _mutation(house, few, here), _mutation(house, many, there))
    for whose, took in (("1 file", small), (f"{_FILES:,} files", large)):
        yield figure("", f"{name}: createAsset, of {whose}", [wall for wall, _ in took], "ms", scale=1000)
    ratios = [more[0] / less[0] for less, more in zip(small, large, strict=True)]
    yield figure("", f"{name}: createAsset, of many files against one", ratios, "x", wanted="no slower")
    [took] = _taken(rounds, lambda: _take(house, many))
    yield figure("", f"{name}: take room, in a transaction of its own", [wall for wall, _ in took], "ms", scale=1000)
    with house.store.engine.begin() as connection:
        connection.execute(text("CREATE INDEX bench_sizes ON assets (owner_id, byte_size)"))
    if name == "PostgreSQL":
        with house.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE assets"))
    [took] = _taken(max(1, rounds // 5), lambda: _add_up(house, many))
    yield figure(
        "", f"{name}: add up {_FILES:,} files instead, by an index", [wall for wall, _ in took], "ms", scale=1000
    )
    [took] = _taken(max(1, rounds // 10), lambda: _hold_against(house))
    yield figure("", f"{name}: hold all counts against all rows", [wall for wall, _ in took], "ms", scale=1000)


def _fill(house: House, owner: uuid.UUID, project: uuid.UUID) -> None:
    words = dict.fromkeys(("file_name", "title", "description", "tags"), _SEALED)
    row = {"owner_id": owner, "project_id": project, "media_type": "image/png", "byte_size": 12345, **words}
    with transaction(house.store.engine) as session:
        for _ in range(_FILES // 1000):
            session.execute(insert(Asset), [{"id": new_id(), **row} for _ in range(1000)])
        quotas.recount(session)


def _take(house: House, owner: uuid.UUID) -> None:
    with transaction(house.store.engine) as session:
        quotas.take(session, owner, 1, quotas.USUAL)


def _add_up(house: House, owner: uuid.UUID) -> None:
    with transaction(house.store.engine, read_only=True) as session:
        session.execute(select(func.count(), func.sum(Asset.byte_size)).where(Asset.owner_id == owner)).one()


def _hold_against(house: House) -> None:
    with transaction(house.store.engine, read_only=True) as session:
        quotas.drifted(session)

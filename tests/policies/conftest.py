"""Two databases with the same small world in each, and the policy, loaded once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from policies.access import Policy
from storage.database import open_engine, transaction
from tests import databases
from tests.house_policy import house_policy
from tests.policies import worlds

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def policy_path() -> Path:
    """Where the policy stands."""
    return ROOT / "policy.polar"


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The policy that the house runs by."""
    return house_policy()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def populated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine over a database that holds `worlds.build()`; nobody writes to it afterwards."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("policies")
        template: Path = request.getfixturevalue("sqlite_template")
        yield from _filled(open_engine(databases.copy_sqlite(template, folder / "world.sqlite3")))
        return
    server: databases.PostgreSQL = request.getfixturevalue("postgresql")
    with server.fresh_database() as url:
        yield from _filled(open_engine(url))


def _filled(engine: Engine) -> Iterator[Engine]:
    with transaction(engine) as session:
        worlds.store(session)
    yield engine
    engine.dispose()


@pytest.fixture
def session(populated: Engine) -> Iterator[Session]:
    """A session that only reads."""
    with transaction(populated, read_only=True) as session:
        yield session

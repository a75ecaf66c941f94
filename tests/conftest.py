"""What every test may use: a home, a database of its own on SQLite and on PostgreSQL, and no way out to the network."""

import gc
import itertools
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import BinaryExpression, Connection, Dialect, Engine, event
from sqlalchemy.util import LRUCache

from policies.workbench import checking
from storage.database import open_engine
from tests import component_logins, databases, network
from tests.databases import FILE

gc.disable()  # see `pytest_runtest_teardown`

pytest_plugins = ["tests.beginnings", "tests.world", "tests.vocabulary", "tests.deployed", "tests.longest"]

DATABASES = ("sqlite", "postgresql")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "one_database(name, reason): run on this database only, because of what `reason` says"
    )
    network.stay_on_this_machine()
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(databases.root())  # where pytest makes tmp_path
    # The same examples in every run: a finding belongs to the change that made it. `HYPOTHESIS_PROFILE=search` looks
    # for others.
    settings.register_profile("steady", derandomize=True, database=None)
    settings.register_profile("search", max_examples=2000)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
    component_logins.enforce()
    _compile_statements_once()
    _compile_policies_once()
    _let_no_expression_be_true()
    _log_plainly()


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what is here to stay: thousands of tests, the schema, every module."""
    gc.freeze()


_torn_down = itertools.count(1)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Collect once in a while, and not each time that so many objects were made: that took a tenth of a run.

    What is still there then is kept for the tests to come: statements, policies, templates.
    """
    if next(_torn_down) % 200 == 0:
        gc.collect()
        gc.freeze()


def _compile_statements_once() -> None:
    """Let what SQLAlchemy compiled for one engine serve the next: every test opens its own, with the same statements.

    They are kept by dialect, so that engines of one kind must share theirs. Only our own transactions do: DBOS names the
    parameters of its statements anew for each engine.
    """
    dialects: dict[str, Dialect] = {}
    compiled: LRUCache[Any, Any] = LRUCache(10_000)

    @event.listens_for(Engine, "engine_connect")
    def share(connection: Connection) -> None:
        if "read_only" not in connection.get_execution_options():
            return
        connection.dialect = dialects.setdefault(connection.dialect.name, connection.dialect)
        connection.execution_options(compiled_cache=compiled)


def _let_no_expression_be_true() -> None:
    """Fail where code of ours takes `==` of two columns for an answer; see `tests/contract/test_comparisons.py`."""
    usual = BinaryExpression.__bool__

    def refuse(self: BinaryExpression[Any]) -> bool:
        if not sys._getframe(1).f_globals["__name__"].startswith(("sqlalchemy.", "alembic.")):
            raise TypeError("an expression of SQLAlchemy's is neither true nor false: compare names, or use `is`")
        return usual(self)

    BinaryExpression.__bool__ = refuse  # type: ignore[method-assign]


def _compile_policies_once() -> None:
    """Keep more of what was compiled than a server has use for, so that the house's own is not compiled again and again."""
    checking.check_source = lru_cache(maxsize=256)(checking.check_source.__wrapped__)


def _log_plainly() -> None:
    """As structlog does by itself, without drawing tables of every frame."""
    structlog.reset_defaults()
    *others, _renderer = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, plain])


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that touches a database runs on both, unless it says why not.

    One after the other: what a test works out once, such as what oso says, then serves both in one process.
    """
    if "database" not in metafunc.fixturenames:
        return
    chosen: tuple[str, ...] = DATABASES
    if marker := metafunc.definition.get_closest_marker("one_database"):
        name, reason = marker.args[0] if marker.args else None, marker.kwargs.get("reason")
        if name not in DATABASES or not reason:
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: one_database needs a database's name and a reason")
        chosen = (name,)
    metafunc.parametrize("database", chosen, indirect=True, scope="function")


@pytest.fixture(autouse=True)
def _process_as_found() -> Iterator[None]:
    """Put back what a command takes over when it starts."""
    root = logging.getLogger()
    handlers, level, umask = root.handlers[:], root.level, os.umask(0o022)
    os.umask(umask)
    hooks = (sys.excepthook, threading.excepthook, warnings.showwarning)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    os.umask(umask)
    sys.excepthook, threading.excepthook, warnings.showwarning = hooks
    _log_plainly()


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory of this test's own, with data and keys apart as `python -m muniment` lays them."""
    for name in ("data", "keys"):
        (tmp_path / name).mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Which database this test runs on: "sqlite" or "postgresql"."""
    return str(request.param)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every table, to be copied: made by the first worker of a run that needs it."""
    own = tmp_path_factory.getbasetemp()
    return databases.make_sqlite_template_once(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[databases.PostgreSQL]:
    """A PostgreSQL server of this run's own, started when the first test asks for it and gone afterwards."""
    with databases.PostgreSQL.running() as server:
        yield server


@pytest.fixture
def database_url(database: str, home: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh database with every table; the test is run once on each kind.

    Where the test asks for `began`, it is as `beginning` leaves it.
    """
    began = request.getfixturevalue("beginning") if "began" in request.fixturenames else None
    if database == "sqlite":
        file = request.getfixturevalue("sqlite_template") if began is None else began.home / "data" / FILE
        yield databases.copy_sqlite(file, home / "data" / FILE)
        return
    server: databases.PostgreSQL = request.getfixturevalue("postgresql")
    with server.clean_database(databases.EMPTY if began is None else began.template) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on `database_url`, as the application opens it."""
    opened = open_engine(database_url)
    yield opened
    opened.dispose()

"""What a test finds when it begins: a home and a database, made once and copied for each test.

A first start takes longer than most tests, and so do the people and things that every test of a file needs. Where all
need the same, `pytestmark = pytest.mark.begins_with("mara", fill=FUNCTION)` names what makes it, and for which fixture: it
is made once, each test gets a copy, and none sees what another did with it.
"""

import itertools
import shutil
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from muniment.app import create
from muniment.variables import load
from storage.keys.kms import InsecureWarning
from tests import databases
from tests.databases import FILE, PostgreSQL

_FRESH_SECONDS = 240
"""For so long it is as good as just made: a sign-in stands for its second factor for ten minutes, all else for longer."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "begins_with(*fixtures, fill): what `fill(home, database_url)` made is there where these are asked for",
    )


@dataclass(frozen=True)
class Beginning:
    """A home with its keys, files and SQLite database; where PostgreSQL has the data, the name of a template there."""

    home: Path
    template: str | None = None
    left: Any = None
    """What the function that made it has answered: ids, names, tokens."""


class Beginnings:
    """Those that were made in this process."""

    def __init__(self, place: Callable[[], Path], server: Callable[[], PostgreSQL]) -> None:
        self._place = place
        self._server = server
        self._numbers = itertools.count()
        self._made: dict[tuple[Path, str | None, Callable[[Path, str], Any]], tuple[float, Beginning]] = {}

    def after(self, start: Beginning, fill: Callable[[Path, str], Any]) -> Beginning:
        """`start`, and then `fill`, which is told a home and the database's address, and leaves both closed."""
        key = start.home, start.template, fill
        made = self._made.get(key)
        if made is None or time.monotonic() - made[0] > _FRESH_SECONDS:
            made = self._made[key] = time.monotonic(), self._filled(start, fill)
        return made[1]

    def _filled(self, start: Beginning, fill: Callable[[Path, str], Any]) -> Beginning:
        home = self._place()
        copy_home(start, home)
        if start.template is None:
            url = databases.copy_sqlite(start.home / "data" / FILE, home / "data" / FILE)
            return Beginning(home, None, fill(home, url))
        left: list[Any] = []
        name = f"template_{next(self._numbers)}"
        self._server().make_template(name, lambda url: left.append(fill(home, url)), of=start.template)
        return Beginning(home, name, left[0])


def copy_home(beginning: Beginning, home: Path) -> None:
    """Its keys and files as those of `home`. The database is copied apart."""
    shutil.copytree(beginning.home / "keys", home / "keys", dirs_exist_ok=True)
    if (beginning.home / "data" / "blobs").is_dir():
        shutil.copytree(beginning.home / "data" / "blobs", home / "data" / "blobs")


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A home after a first start on SQLite."""
    home = _new_home(tmp_path_factory)
    _start(home, databases.copy_sqlite(sqlite_template, home / "data" / FILE))
    return home


@pytest.fixture(scope="session")
def postgresql_started(postgresql: PostgreSQL, first_start: Path) -> str:
    """The name of a template for databases with `first_start`'s keys."""
    postgresql.make_template("template_started", partial(_start, first_start))
    return "template_started"


@pytest.fixture(scope="session")
def keys_alone(tmp_path_factory: pytest.TempPathFactory, first_start: Path, sqlite_template: Path) -> Path:
    """A home with the keys of `first_start`, and an SQLite database with nothing in its tables."""
    home = _new_home(tmp_path_factory)
    shutil.copytree(first_start / "keys", home / "keys", dirs_exist_ok=True)
    databases.copy_sqlite(sqlite_template, home / "data" / FILE)
    return home


@pytest.fixture
def usual_beginning(database: str, first_start: Path, request: pytest.FixtureRequest) -> Beginning:
    """As a first start leaves it."""
    on_postgresql = database == "postgresql"
    return Beginning(first_start, request.getfixturevalue("postgresql_started") if on_postgresql else None)


@pytest.fixture
def keyed(database: str, keys_alone: Path) -> Beginning:
    """Keys, and nothing in any table."""
    return Beginning(keys_alone, databases.EMPTY if database == "postgresql" else None)


@pytest.fixture(scope="session")
def beginnings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Beginnings:
    """Those of this process."""
    return Beginnings(partial(_new_home, tmp_path_factory), partial(request.getfixturevalue, "postgresql"))


@pytest.fixture
def beginning(usual_beginning: Beginning, beginnings: Beginnings, request: pytest.FixtureRequest) -> Beginning:
    """How a test that asks for `began` begins: with what its file says by `begins_with`, after a first start."""
    marker = request.node.get_closest_marker("begins_with")
    if marker is None or not {*marker.args} <= {*request.fixturenames}:
        return usual_beginning
    request.getfixturevalue("cheap_passwords")
    found = beginnings.after(usual_beginning, marker.kwargs["fill"])
    return replace(found, left=deepcopy(found.left))


@pytest.fixture
def began(home: Path, beginning: Beginning) -> None:
    """The keys and files in `home`, and what is at `database_url`, are as `beginning` leaves them."""
    copy_home(beginning, home)


def _new_home(factory: pytest.TempPathFactory) -> Path:
    home = factory.mktemp("began")
    for name in ("data", "keys"):
        (home / name).mkdir(mode=0o700)
    return home


def _start(home: Path, database_url: str) -> None:
    databases.make_tables(database_url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        with TestClient(create(load(home=home, database_url=database_url, worker=False))):
            pass

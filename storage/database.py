"""Engines: how SQLite and PostgreSQL are opened so that both keep the same promises."""

import enum
import os
import select
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakSet

import structlog
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, Connection, ExceptionContext, make_url
from sqlalchemy.exc import (
    DisconnectionError,
    InterfaceError,
    InvalidRequestError,
    OperationalError,
    PendingRollbackError,
    TimeoutError,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

Transaction = Session
"""SQLAlchemy's session, under the name of what it is here. (A `Session` of ours is a signed-in device.)"""

DatabaseUnreachable = (OperationalError, InterfaceError, TimeoutError)
"""For `except`: the database does not answer, or refuses us (gone, locked, full, read-only, too busy)."""


_STATEMENT = frozenset({"57014"})
"""SQLSTATE of a statement that was cancelled because it took too long: the statement's fault."""
_SQLITE_AWAY = frozenset({5, 6, 7, 8, 10, 13, 14, 15, 26})
"""SQLite's primary result codes for a database that is busy, locked, read-only, full, unreadable or gone."""


def is_away(error: BaseException) -> bool:
    """Return whether the database is unavailable as a whole, and not one statement or row at fault."""
    if not isinstance(error, DatabaseUnreachable):
        return False
    cause = getattr(error, "orig", None)
    sqlite_code = getattr(cause, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF in _SQLITE_AWAY
    return getattr(cause, "sqlstate", None) not in _STATEMENT


def lacks_right(error: BaseException) -> bool:
    """Return whether the database refused a statement because the login has no right to it (insufficient_privilege)."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) == "42501"


class DatabaseMoved(OperationalError):
    """The file that was opened is no longer at its path; SQLite would go on writing to it, and that would be lost."""

    def __init__(self) -> None:
        super().__init__(None, None, OSError("the database's file was moved or replaced while it was in use"))


class LogReplaced(OperationalError):
    """The write-ahead log that a connection writes to is not the one beside the database: what is committed is lost."""

    def __init__(self) -> None:
        super().__init__(None, None, OSError("the database's write-ahead log was deleted or replaced while in use"))


class ConnectionLost(OperationalError):
    """The database ended the connection in the middle of a transaction; nothing of that is there."""

    def __init__(self) -> None:
        super().__init__(None, None, OSError("the connection to the database was lost in the middle of a transaction"))


_LOG = "write-ahead log"


class OutcomeUnknown(OperationalError):
    """COMMIT was sent and its answer was lost. What was done outside the database MUST be left alone for the sweep."""

    def __init__(self) -> None:
        super().__init__(None, None, OSError("the connection failed during COMMIT; the outcome is unknown"))


class CommitOutcome(enum.Enum):
    """How a transaction ended, as far as this process knows."""

    OPEN = "open"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"  # for certain: COMMIT was not sent, or the database refused it
    UNKNOWN = "unknown"


_OUTCOME = "commit_outcome"
_REFUSED_COMMITS = ("23", "40", "44", "55", "P0")
"""Classes of SQLSTATE with which PostgreSQL refuses a COMMIT and stays connected."""
_CANCELLED, _NOT_KNOWN = "57014", "40003"
_REFUSED_BY_SQLITE = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_LOCKED)
)
"""Primary result codes with which SQLite refuses a COMMIT. After an I/O error the log may hold the whole of it."""

_SETTLED_WITHIN = 60
_INVALIDATED = "8s2b"
"""SQLAlchemy's code for a transaction that is gone with its connection, when something more is asked of it."""
_OUT_OF_ORDER = frozenset({"42P01", "42501", "25006"})
"""What PostgreSQL says where a table is gone, is not ours to write, or everything is read-only."""

log = structlog.get_logger("storage.database")

NOTICED = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""How PostgreSQL's client notices that a network swallows packets: what was sent is unconfirmed for 10 seconds, or an
idle connection for 25. The address of a database may say otherwise (libpq, "Parameter Key Words")."""

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # NORMAL may lose the last commits on power loss; an audited store may not
    "PRAGMA busy_timeout=30000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA secure_delete=ON",  # deleted bytes are overwritten, not left in free pages
)


def open_engine(url: str | URL, *, pool_size: int = 16) -> Engine:
    """An engine for `url`: SQLite by file, or PostgreSQL through psycopg. Connections are checked before use.

    On SQLite a transaction starts as `BEGIN IMMEDIATE` unless its session says `read_only`, so that two writers wait
    for one another at the start and never fail half way.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        pool: Any = NullPool if address.database in (None, "", ":memory:") else QueuePool
        engine = create_engine(address, poolclass=pool, connect_args={"check_same_thread": False}, hide_parameters=True)
        event.listen(engine, "connect", prepare_sqlite)
        stay_with_the_file(engine)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    noticed = {name: value for name, value in NOTICED.items() if name not in address.query}
    engine = create_engine(address, pool_size=pool_size, connect_args=noticed, hide_parameters=True)
    event.listen(engine, "checkout", _look_whether_connected)
    event.listen(engine, "handle_error", _as_unreachable, retval=True)
    return engine


def exists(engine: Engine) -> bool:
    """Whether looking would find a database, and not make an empty file where there is none."""
    path = engine.url.database
    return engine.dialect.name != "sqlite" or path in (None, "", ":memory:") or Path(str(path)).is_file()


_ANYTHING = text("SELECT 1")
_CLOCK = text("SELECT clock_timestamp()")
_HAS_TABLE = {
    "sqlite": text("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = :name"),
    "postgresql": text("SELECT to_regclass(:name) IS NOT NULL"),
}


def has_table(connection: Connection, name: str) -> bool:
    """Whether there is a table of this name, with a schema before it where that is not the usual one.

    A start asks this twice, and SQLAlchemy's own way of asking takes longer than all that is then read.
    """
    return bool(connection.scalar(_HAS_TABLE[connection.dialect.name], {"name": name}))


def prepare_sqlite(connection: Any, _record: Any) -> None:
    """Give a fresh SQLite connection the settings our promises rest on, whoever opened the engine."""
    connection.isolation_level = None  # SQLAlchemy says BEGIN itself, below
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def stay_with_the_file(engine: Engine) -> None:
    """Let an SQLite engine use the file that it found first, and refuse with DatabaseMoved while that is elsewhere.

    A connection stays with its write-ahead log too: while another one lies on disk nothing is written, and no
    connection made, with LogReplaced. Those that are open stay open and can be read from, for the log that they hold
    may be the only copy of what was committed.
    """
    path = engine.url.database
    if path in (None, "", ":memory:"):
        return
    first: list[tuple[int, int]] = []

    def look(*_given: Any) -> None:
        found = _identity(str(path))
        if first and found != first[0]:
            raise DatabaseMoved
        if found and not first:
            first.append(found)

    event.listen(engine, "do_connect", look)  # before, for SQLite would make an empty file in its place
    event.listen(engine, "connect", look)
    event.listen(engine, "checkout", look)
    event.listen(engine, "do_connect", lambda *_given: _require_same_logs(str(path)))
    event.listen(engine, "begin", _look_at_log)
    event.listen(engine, "close", lambda _connection, record: record.info.pop(_LOG, None))
    event.listen(engine, "engine_disposed", lambda _engine: first.clear())  # nothing is open any more


class _Log:
    """The write-ahead log that a connection has open. Kept in `info` for as long as the connection is."""

    def __init__(self, identity: tuple[int, int]) -> None:
        self.identity = identity


_LOGS: defaultdict[str, "WeakSet[_Log]"] = defaultdict(WeakSet)
"""By the path of a database, the logs that connections of this process have open."""
_LOGS_LOCK = Lock()


def require_same_log(engine: Engine, kept: dict[Any, Any]) -> None:
    """Raise LogReplaced unless the write-ahead log beside the database is the one that a connection has open.

    `kept` is what SQLAlchemy keeps of the connection (`info`). SQLite opens the log at the first transaction and closes
    it with the connection; while any connection has it open, no other process deletes it.
    """
    path = str(engine.url.database)
    if engine.dialect.name != "sqlite" or path in ("None", "", ":memory:"):
        return
    found = _identity(_log_of(path))
    if _LOG in kept:
        if kept[_LOG].identity != found:
            raise LogReplaced
    elif found is not None:
        kept[_LOG] = _Log(found)
        with _LOGS_LOCK:
            _LOGS[path].add(kept[_LOG])


def _look_at_log(connection: Connection) -> None:
    try:
        require_same_log(connection.engine, connection.info)
    except LogReplaced:
        if not connection.get_execution_options().get("read_only", False):
            raise


def _require_same_logs(path: str) -> None:
    """Raise LogReplaced where a new connection would open another log than those that are open."""
    with _LOGS_LOCK:
        open_ones = list(_LOGS[path])
    if open_ones and any(each.identity != _identity(_log_of(path)) for each in open_ones):
        raise LogReplaced


def settle(engine: Engine) -> None:
    """Wait until every transaction that is writing now has ended.

    Raises DatabaseUnreachable when one does not within a minute.
    """
    if engine.dialect.name == "sqlite":
        with transaction(engine):  # there is one writer at a time, and now it was us
            return
    deadline = time.monotonic() + _SETTLED_WITHIN
    with engine.connect() as connection:
        current = int(connection.execute(text("SELECT pg_current_xact_id()::text")).scalar_one())
    while True:
        with engine.connect() as connection:
            oldest = connection.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")).scalar_one()
        if int(oldest) > current:
            return
        if time.monotonic() > deadline:
            raise TimeoutError("a transaction has been writing for more than a minute")
        time.sleep(0.1)


def _look_whether_connected(connection: Any, _record: Any, _proxy: Any) -> None:
    """Let a connection go on which the server has spoken unasked: it says so when it ends one, and closes it.

    This takes no round trip, as asking it would before each transaction.
    """
    if not connection.closed:
        waiting = select.poll()
        waiting.register(connection.pgconn.socket, select.POLLIN)
        if not waiting.poll(0):
            return
    raise DisconnectionError("the server has ended this connection")


def _as_unreachable(context: ExceptionContext) -> BaseException | None:
    """An error that whoever runs the database can mend, as one of those, and not as a mistake in the statement."""
    if getattr(context.original_exception, "sqlstate", None) not in _OUT_OF_ORDER:
        return None
    return OperationalError(context.statement, None, context.original_exception, hide_parameters=True)


def _log_of(path: str) -> str:
    """Return where SQLite keeps the write-ahead log: beside the file itself, where the path is a link to it."""
    return f"{os.path.realpath(path) if os.path.islink(path) else path}-wal"  # noqa: PTH114 - as in `_identity`


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked before each transaction: making a Path takes twice as long as this
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("read_only", False):
        driver: Any = connection.connection.dbapi_connection
        driver.execute("BEGIN")  # past SQLAlchemy, which takes as long for this as for a question: nothing is touched
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _for(engine: Engine, read_only: bool) -> Engine:
    """`engine`, saying so in every transaction, either way: the tests tell ours by it.

    It is made once: SQLAlchemy looks up anew for each whose events it has to tell, which takes as long as a statement.
    """
    kept = vars(engine)
    name = "_reads" if read_only else "_writes"
    if name not in kept:
        kept[name] = engine.execution_options(read_only=read_only)
    found: Engine = kept[name]
    return found


@contextmanager
def transaction(engine: Engine, *, read_only: bool = False) -> Iterator[Session]:
    """One session in one transaction: committed when the block ends, rolled back when it raises.

    Raises ConnectionLost where the connection was lost before COMMIT, also when somebody has taken the first error for
    their own; OutcomeUnknown where it was lost during COMMIT. `commit_outcome` says afterwards how it ended.
    """
    with Session(_for(engine, read_only), expire_on_commit=False) as session:
        driver: Any = None
        try:
            yield session
            session.flush()
            if not read_only and session.in_transaction():
                driver = session.connection().connection.dbapi_connection
        except BaseException as error:
            _roll_back(session, error)
            raise
        try:
            session.commit()
        except BaseException as error:
            if driver is None or not _is_open(driver, error):
                _roll_back(session, error)
                raise
            session.info[_OUTCOME] = CommitOutcome.UNKNOWN
            with suppress(Exception):
                session.rollback()
            log.warning("database.commit_outcome_unknown", database=engine.dialect.name, code=type(error).__name__)
            if isinstance(error, Exception):
                raise OutcomeUnknown from error
            raise
        session.info[_OUTCOME] = CommitOutcome.COMMITTED


def commit_outcome(session: Session) -> CommitOutcome:
    """How the transaction of a session that `transaction` opened ended."""
    return CommitOutcome(session.info.get(_OUTCOME, CommitOutcome.OPEN))


def _roll_back(session: Session, error: BaseException) -> None:
    session.info[_OUTCOME] = CommitOutcome.ROLLED_BACK
    session.rollback()
    if isinstance(error, PendingRollbackError) and error.code == _INVALIDATED:
        raise ConnectionLost from error


def _is_open(driver: Any, error: BaseException) -> bool:
    """Whether a transaction may be committed although COMMIT raised `error`. `driver` is the DBAPI connection."""
    if isinstance(error, InvalidRequestError):
        return False  # SQLAlchemy's own: nothing was sent
    cause = getattr(error, "orig", None) or error
    if isinstance(driver, sqlite3.Connection):
        code = getattr(cause, "sqlite_errorcode", None)
        with suppress(sqlite3.ProgrammingError):  # raised by a connection that is closed
            if driver.in_transaction:
                return False
        return code is None or code & 0xFF not in _REFUSED_BY_SQLITE
    from psycopg.pq import TransactionStatus  # loaded where there is PostgreSQL

    status, state = driver.info.transaction_status, getattr(cause, "sqlstate", None) or ""
    if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):  # COMMIT did not reach the server
        return False
    if status is not TransactionStatus.IDLE or state == _NOT_KNOWN:
        return True
    return state[:2] not in _REFUSED_COMMITS and state != _CANCELLED


@contextmanager
def looking(engine: Engine) -> Iterator[Connection]:
    """A connection that reads and leaves nothing, for what is asked of each request: a session would cost as much."""
    with _for(engine, read_only=True).connect() as connection:
        yield connection


@dataclass(frozen=True)
class Reach:
    """How an open engine reaches its database."""

    address: str | None
    """The numeric address of the server; None where it is a file or a socket of this machine."""
    verified: bool
    """Whether the connection is encrypted and the server's certificate and name were verified."""


def reach_of(engine: Engine) -> Reach:
    """Ask an open connection where it leads. Raises DatabaseUnreachable."""
    if engine.dialect.name == "sqlite":
        return Reach(None, verified=False)
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        verified = driver.pgconn.ssl_in_use and driver.info.get_parameters().get("sslmode") == "verify-full"
        return Reach(driver.info.hostaddr or None, verified=bool(verified))


def clock_of(engine: Engine) -> datetime | None:
    """Return what the database's clock says; None where it is this machine's. Raises DatabaseUnreachable."""
    if engine.dialect.name == "sqlite":
        return None
    with looking(engine) as connection:
        found: datetime = connection.execute(_CLOCK).scalar_one()
    return found


def require_kept(engine: Engine) -> None:
    """Return if the database answers, and what is written to it now is kept. Raises DatabaseUnreachable."""
    with looking(engine) as connection:
        connection.execute(_ANYTHING)
        require_same_log(engine, connection.info)

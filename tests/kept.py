"""Connections to PostgreSQL that one engine after the other uses.

A fresh connection is a process of the server's that knows of no table yet, and learns of each from the catalogue: that
takes longer than most tests. Those to a database of `tests.slates` are reset when an engine or a listener of this process
closes them, as if they were new, and lent to the next of the same login. What another process opens is closed.
"""

import select
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

Connection = psycopg.Connection[Any]


class Kept:
    """The connections to one database that nobody uses at the moment."""

    def __init__(self) -> None:
        self._idle: list[tuple[str, Connection]] = []
        self._lock = threading.Lock()

    def take(self, login: str) -> Connection | None:
        """One of this login that is alive, the last that was used."""
        with self._lock:
            for number in reversed(range(len(self._idle))):
                if self._idle[number][0] == login:
                    found = self._idle.pop(number)[1]
                    if _is_alive(found):
                        return found
                    found.close()
        return None

    def put(self, login: str, connection: Connection) -> bool:
        """Keep it for the next engine, if it can be made as good as new."""
        if connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            return False
        try:
            connection.autocommit = True
            connection.execute(b"DISCARD ALL", prepare=False)  # locks, settings, LISTEN, plans, temporary tables
            connection.autocommit = False
        except psycopg.Error:
            return False
        connection._prepared = type(connection._prepared)()
        connection._notice_handlers.clear()
        connection._notifies_backlog = deque()
        with self._lock:
            self._idle.append((login, connection))
        return True

    def pids(self) -> list[int]:
        """The server's processes behind them."""
        with self._lock:
            return [each.info.backend_pid for _, each in self._idle if not each.closed]

    def close(self) -> None:
        """Let them go."""
        with self._lock:
            for _, each in self._idle:
                each.close()
            self._idle.clear()


_lent: dict[str, Kept] = {}
"""What is kept, by the directory through which the database is reached for the moment."""
_opened: WeakKeyDictionary[Connection, tuple[str, str]] = WeakKeyDictionary()
"""Whose these are: that directory, and the login."""


@contextmanager
def lending(way: str, kept: Kept) -> Iterator[None]:
    """While the block runs, engines that go by `way` are lent what is kept, and keep what they close."""
    _lent[way] = kept
    try:
        yield
    finally:
        del _lent[way]


@event.listens_for(Engine, "do_connect")
def _lend(dialect: Dialect, _record: object, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    way = str(options.get("host"))
    kept = _lent.get(way)
    if kept is None:
        return None
    login = _login(options)
    found = kept.take(login) or dialect.connect(*arguments, **options)
    _opened[found] = (way, login)  # type: ignore[index]
    return found


def _connected(*positional: Any, **options: Any) -> Connection:
    """As `psycopg.connect`; but what `storage.bells` hears by is lent too, and kept when it is closed."""
    way = str(options.get("host"))
    kept = _lent.get(way)
    if kept is None or "autocommit" not in options:
        return _connect(*positional, **options)
    login = _login(options)
    found = kept.take(login) or _connect(*positional, **options)
    found.autocommit = options["autocommit"]

    def close() -> None:
        del found.close
        if _lent.get(way) is not kept or not kept.put(login, found):
            found.close()

    found.close = close  # type: ignore[method-assign]
    return found


_connect = psycopg.connect
psycopg.connect = _connected


def _login(options: dict[str, Any]) -> str:
    return repr(sorted((name, value) for name, value in options.items() if name not in ("host", "context")))


def _do_close(_dialect: Dialect, connection: Any) -> None:
    way, login = _opened.pop(connection, (None, ""))
    kept = None if way is None else _lent.get(way)
    if kept is None or not kept.put(login, connection):
        connection.close()


PGDialect_psycopg.do_close = _do_close  # type: ignore[method-assign]


def _is_alive(connection: Connection) -> bool:
    """The server says something unasked only when it has ended it."""
    if connection.closed:
        return False
    waiting = select.poll()
    waiting.register(connection.pgconn.socket, select.POLLIN)
    return not waiting.poll(0)

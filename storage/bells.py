"""What wakes whoever follows something, in this process or another.

PostgreSQL tells every process of a change as it is committed (NOTIFY): triggers of migration 15 name what was changed
by its id, whoever changes it and in whatever way. A notification holds ids and nothing else. Nobody may rely on being
woken: a connection can be lost, and a database like SQLite tells nobody. So whoever waits looks again by themselves.
"""

import selectors
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Engine

from storage.database import NOTICED

if TYPE_CHECKING:
    import psycopg

CHANNEL = "muniment"
RIGHTS = "rights"
"""Rung where a session, a key, a membership, a grant or an account has changed: all who follow anything look again."""
POLICY = "policy"
"""Rung where another policy came into force."""

_LONGEST_SECONDS = 10.0
_AFTER_FAILURE_SECONDS = 1.0

Call = Callable[[], object]

log = structlog.get_logger("storage.bells")


class Bell:
    """Calls those who wait for a name. Safe between threads."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, list[Call]] = defaultdict(list)
        self._lock = threading.Lock()
        self.attended = False
        """Whether changes that other processes make are heard at the moment."""

    @contextmanager
    def calling(self, call: Call, *names: str) -> Iterator[None]:
        """Have `call` called, from any thread, whenever one of `names` is rung while the block runs."""
        with self._lock:
            for name in names:
                self._waiting[name].append(call)
        try:
            yield
        finally:
            with self._lock:
                for name in names:
                    self._waiting[name].remove(call)
                    if not self._waiting[name]:
                        del self._waiting[name]

    def ring(self, name: str) -> None:
        """Call whoever waits for `name`."""
        with self._lock:
            calls = list(self._waiting.get(name, ()))
        for call in calls:
            call()

    def ring_all(self) -> None:
        """Call everybody: something may have happened that nobody heard of."""
        with self._lock:
            calls = [call for waiting in self._waiting.values() for call in waiting]
        for call in calls:
            call()


class Listener:
    """A thread that hears what is notified on a channel, over a connection of its own, made anew where it is lost."""

    def __init__(self, engine: Engine, channel: str, heard: Callable[[str], object]) -> None:
        self._engine = engine
        self._channel = channel
        self._heard = heard
        self._ending = threading.Event()
        self._ended, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name=f"listening-{channel}", daemon=True)

    @contextmanager
    def listening(self, begun: Call, lost: Call) -> Iterator[None]:
        """Hear for as long as the block runs. `begun` is called as hearing begins, again too, and `lost` as it ends."""
        self._begun, self._lost = begun, lost
        self._thread.start()
        try:
            yield
        finally:
            self._ending.set()
            self._end.send(b".")
            self._thread.join(timeout=30)
            self._end.close()
            self._ended.close()

    def _run(self) -> None:
        import psycopg  # loaded where there is a database that tells

        told = False
        while not self._ending.is_set():
            try:
                with closing(self._connected()) as connection:
                    self._begun()
                    told = False
                    self._hear(connection)
            except psycopg.Error as error:
                if not told:
                    log.warning("changes are not heard of until the database answers", code=type(error).__name__)
                told = True
            finally:
                self._lost()
            self._ending.wait(_AFTER_FAILURE_SECONDS)

    def _connected(self) -> "psycopg.Connection[Any]":
        import psycopg

        positional, named = self._engine.dialect.create_connect_args(self._engine.url)
        connection = psycopg.connect(*positional, **{**NOTICED, **named, "autocommit": True})
        try:
            connection.execute(f"LISTEN {self._channel}".encode())
        except BaseException:
            connection.close()
            raise
        return connection

    def _hear(self, connection: "psycopg.Connection[Any]") -> None:
        with selectors.DefaultSelector() as either:
            either.register(connection, selectors.EVENT_READ)
            either.register(self._ended, selectors.EVENT_READ)
            while not self._ending.is_set():
                for notified in connection.notifies(timeout=0):
                    try:
                        self._heard(notified.payload)
                    except Exception:
                        log.exception("notification.failed")  # whoever may NOTIFY must not end this thread
                either.select(_LONGEST_SECONDS)


@contextmanager
def hung(engine: Engine) -> Iterator[Bell]:
    """A bell that is rung by what is changed in `engine`'s database, where it is one that tells."""
    bell = Bell()
    if engine.dialect.name != "postgresql":
        yield bell
        return

    def begun() -> None:
        bell.attended = True
        bell.ring_all()

    def lost() -> None:
        bell.attended = False
        bell.ring_all()

    with Listener(engine, CHANNEL, bell.ring).listening(begun, lost):
        yield bell

"""A proxy before PostgreSQL, over Unix sockets, that breaks a connection at a COMMIT: the answer is lost, or comes late.

It reads as much of the protocol as it takes to know a COMMIT: a simple query (PostgreSQL, "Message Formats").
"""

import enum
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import make_url

_COMMIT = b"Q\0\0\0\x0bCOMMIT\0"
_PIECE = 65536


class Cut(enum.Enum):
    """How a connection breaks at a COMMIT."""

    ANSWER_LOST = "answer lost"  # the server has committed when the client sees the connection break
    IN_FLIGHT = "in flight"  # the client sees it break at once, and the server commits a while later


class Proxy:
    """Passes everything on until it is told to cut."""

    def __init__(self, server: Path, here: Path, *, late: float = 1.0) -> None:
        self._server = str(server)
        self._late = late
        self._cut: Cut | None = None
        self._left = 0
        self._lock = threading.Lock()
        self.fired = False
        self._passing = threading.Event()
        self._passing.set()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(here))
        self._listening.listen(64)
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def fail(self, number: int, cut: Cut) -> None:
        """Cut at the COMMIT with this number, from now on."""
        with self._lock:
            self._left, self._cut, self.fired = number, cut, False

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Take connections and what is sent over them, and pass nothing on until the block ends."""
        self._passing.clear()
        try:
            yield
        finally:
            self._passing.set()

    def disarm(self) -> None:
        """Cut at none any more."""
        with self._lock:
            self._cut = None

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._upward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()

    def _due(self) -> Cut | None:
        with self._lock:
            if self._cut is None:
                return None
            self._left -= 1
            if self._left:
                return None
            cut, self._cut, self.fired = self._cut, None, True
            return cut

    def _upward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(_PIECE):
                self._passing.wait()
                cut = self._due() if piece.endswith(_COMMIT) else None
                if cut is None:
                    server.sendall(piece)
                    continue
                client.shutdown(socket.SHUT_WR)  # what the server answers reaches nobody
                if cut is Cut.IN_FLIGHT:
                    time.sleep(self._late)
                server.sendall(piece)
                time.sleep(0.05)
                break
        _close(client, server)

    def _pass_on(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(_PIECE):
                self._passing.wait()
                with suppress(OSError):  # the client may be cut off: the server is heard to its end
                    client.sendall(piece)
        _close(client)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def proxied(database_url: str, place: Path) -> Iterator[tuple[str, Proxy]]:
    """An address that leads to the same database through a proxy, and the proxy."""
    address = make_url(database_url)
    (server,) = (path for path in Path(str(address.query["host"])).glob(".s.PGSQL.*") if path.suffix != ".lock")
    place.mkdir()
    proxy = Proxy(server, place / server.name)
    try:
        yield address.set(query={"host": str(place)}).render_as_string(hide_password=False), proxy
    finally:
        proxy.close()

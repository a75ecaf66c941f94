"""One deadline for a whole exchange with another server: its name, connecting, TLS, each read and each write.

A time-out of each read alone never ends where a server sends a byte now and then.
"""

import socket
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    from httpcore2 import NetworkBackend, NetworkStream

_LOOK_UPS = 8
"""Names that are looked up at the same time. The system's resolver can't be stopped, so threads may hang in it."""
_PIECE = 4096
_places = threading.BoundedSemaphore(_LOOK_UPS)


def look_up(host: str, port: int, seconds: float) -> list[Any]:
    """As `socket.getaddrinfo` for TCP, within `seconds`. Raises OSError, and TimeoutError also while too many hang."""
    ends = time.monotonic() + seconds
    if not _places.acquire(timeout=seconds):
        raise TimeoutError("too many names are being looked up")
    found: list[Any] = []
    done = threading.Event()

    def ask() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)
        finally:
            _places.release()
            done.set()

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    if not done.wait(max(0.0, ends - time.monotonic())):
        raise TimeoutError("the name was not looked up in time")
    if isinstance(found[0], UnicodeError):
        raise OSError("no name of a host") from None
    if isinstance(found[0], OSError):
        raise found[0]
    answer: list[Any] = found[0]
    return answer


def backend(ends: float) -> "NetworkBackend":
    """A network backend of httpcore2 on which everything is over at `ends` (monotonic)."""
    import httpcore2

    def left() -> float:
        seconds = ends - time.monotonic()
        if seconds <= 0:
            raise httpcore2.ReadTimeout("the time for this exchange is over")
        return seconds

    class Stream(httpcore2.NetworkStream):
        def __init__(self, stream: "NetworkStream") -> None:
            self._stream = stream

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return self._stream.read(max_bytes, left())

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            for start in range(0, len(buffer), _PIECE):
                self._stream.write(buffer[start : start + _PIECE], left())

        def close(self) -> None:
            self._stream.close()

        def start_tls(
            self, ssl_context: "ssl.SSLContext", server_hostname: str | None = None, timeout: float | None = None
        ) -> "NetworkStream":
            return Stream(self._stream.start_tls(ssl_context, server_hostname, left()))

        def get_extra_info(self, info: str) -> Any:
            return self._stream.get_extra_info(info)

    class Backend(httpcore2.SyncBackend):
        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> "NetworkStream":
            return Stream(super().connect_tcp(host, port, left(), local_address, socket_options))

    return Backend()

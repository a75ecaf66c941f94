"""Read and close the TCP connections that this process has accepted, through their file descriptors.

The server accepts in native code and says nothing about connections that have sent no request. The kernel knows all of
them. Each read duplicates the descriptor for its duration, so that it cannot come to mean another file meanwhile.
"""

import fcntl
import os
import resource
import socket
import stat
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import structlog

Peer = tuple[str, int]
"""Address and port of the other side."""

_DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_INFO = struct.Struct("=24xI92xQQ8xI")
"""Of `struct tcp_info` (linux/tcp.h): unacked, bytes_acked, bytes_received, notsent_bytes."""
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_MOST_DESCRIPTORS = 65_536
"""How far the limit on open files is raised: a limit without bound is no guard."""


log = structlog.get_logger("muniment.connections")


class Flow(NamedTuple):
    """What has passed over a connection so far."""

    received: int
    """Bytes that the server has read."""
    acknowledged: int
    """Bytes that the other side has confirmed."""
    pending: bool
    """Whether bytes wait for the other side to take them."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open files as far as the hard one allows; return how many may be open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def open_descriptors() -> set[int]:
    """Return the descriptors of all open files of this process."""
    with os.scandir(_DESCRIPTORS) as entries:
        return {int(entry.name) for entry in entries}


def inspect(descriptor: int, port: int) -> tuple[Peer, Flow | None] | None:
    """Return the peer of a connection to our `port`, and its flow where this system tells; None for other files."""
    with _duplicate(descriptor) as connection:
        peer = _peer(connection, port)
        return None if connection is None or peer is None else (peer, _flow(connection))
    return None


def close(descriptor: int, peer: Peer, port: int, *, reset: bool) -> bool:
    """Shut the connection with `peer` down, if it still is that one; the server sees its end and frees it.

    With `reset` the kernel drops what the other side has not taken, and does not go on offering it for minutes.
    """
    with _duplicate(descriptor) as connection:
        if connection is None or _peer(connection, port) != peer:
            return False
        with suppress(OSError):  # it ended by itself
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)
        return True
    return False


def _peer(connection: socket.socket | None, port: int) -> Peer | None:
    if connection is None or connection.family not in _INTERNET or connection.type != socket.SOCK_STREAM:
        return None
    try:
        if connection.getsockname()[1] != port:
            return None
        host, number = connection.getpeername()[:2]
    except OSError:  # it listens, or has ended
        return None
    return host.partition("%")[0], number


def _flow(connection: socket.socket) -> Flow | None:
    if _TCP_INFO is None:
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO.size)
        unread = int.from_bytes(fcntl.ioctl(connection, termios.FIONREAD, bytes(4)), sys.byteorder)
    except OSError:  # it has ended
        return None
    if len(info) < _INFO.size:  # a kernel before 4.6
        return None
    unacked, acknowledged, received, unsent = _INFO.unpack(info)
    return Flow(received - unread, acknowledged, bool(unacked or unsent))


@contextmanager
def _duplicate(descriptor: int) -> Iterator[socket.socket | None]:
    """Yield a socket over a duplicate of the descriptor; None where it is closed, or no socket.

    Another file is never duplicated and closed: closing any descriptor of an SQLite file drops all its locks (SQLite,
    "How To Corrupt An SQLite Database File", 2.2).
    """
    if not _is_socket(descriptor):
        yield None
        return
    try:
        copy = os.dup(descriptor)
    except OSError:
        yield None
        return
    if not _is_socket(copy):  # it came to mean a file in this very moment: one descriptor is lost, and no lock
        log.warning("connections.descriptor_left_open")
        yield None
        return
    with socket.socket(fileno=copy) as connection:
        yield connection


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False

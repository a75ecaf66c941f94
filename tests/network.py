"""Tests reach this machine only: a connection or a name look-up that leaves it is an error, wherever it is made."""

import ipaddress
import socket
import sys
from typing import Any

LOCAL_NAMES = frozenset({"localhost", "testserver", "", None})


class LeftTheMachine(Exception):
    """A test tried to reach another machine."""


def stay_on_this_machine() -> None:
    """Refuse it from now on, in this process, for all Python code."""
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        opened, address = arguments[0], arguments[1]
        if opened.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            raise LeftTheMachine("a test tried to connect to another machine")
    elif event == "socket.getaddrinfo" and not _is_local(arguments[0]):
        raise LeftTheMachine("a test tried to look up the name of another machine")


def _is_local(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(str(name).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified

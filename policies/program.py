"""Which program judges a policy: a hash that changes with anything by which it would judge otherwise."""

import hashlib
import os
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_ROOMS = ("policies", "storage")
"""Whose code decides what a policy means: the compiler with its checks, and the models that rules are about."""
_LIBRARIES = ("oso", "SQLAlchemy")


def fingerprint(source: bytes, root: Path = _ROOT) -> bytes:
    """32 bytes for this policy and the program at `root`: those of another text, or of another program, differ.

    That is the policy's text, each file of the rooms concerned by name and content, and the versions of what they
    stand on.
    """
    judged_by = _ours() if root == _ROOT else _hash_of(_judges(root))
    return _hash_of(iter((source, judged_by)))


@cache
def _ours() -> bytes:
    """This very program, read once: what is written over its files later runs in other processes, not in this one."""
    return _hash_of(_judges(_ROOT))


def _hash_of(parts: Iterator[bytes]) -> bytes:
    found = hashlib.sha256()
    for part in parts:
        found.update(hashlib.sha256(part).digest())
    return found.digest()


def _judges(root: Path) -> Iterator[bytes]:
    yield platform.python_version().encode()
    for library in _LIBRARIES:
        yield f"{library} {version(library)}".encode()
    for name in sorted(_files(str(root))):
        yield name.encode()
        with open(os.path.join(root, name), "rb") as file:  # noqa: PTH118, PTH123 - a start waits for hundreds of them
            yield file.read()


def _files(root: str) -> Iterator[str]:
    for room in _ROOMS:
        for place, _, names in os.walk(os.path.join(root, room)):  # noqa: PTH118 - see above
            beneath = place[len(root) + 1 :].replace(os.sep, "/")
            yield from (f"{beneath}/{name}" for name in names if name.endswith(".py"))

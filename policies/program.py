"""Which program judges a policy: a hash that changes with anything by which it would judge otherwise."""

import hashlib
import platform
from collections.abc import Iterator
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
    found = hashlib.sha256()
    for part in (source, *_judges(root)):
        found.update(hashlib.sha256(part).digest())
    return found.digest()


def _judges(root: Path) -> Iterator[bytes]:
    yield platform.python_version().encode()
    for library in _LIBRARIES:
        yield f"{library} {version(library)}".encode()
    for file in sorted(file for room in _ROOMS for file in (root / room).rglob("*.py")):
        yield file.relative_to(root).as_posix().encode()
        yield file.read_bytes()

"""What this process runs with, part by part, as hashes: the same here and on another machine, and no secret in any.

It is what the program says of itself, and as true as the program: whoever can change it can change what it says.
"""

import hashlib
import json
import os
import sysconfig
from functools import cache
from pathlib import Path
from platform import python_version
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from muniment.settings import Settings
from storage import migrations
from storage.changes import RunningPart

ROOT = Path(__file__).parents[1]
ROOMS = ("agents", "muniment", "policies", "resolvers", "schema", "storage")
_OF_A_PROCESS = frozenset({"home", "kek_uri", "second_kek_uri", "worker_name"})
"""Settings that are another in each process or on each machine, and those that are a part of their own."""
_DIGITS = 32


def running(settings: Settings) -> dict[RunningPart, str]:
    """The version of each part. The policy is not among them: the database has every one that was in force."""
    return {
        RunningPart.CONFIGURATION: configuration(settings),
        RunningPart.KEYS: _digest("\n".join(_place(uri) for uri in settings.kek_uris).encode()),
        RunningPart.LIBRARIES: libraries(),
        RunningPart.PROGRAM: program(),
        RunningPart.SCHEMA: migrations.newest(),
    }


def configuration(settings: Settings) -> str:
    """The settings as one hash: of a secret and of a place on this machine only whether it is set."""
    known = {name: _told(value) for name, value in settings if name not in _OF_A_PROCESS}
    return _digest(json.dumps(known, sort_keys=True).encode())


@cache
def libraries() -> str:
    """Python's version and every installed distribution with its own, as one hash."""
    places = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    found = {each.name.lower() for place in places for each in place.glob("*.dist-info")}
    return _digest("\n".join([python_version(), *sorted(found)]).encode())


@cache
def program(root: Path = ROOT) -> str:
    """Every file of the program, by its path and bytes, as one hash: some tens of milliseconds."""
    found = hashlib.sha256()
    for name in _files(str(root)):
        with open(os.path.join(root, name), "rb") as file:  # noqa: PTH118, PTH123 - a start waits for six hundred of them
            content = file.read()
        found.update(f"{name}\0{len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()[:_DIGITS]


def _files(root: str) -> list[str]:
    found = []
    for room in ROOMS:
        for place, directories, names in os.walk(os.path.join(root, room)):  # noqa: PTH118 - see above
            directories[:] = [each for each in directories if each != "__pycache__"]
            beneath = place[len(root) + 1 :].replace(os.sep, "/")
            found += [f"{beneath}/{name}" for name in names]
    return sorted(found)


def _told(value: Any) -> Any:
    if isinstance(value, (Path, SecretStr)):
        return "set"
    if isinstance(value, str) and "://" in value:
        return _place(value)
    return list(value) if isinstance(value, tuple) else value


def _place(url: str) -> str:
    """An address without whoever it is asked as, without what follows a `?`, and without a path on this machine."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]  # not `hostname`: in arn:aws:kms:… no port can be found
    return f"{parts.scheme}://{host}{parts.path}" if host else parts.scheme


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]

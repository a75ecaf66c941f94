"""A process that archives until it is killed at a step: `python -m tests.agents.archiving HOME DATABASE STEP`."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from agents.ledger import Ageing
from agents.models.gateway import Gateway
from agents.runtime import Agents
from policies.force import InForce
from storage.database import open_engine
from storage.ledger import archiving, publishing, trail, verify_audit
from storage.ledger.archiving import Archive
from storage.work import Store
from tests.agents.worlds import open_store
from tests.house_policy import house_policy

STEPS = (
    "before anonymising",
    "after anonymising",
    "before the first file",
    "in the middle of the files",
    "before a rename",
    "after the files",
    "after signing",
    "before the checkpoint lies there",
    "before verifying",
    "after verifying",
    "before pruning",
    "after pruning",
    "after the archive",
)
"""The moments, in the order in which they come."""


def agents_of(store: Store, home: Path) -> Agents:
    """Agents with an archive, for `Ageing`."""
    return Agents(replace(store, archive=Archive(home / "archive")), InForce(house_policy()), Gateway([]))


def main(home: str, database: str, step: str) -> None:
    """Anonymise and archive once, and be killed on the way."""
    agents = agents_of(open_store(open_engine(database), Path(home)), Path(home))
    _set_up(step)
    ageing = Ageing(agents, timedelta(0))
    ageing.anonymise()
    ageing.archive()
    sys.stdout.write("survived\n")


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(function: Any, times: int = 1) -> Callable[..., Any]:
    left = [times]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        left[0] -= 1
        return answer if left[0] else _die()

    return wrapped


def _set_up(step: str) -> None:
    changes: dict[str, tuple[Any, str, Any]] = {
        "before anonymising": (trail, "anonymise", _die),
        "after anonymising": (trail, "anonymise", _after(trail.anonymise)),
        "before the first file": (Archive, "write", _die),
        "in the middle of the files": (Archive, "_put", _after(Archive._put, times=2)),
        "before a rename": (Path, "replace", _die),
        "after the files": (Archive, "write", _after(Archive.write)),
        "after signing": (publishing, "sign", _after(publishing.sign)),
        "before the checkpoint lies there": (Archive, "_put", _before("checkpoint", Archive._put)),
        "before verifying": (verify_audit, "verify", _die),
        "after verifying": (verify_audit, "verify", _after(verify_audit.verify)),
        "before pruning": (archiving, "prune", _die),
        "after pruning": (archiving, "prune", _after(archiving.prune)),
        "after the archive": (Ageing, "archive", _after(Ageing.archive)),
    }
    place, name, replacement = changes[step]
    setattr(place, name, replacement)


def _before(path: str, function: Any) -> Callable[..., Any]:
    def wrapped(self: Archive, given: str, content: bytes) -> Any:
        return _die() if given == path else function(self, given, content)

    return wrapped


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Mutations that are killed at a step: `python -m tests.faults.mutating HOME DATABASE KILLS`.

One process loads what takes long, and forks one child for each mutation; kill -9 hits the child from inside, so that
each gap between two steps is hit exactly. Prints per kill the step, the project's name, and what was acknowledged.
"""

import itertools
import os
import signal
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from policies.access import Access, Policy
from policies.force import InForce
from policies.principals import Kind, Principal
from resolvers import projects
from resolvers.context import Asking, Context
from resolvers.house import House
from storage import queue
from storage.database import open_engine
from storage.ledger import entries
from storage.vault import Vault
from storage.work import UnitOfWork
from tests.agents.worlds import World, open_store

POLICY = b"""
allow(person: Person, action: String, thing) if has_permission(person, action, thing);
actor Person {}
resource Platform { permissions = ["create_project"]; }
has_permission(_: Person, "create_project", _: Platform);
resource Project { permissions = ["read"]; roles = ["owner"]; "read" if "owner"; }
has_role(person: Person, "owner", project: Project) if project.owner_id = person.id;
"""
"""What the mutation asks, and no more: compiling the whole policy takes seconds."""

STEPS = (
    "before the door is asked",
    "before sealing",
    "after sealing",
    "before the event",
    "after the event",
    "before the commit",
    "after the flush",
    "after the commit",
    "never",
)
"""The moments, in the order in which they come; at the last one it is let live."""


def main(home: str, database: str, kills: str) -> None:
    """Kill that many children, each at the next step."""
    place = Path(home)
    policy = Policy(POLICY, "small")
    store = open_store(open_engine(database), place)
    ada = World(store, policy, place).contributor()
    store.engine.dispose()
    store.keyring.close()
    for number, step in zip(range(int(kills)), itertools.cycle(STEPS), strict=False):
        reading, writing = os.pipe()
        if not (child := os.fork()):
            _mutate(place, database, policy, ada, f"project {number}", step, writing)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answered:
            told = answered.read()
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write(f"{step}\t{'killed' if died else 'lived'}\t{told}\n")
    sys.stdout.write(f"owner\t{ada}\n")


def _mutate(place: Path, database: str, policy: Policy, ada: uuid.UUID, name: str, step: str, answer: int) -> None:
    store = open_store(open_engine(database), place)
    _set_up(step)
    context = Context(House(store, InForce(policy)), Asking(Principal(Kind.CONTRIBUTOR, ada)))
    with context.writing("create_project") as working:
        row = projects.create(working, name)
        said = f"{row.id} {working.work.last_event_id}"
    if step == "after the commit":
        _die()
    os.write(answer, said.encode())


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(function: Any) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        return _die()

    return wrapped


def _set_up(step: str) -> None:
    changes: dict[str, tuple[Any, str, Any]] = {
        "before the door is asked": (Access, "check", _die),
        "before sealing": (Vault, "seal", _die),
        "after sealing": (Vault, "seal", _after(Vault.seal)),
        "before the event": (UnitOfWork, "record", _die),
        "after the event": (entries, "append", _after(entries.append)),
        "before the commit": (Session, "commit", _die),
    }
    if step in changes:
        place, name, replacement = changes[step]
        setattr(place, name, replacement)
    elif step == "after the flush":
        event.listen(Session, "before_commit", lambda session: (session.flush(), _die()))


if __name__ == "__main__":
    assert queue
    main(*sys.argv[1:])

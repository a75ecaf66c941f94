"""The part of the ladder (tests/resolvers/ladder.py) that is about the change register."""

import uuid
from collections.abc import Callable
from typing import Any

from storage.changes import Change, ChangeEffect, ChangeKind
from tests.world import World, agent_scope, global_id

GRID = {
    "node change": "U 0 0 0 - - 0 0 0 0 0 0",
    "registerChange": "U F F F - F F F F F F F",
    "approveChange": "U N N N - F N N N N N N",
    "denyChange": "U N N N - F N N N N N N",
}

QUERIES = {"node change": ("change", "id")}

MUTATIONS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "registerChange": lambda ids: {
        "kind": "SYSTEM_UPDATE",
        "effect": "NONE",
        "versions": [{"part": "PROGRAM", "version": "5d41402abc4b2a76b9719d911017c592"}],
        "ticket": "OPS-17",
        "why": "The next release, which mends what was slow.",
        "tests": "CI run 4711 is green.",
    },
    "approveChange": lambda ids: {"changeId": ids["change"], "note": "I have read it, and the run."},
    "denyChange": lambda ids: {"changeId": ids["other change"], "note": "It was not tried."},
}


def registered(world: World, version: str = "0" * 32, *, emergency: bool = False) -> str:
    """A change of the program that somebody has registered who has left since."""
    row = Change(
        id=uuid.uuid4(), kind=ChangeKind.SYSTEM_UPDATE, effect=ChangeEffect.NONE, emergency=emergency,
        versions={"PROGRAM": version}, ticket="OPS-1", registered_by=uuid.uuid4(),
    )  # fmt: skip
    with world.house.store.begin(agent_scope()) as work:
        work.vault.seal(row, why="Because it has to be.", tests="It was tried.")
        work.session.add(row)
    return global_id("Change", row.id)

"""The audit vocabulary holds no dead words: what is registered is recorded somewhere, every reason given by something.

That it is, and not only could be, is shown by `tests/vocabulary.py` over the whole run.
"""

import ast
import enum
import inspect

from storage.ledger import catalogue
from storage.ledger.events import REGISTRY, RefusalCode, Resource
from storage.ledger.events.base import recorded, required_type
from tests.contract.source import ROOMS, calls, modules, nodes

OURS = {event for event in REGISTRY.values() if event.__module__.startswith("storage.")}
HERE = "storage/ledger/events/"
BY_VALUE = {
    RefusalCode: "made from the code of the refusal at hand",
    Resource: "made from the name of the model at hand",
}
"""Reasons that no line of the program names one by one."""


def _elsewhere() -> list[ast.Module]:
    return [tree for path, tree in modules(*ROOMS) if not path.startswith(HERE)]


def test_every_event_is_recorded_by_something() -> None:
    """An event that nothing records would let an auditor wait for it for ever."""
    made = {name for tree in _elsewhere() for _, name, _ in calls(tree)}
    assert sorted(event.action for event in OURS if event.__name__ not in made) == []


def test_every_reason_is_given_by_something() -> None:
    """Of the reasons that the events' own modules list, each is named where it is found."""
    kinds = {
        required_type(kind)
        for event in OURS
        for kind in recorded(event).values()
        if inspect.isclass(required_type(kind)) and issubclass(required_type(kind), enum.StrEnum)
    }
    listed = {kind for kind in kinds if kind.__module__.startswith("storage.ledger.events")} - set(BY_VALUE)
    named = {
        (ast.unparse(node.value).rpartition(".")[2], node.attr)
        for tree in _elsewhere()
        for node in nodes(tree)
        if isinstance(node, ast.Attribute)
    }
    reasons = {(kind.__name__, member.name) for kind in listed for member in kind}
    assert sorted(reasons - named) == []


def test_the_vocabulary_for_people_is_what_is_registered() -> None:
    """docs/audit-events.md lists every event. `python -m storage.ledger.catalogue` writes it anew."""
    assert catalogue.main(["--check"]) == 0

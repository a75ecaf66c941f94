"""What a run of all tests made the application record, held against everything that it says it records.

The lists come from the schema, the registry of events and the policy, never from here: a mutation that no test performs
or is refused, an agent that no test sets to work, and an event that nothing produces fail the run. What a test records
by its own hand does not count. A run of part of the tests is not held against it, unless with `--vocabulary`.
"""

import functools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from policies.principals import AgentName
from resolvers.context import Context
from storage.ledger.events import REGISTRY, AccessDenied, Event, Outcome
from storage.work import UnitOfWork

TESTS = str(Path(__file__).resolve().parent)
_NOTED = "vocabulary"

told: set[str] = set()
"""Sentences about what was recorded: `event asset.created`, `done create_asset`, `refused create_asset`, `agent exports`."""


def missing() -> list[str]:
    """What the application says it records, and no test has made it record."""
    from schema.api import build
    from schema.guards import Audited

    wanted = {f"event {each.action}" for each in REGISTRY.values() if each.__module__.startswith("storage.")}
    wanted |= {f"agent {name}" for name in (*AgentName, "ledger")}
    mutations = build()._schema.mutation_type
    assert mutations is not None
    for field in mutations.fields.values():
        definition = field.extensions["strawberry-definition"]
        wanted.add(f"done {definition.python_name}")
        if any(isinstance(each, Audited) and each.public is None for each in definition.extensions):
            wanted.add(f"refused {definition.python_name}")
    return sorted(wanted - told)


def _noting_events(record: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(record)
    def noted(self: UnitOfWork, event: Event, outcome: Outcome = Outcome.SUCCESS, **beside: Any) -> Any:
        event_id = record(self, event, outcome, **beside)
        if not sys._getframe(1).f_code.co_filename.startswith(TESTS):
            told.add(f"event {event.action}")
            told.add(re.sub("^agent:", "agent ", self.scope.component))
            if isinstance(event, AccessDenied):
                told.add(f"refused {event.attempted}")
        return event_id

    return noted


def _noting_mutations(writing: Callable[..., Any]) -> Callable[..., Any]:
    @contextmanager
    def noted(self: Context, attempted: str) -> Iterator[Context]:
        with writing(self, attempted) as context:
            yield context
        told.add(f"done {attempted}")  # with its event: without one, `writing` raises

    return noted


UnitOfWork.record = _noting_events(UnitOfWork.record)  # type: ignore[method-assign]
Context.writing = _noting_mutations(Context.writing)  # type: ignore[method-assign]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--vocabulary", action="store_true", help="hold this part of the tests against the vocabulary")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended: what it saw is told to the process that sums up."""
    told.update(getattr(node, "workeroutput", {}).get(_NOTED, ()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """The run fails where something is missing."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput[_NOTED] = sorted(told)
    elif exitstatus == 0 and _is_whole(config) and missing():
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Say what is missing, and what to do."""
    if _is_whole(config) and (found := missing()):
        terminalreporter.section("recorded by no test of the application")
        for each in found:
            terminalreporter.line(each)
        terminalreporter.line(
            "Write the test that makes it happen, or remove what never does. See tests/vocabulary.py."
        )


def _is_whole(config: pytest.Config) -> bool:
    if config.getoption("--vocabulary"):
        return True
    option = config.option
    chosen = option.keyword or option.markexpr or option.deselect or getattr(option, "lf", False) or option.collectonly
    return config.args_source is config.ArgsSource.TESTPATHS and not chosen and not option.maxfail

"""Rows come through the door of policies/, sealed values open by their grant, and only one file commits.

What the rules allow stands in tests/contract/doors/allowed.py, each place with its reason.
"""

import ast
from collections.abc import Iterable

import pytest

from policies.resources import mapper_of
from storage.records import Record
from tests.contract.doors import callers, loads, roots, seals
from tests.contract.doors.actionless import WITHOUT_ACTION
from tests.contract.doors.allowed import PLACES, SIDE_DOORS
from tests.contract.doors.code import Finding, House
from tests.contract.source import ROOMS, calls, imported_names, modules

OUTSIDE_THE_DOOR = ("schema", "resolvers", "agents", "muniment")


@pytest.fixture(scope="module")
def house() -> House:
    """Every module of the house."""
    return House(modules(*ROOMS))


def unnamed(found: Iterable[Finding]) -> list[str]:
    """Those that no place in the list explains."""
    return [str(each) for each in found if (each.path, each.rule, each.what) not in PLACES]


def test_only_the_database_module_commits_or_opens_sessions() -> None:
    """A change, its audit event and the job it queues are one transaction: nobody else ends one."""
    found = []
    for path, tree in modules(*ROOMS):
        if path == "storage/database.py":
            continue
        sessions = imported_names(tree, "sqlalchemy.orm") & {"Session", "sessionmaker", "scoped_session"}
        for call, name, owner in calls(tree):
            if (owner and name == "commit") or (not owner and name in sessions):
                found.append(f"{path}:{call.lineno}")
    assert found == [], "use storage.database.transaction, or the unit of work that the use case was given"


def test_rows_are_selected_through_the_door(house: House) -> None:
    """Outside storage/ and policies/ nothing builds a statement, and a session is only written to or handed on."""
    found: list[Finding] = []
    for module in house.modules.values():
        if module.path.startswith(OUTSIDE_THE_DOOR):
            found += [*loads.statements(module), *loads.unfollowed(module), *loads.sessions(house, module)]
    assert unnamed(found) == [], "use access.select with storage.pages, access.get, or a function of storage/"


def test_what_reads_by_itself_is_used_where_a_reason_says_so(house: House) -> None:
    """A function of storage/ that takes no `Select` of the door's finds rows by itself: each use of one is named."""
    used: dict[str, set[str]] = {}
    for module in house.modules.values():
        if module.path.startswith(OUTSIDE_THE_DOOR):
            for name, finding in loads.side_doors(house, module):
                used.setdefault(name, set()).add(finding.path)
    named = {name: set(places.split()) for name, (places, _) in SIDE_DOORS.items()}
    assert used == named, "write a function that takes the door's Select, or name the use with its reason"


def test_sealed_values_open_by_the_grant_of_their_row(house: House) -> None:
    """What goes round the grant, or gives one, is named; keys are made and kept in storage/keys/ alone."""
    found = [
        finding
        for module in house.modules.values()
        if not module.path.startswith("storage/keys/")
        for finding in seals.grants(module)
    ]
    assert unnamed(found) == [], "load the row through the door and use Vault.open"


def test_the_door_is_asked_in_the_name_of_who_asks(house: House) -> None:
    """A principal is made where a token was checked, and for agents; a door is made for that principal alone."""
    outside = [module for module in house.modules.values() if module.path.startswith(OUTSIDE_THE_DOOR)]
    assert unnamed(finding for module in outside for finding in callers.names(house, module)) == []


def test_every_root_field_asks_the_door(house: House) -> None:
    """Each reaches `access` with an action before it answers; a mutation with more than READ."""
    silent = set()
    for name, module, function in roots.root_fields(house):
        asked = roots.asked(house, module, function)
        if not asked or (name.startswith("Mutation.") and asked <= {"get READ", "select READ", "listed READ"}):
            silent.add(name)
    assert silent == set(WITHOUT_ACTION)
    assert list(roots.strangers(house)) == []


def test_no_place_is_named_that_is_not_there(house: House) -> None:
    """A list of exceptions that nobody needs any more is a list of doors left open."""
    there = {
        (found.path, found.rule, found.what)
        for module in house.modules.values()
        for found in [
            *loads.statements(module),
            *loads.unfollowed(module),
            *loads.sessions(house, module),
            *seals.grants(module),
            *callers.names(house, module),
        ]
    }
    assert set(PLACES) - there == set()


def test_relations_load_nothing_by_themselves() -> None:
    """Following a relation of a loaded row raises, wherever the row came from, and none is written through."""
    lazy = [
        f"{mapper.class_.__name__}.{relation.key}"
        for mapper in Record.registry.mappers
        for relation in mapper_of(mapper.class_).relationships
        if relation.lazy != "raise" or not relation.viewonly
    ]
    assert lazy == []


def test_log_events_are_literal() -> None:
    """What happened is said in words of our own; values go under allow-listed keys, where they can be withheld."""
    found = [
        f"{path}:{call.lineno}"
        for path, tree in modules(*ROOMS)
        for call, name, owner in calls(tree)
        if name in {"debug", "info", "warning", "error", "critical", "exception"}
        and (owner in {"log", "_log", "logger"} or owner.startswith("structlog.get_logger"))
        and not (len(call.args) == 1 and isinstance(call.args[0], ast.Constant))
    ]
    assert found == []

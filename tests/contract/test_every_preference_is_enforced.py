"""A preference is a promise: each has a gate that asks for it, a test that tries the gate, and is off by default."""

import ast
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import inspect

from schema.preferences import PrivacyPreferences, UpdatePrivacyPreferencesInput
from storage import preferences
from storage.contributors import PrivacyPreferences as Row
from storage.ledger.events import PreferencesUpdated
from storage.ledger.events.base import detail_fields
from storage.preferences import REGISTER, Preference
from tests.contract.source import ROOT, modules, nodes

KEYS = {"owner_id", "updated_at"}


def function(path: Path, name: str) -> ast.FunctionDef | None:
    """The function of this name in a file, if there is one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return next((each for each in nodes(tree) if isinstance(each, ast.FunctionDef) and each.name == name), None)


def names_in(node: ast.AST) -> set[str]:
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def names_asked(path: Path, found: ast.FunctionDef) -> set[str]:
    """Those in a function, and in the statements of its file that it asks."""
    used = {each.id for each in ast.walk(found) if isinstance(each, ast.Name)}
    asked = [
        each.value
        for each in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(each, ast.Assign) and used & {name.id for name in each.targets if isinstance(name, ast.Name)}
    ]
    return names_in(found).union(*map(names_in, asked))


@cache
def names_used() -> set[str]:
    """Every name that the program loads."""
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for _, tree in modules("agents", "resolvers", "schema", "storage")
        for node in nodes(tree)
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)
    }


ELSEWHERE = {"analytics": ("storage/accounts.py", "may_be_analysed", "analysed")}
"""Where a preference reaches its gate as a value of another name: who reads it, and what the gate is handed."""


@pytest.mark.parametrize("each", REGISTER, ids=lambda each: each.name)
def test_each_preference_is_asked_for_at_its_gate(each: Preference) -> None:
    """The gate that the register names is there, reads the preference, and is called by the program."""
    place, _, what = each.gate.partition(":")
    if place == "policy.polar":
        rules = [line.split("#")[0] for line in (ROOT / place).read_text(encoding="utf-8").splitlines()]
        assert each.name in what
        assert any(what in rule for rule in rules)
        return
    gate = function(ROOT / place, what)
    assert gate is not None, f"{each.name} is asked for nowhere: there is no {each.gate}"
    if each.name in ELSEWHERE:
        reader, name, handed = ELSEWHERE[each.name]
        found = function(ROOT / reader, name)
        assert found is not None
        assert each.name in names_asked(ROOT / reader, found)
        assert handed in names_in(gate)
    else:
        assert each.name in names_in(gate)
    assert what in names_used(), f"nothing passes the gate of {each.name}"


@pytest.mark.parametrize("each", REGISTER, ids=lambda each: each.name)
def test_each_preference_has_a_test_of_its_being_off(each: Preference) -> None:
    """The test that the register names exists, and asserts something."""
    place, _, name = each.proof.partition("::")
    proof = function(ROOT / place, name)
    assert proof is not None, f"{each.name}: there is no {each.proof}"
    assert any(isinstance(node, ast.Assert | ast.With) for node in ast.walk(proof))


def test_the_register_the_table_the_api_and_the_trail_know_the_same_preferences() -> None:
    """One that is missing in one of them could be switched on and never asked for, or asked for and never given."""
    known = [each.name for each in REGISTER]
    assert len(set(known)) == len(known)
    assert set(inspect(Row).columns.keys()) - KEYS == set(known)
    assert set(PrivacyPreferences.__annotations__) - KEYS == set(known)
    assert set(UpdatePrivacyPreferencesInput.__annotations__) == set(known)
    assert set(detail_fields(PreferencesUpdated)) == set(known)


def test_everything_is_off_until_it_is_switched_on() -> None:
    """The default of each column is no, or nothing."""
    for each in REGISTER:
        default = inspect(Row).columns[each.name].default
        assert default is not None
        assert (default.arg(None) if each.named else default.arg) == ([] if each.named else False)


def test_the_page_for_people_is_what_the_register_says() -> None:
    """docs/preferences.md lists each. `python -m storage.preferences` writes it anew."""
    assert preferences.main(["--check"]) == 0

"""The tracer and oso agree about every person and row of the hostile world, also for rules the house does not have."""

import pytest

from policies.workbench.asking import facts_of, reader
from policies.workbench.parsing import parse
from tests.contract.source import ROOT
from tests.policies import worlds
from tests.policies.oracle import Oracle, connect

HEAD = (
    "allow(person: Person, action: String, thing) if may(person, action, thing);\n"
    'allow(agent: Agent{name: "exports"}, action: String, thing) if may(agent.person, action, thing);\n'
    'allow(key: Key, action, thing) if "read" in key.scopes and may(key.person, action, thing);\n'
    'allow(staff: Staff, "read", _: Output) if role in staff.roles and role in ["AUDITOR", "owner"];\n'
)
EVERYONE = worlds.everyone()
WORLD = worlds.build()
connect(WORLD.rows)


def agree(source: str, things: list[object]) -> int:
    """How many decisions were compared; each is the same."""
    oracle, tracer = Oracle(source), reader(parse(source))
    compared = 0
    for name, principal in EVERYONE.items():
        facts = facts_of(principal)
        for thing in things:
            traced = set() if facts is None else tracer.actions(facts, thing)
            assert traced == oracle.actions(principal, thing), f"{name}: {thing}"
            compared += 1
    return compared


def test_the_house_s_policy_reads_the_same_twice() -> None:
    """A second reading that differed would explain what is not so."""
    few = [row for name, row in zip(WORLD.names, WORLD.rows, strict=True) if "bob" not in name and "max" not in name]
    assert agree((ROOT / "policy.polar").read_text(encoding="utf-8"), few[::7]) > 500


@pytest.mark.parametrize(
    "condition",
    [
        "asset.owner_id = person.id or asset.byte_size = 1",
        "asset.owner_id != person.id and asset.byte_size < 1",
        'asset.status in ["AVAILABLE", "QUARANTINED"]',
        "asset.blob_id = nil",
        "asset.blob_id != nil and asset.project.owner_id = person.id",
        '(m in asset.project.members and m.role = "VIEWER") or asset.project.owner_id = person.id',
        "member in asset.project.members and asset.owner_id != member.contributor_id",
        "project = asset.project and project.owner_id = asset.owner_id",
        "asset.project matches Project",
        "asset.byte_size >= 1 and person.stepped_up",
        "same(asset.owner_id, person.id)",
        "asset.owner_id in [person.id]",
    ],
)
def test_every_form_of_condition_means_the_same(condition: str) -> None:
    """Alternatives, differences, lists, relations, nothing, patterns, rules of one's own."""
    who = "person" if "person" in condition else "_"
    source = f'{HEAD}may({who}: Person, "update", asset: Asset) if {condition};\nsame(x, x);\n'
    things = [row for row in WORLD.rows if type(row).__name__ == "Asset"]
    assert agree(source, list(things)) > 100

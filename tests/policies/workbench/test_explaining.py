"""`policy explain` says what the door decides, by which rule, or where each rule stopped and what it saw."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.actions import Action
from policies.compiled import Policy
from policies.principals import Kind, Principal
from policies.workbench import explaining, naming
from policies.workbench.casts import Unclear, World
from policies.workbench.explaining import Explanation, explain, told
from policies.workbench.samples import sample
from policies.workbench.scenarios import load
from storage.database import Transaction
from tests.contract.source import ROOT
from tests.policies.workbench.small import POLICY, lay_out


@pytest.fixture(scope="module")
def small() -> Policy:
    """The small policy, loaded once."""
    return Policy(POLICY.encode(), "policy.polar")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The small world."""
    return load(lay_out(tmp_path) / "policies" / "scenarios").world


@pytest.fixture
def stored(world: World) -> Iterator[Transaction]:
    """A database that holds the small world."""
    with sample(world) as session:
        yield session


def about(small: Policy, world: World, stored: Transaction, who: str, action: Action, thing: str) -> Explanation:
    """An explanation in the small world."""
    principal = naming.somebody(who, world)
    return explain(small, principal, action, naming.something(thing, world), stored, world.names())


def test_a_denial_names_the_rule_the_condition_and_what_it_saw(
    small: Policy, world: World, stored: Transaction
) -> None:
    """Per rule that could have allowed it, the first condition that failed, at file:line, with the facts."""
    explanation = about(small, world, stored, "vic", Action.UPDATE, "atlas")
    assert told(explanation, "vic", "atlas", "policy.polar").splitlines() == [
        "No: vic may not update atlas (Project).",
        "Each rule that could allow it, and where it stopped:",
        "  policy.polar:2  allow(person: Person, action: String, thing) if has_permission(person, action, thing);",
        "      stopped at has_permission(person, action, thing)",
        '      policy.polar:12  "update" if "editor";',
        '          stopped at "editor"',
        '          policy.polar:10  "editor" if "owner";',
        '              stopped at "owner"',
        '              policy.polar:16  has_role(person: Person, "owner", project: Project) if '
        "project.owner_id = person.id;",
        "                  stopped at project.owner_id = person.id, where project.owner_id is ada, person.id is vic",
        '          policy.polar:17  has_role(person: Person, "editor", project: Project) if member in project.members '
        'and member.contributor_id = person.id and member.role = "EDITOR";',
        '              stopped at member.role = "EDITOR", where member.role is “VIEWER”',
    ]


def test_a_grant_names_the_rules_that_gave_it(small: Policy, world: World, stored: Transaction) -> None:
    """Every rule on the way, and none that had no part in it."""
    explanation = about(small, world, stored, "eve", Action.READ, "atlas")
    assert explanation.allowed
    (reason,) = explanation.reasons
    assert [each.line for each in reason.below] == [11]
    assert [each.line for each in reason.below[0].below] == [17]


def test_what_no_rule_speaks_of_is_told_so(small: Policy, world: World, stored: Transaction) -> None:
    """Nobody anonymous has a rule; nobody may delete anything."""
    explanation = about(small, world, stored, "anonymous", Action.READ, "atlas")
    assert not explanation.allowed
    assert explanation.reasons == ()
    assert "No rule speaks of “read” on a Project" in told(explanation, "anonymous", "atlas", "policy.polar")


def test_a_row_can_be_described(small: Policy, world: World) -> None:
    """What has not happened yet can be asked about: the row stands in the world like any other."""
    row = naming.described("Project", {"owner": "vic"}, world)
    with sample(world) as session:
        assert explain(small, world.people["vic"], Action.SHARE, row, session).allowed
        assert not explain(small, world.people["ada"], Action.READ, row, session).allowed


def test_a_fault_of_ours_is_told_first(
    small: Policy, world: World, stored: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the second reading ever differs from the door, the door is believed and the reader warned."""
    monkeypatch.setattr(explaining, "decide", lambda *_: True)
    explanation = about(small, world, stored, "vic", Action.UPDATE, "atlas")
    assert explanation.allowed
    assert not explanation.agreed
    assert told(explanation, "vic", "atlas", "policy.polar").startswith("The door and this explanation differ.")


@pytest.mark.parametrize(
    "who", ["ana", "contributor", "key:ada", "agent", "staff", "contributor:ada:stepped", "root:ada"]
)
def test_nobody_is_guessed(who: str, world: World) -> None:
    """A principal that is not described fully is refused, with what can be written."""
    with pytest.raises(Unclear, match="is nobody: write"):
        naming.somebody(who, world)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("anonymous", Kind.ANONYMOUS),
        ("contributor:ada", Kind.CONTRIBUTOR),
        ("contributor:ada:stepped_up", Kind.CONTRIBUTOR),
        ("departing:ada", Kind.DEPARTING),
        ("key:ada:read,write", Kind.API_KEY),
        ("agent:exports:ada:atlas", Kind.AGENT),
        ("agent:exports", Kind.AGENT),
        ("staff:SUPPORT", Kind.STAFF),
    ],
)
def test_everybody_can_be_written(said: str, kind: Kind, world: World) -> None:
    """Every kind of principal has a spelling."""
    assert isinstance(found := naming.somebody(said, world), Principal)
    assert found.kind is kind


def test_explanations_agree_with_the_door_wherever_they_were_tried(policy: Policy) -> None:
    """Over the house's scenarios: what is explained is what the door decides, and what the tables say."""
    written_down = load(ROOT / "policies" / "scenarios")
    world = written_down.world
    with sample(world) as session:
        for number, ((who, thing), written) in enumerate(written_down.decisions.items()):
            if number % 17:
                continue
            for action in (Action.READ, Action.READ_CONTENT, Action.DELETE):
                explanation = explain(policy, world.people[who], action, world.thing(thing), session)  # type: ignore[arg-type]
                assert explanation.agreed
                assert explanation.allowed == (action in written), f"{who}: {action} {thing}"

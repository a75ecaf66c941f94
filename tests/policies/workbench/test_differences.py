"""`policy diff` names what a change gives and takes, with rows that show it, and is satisfied by approvals alone."""

import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from policies.access import Policy
from policies.plans import Bound, Compare, Row, Values
from policies.principals import Kind
from policies.workbench import approvals, gains
from policies.workbench.approvals import Approval, ApprovalError
from policies.workbench.comparisons import beyond, changes, covers
from policies.workbench.differences import Difference, differences, synthetic
from policies.workbench.matrices import ROLES
from policies.workbench.samples import sample
from policies.workbench.scenarios import load
from policies.workbench.trials import names_of
from tests.policies import worlds
from tests.policies.workbench.small import POLICY, lay_out

OWN = Row(frozenset({Compare("owner_id", "=", Bound("principal_id"))}))


@pytest.fixture(scope="module")
def old() -> Policy:
    """The small policy, loaded once."""
    return Policy(POLICY.encode(), "old.polar")


@pytest.fixture(scope="module")
def sharing_editors() -> Policy:
    """The same, where editors may share."""
    return Policy(POLICY.replace('"share" if "owner"', '"share" if "editor"').encode(), "new.polar")


def literal(*values: object, operator: str = "=") -> Row:
    """A way that compares one column with literals."""
    return Row(frozenset({Compare("role", operator, Values(values))}))  # type: ignore[arg-type]


def compared(place: Path, old: Policy, new: Policy) -> list[Difference]:
    """The differences over the small world."""
    world = load(lay_out(place) / "policies" / "scenarios").world
    with sample(world) as session:
        return differences(old, new, session, world.people, names_of(world))


def told_of(found: Sequence[Difference]) -> list[tuple[str, str, bool, int, tuple[str, ...]]]:
    """The differences in short, for one role."""
    mine = [each for each in found if each.change.role == "contributor"]
    return [(e.change.action, e.change.resource, e.change.gained, e.rows, e.examples) for e in mine]


def test_a_gain_is_told_with_its_rows(tmp_path: Path, old: Policy, sharing_editors: Policy) -> None:
    """Whom it concerns, how many rows today, and which for example; owners gain nothing, for they had it."""
    found = compared(tmp_path, old, sharing_editors)
    assert told_of(found) == [("share", "Project", True, 1, ("eve → atlas",))]
    assert found[0].change.ways == ("members: contributor_id is theirs, role is EDITOR",)


def test_the_same_change_backwards_is_a_loss(tmp_path: Path, old: Policy, sharing_editors: Policy) -> None:
    """A loss needs no approval, and is told all the same."""
    found = compared(tmp_path, sharing_editors, old)
    assert told_of(found) == [("share", "Project", False, 1, ("eve → atlas",))]
    assert gains.unapproved(found, []) == []
    assert gains.told(found, []).startswith("- contributor loses share on Project")


def test_a_policy_that_is_only_written_otherwise_changes_nothing(tmp_path: Path, old: Policy) -> None:
    """Comments, order and names of rules are nobody's gain."""
    other = Policy(
        ("# Another comment.\n" + POLICY.replace("member ", "m ").replace("member.", "m.")).encode(), "new.polar"
    )
    assert compared(tmp_path, old, other) == []
    assert gains.told([], []) == "Nobody gains or loses anything."


def test_a_gain_without_a_single_row_is_still_a_gain(old: Policy) -> None:
    """What nobody can use today somebody will use tomorrow: gains are told from the rules, not from the rows."""
    rule = 'allow(staff: Staff, "read", _: Project) if "SUPPORT" in staff.roles;\n'
    new = Policy((POLICY + rule).encode(), "new.polar")
    (change,) = changes(old, new)
    assert (change.role, change.action, change.ways) == ("staff: support", "read", ("every row",))


@pytest.mark.parametrize(
    ("wider", "narrower", "holds"),
    [
        (Row(), OWN, True),
        (OWN, Row(), False),
        (literal("EDITOR", "VIEWER"), literal("EDITOR"), True),
        (literal("EDITOR"), literal("EDITOR", "VIEWER"), False),
        (literal("EDITOR", operator="!="), literal("VIEWER"), True),
        (literal("EDITOR", operator="!="), literal("EDITOR"), False),
        (Row(related=frozenset({("members", Row())})), Row(related=frozenset({("members", OWN)})), True),
        (Row(related=frozenset({("members", OWN)})), Row(related=frozenset({("members", Row())})), False),
        (Row(related=frozenset({("members", Row())})), OWN, False),
    ],
)
def test_a_way_covers_another_only_where_its_form_shows_it(wider: Row, narrower: Row, holds: bool) -> None:
    """In doubt a gain is told: one too many is read, one too few is a hole."""
    assert covers(wider, narrower) is holds


def test_a_way_may_be_covered_by_several_together() -> None:
    """EDITOR or VIEWER is no gain for who had each of them."""
    assert beyond(frozenset({literal("EDITOR", "VIEWER")}), frozenset({literal("EDITOR"), literal("VIEWER")})) == []


def test_an_approval_names_this_very_change(tmp_path: Path, old: Policy, sharing_editors: Policy) -> None:
    """Its digest, role, resource and action, all of them; another way to the same right is another change."""
    found = compared(tmp_path, old, sharing_editors)
    change = found[0].change
    good = Approval(change.digest, change.role, "Project", "share", "invitations", "head of product")
    assert gains.unapproved(found, [good]) == [each for each in found if each is not found[0]]
    for wrong in (
        Approval("0" * 12, change.role, "Project", "share", "x", "y"),
        Approval(change.digest, "anonymous", "Project", "share", "x", "y"),
        Approval(change.digest, change.role, "Asset", "share", "x", "y"),
        Approval(change.digest, change.role, "Project", "read", "x", "y"),
    ):
        assert gains.unapproved(found, [wrong]) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("change: 1", "write a list"),
        ("- change: 1", "approval 1 must say"),
        ("- {change: 1, role: a, resource: b, action: c, because: , approved_by: d}", "leaves “because” empty"),
        ("- {change: 1, role: a, resource: b, action: c, because: e, approved_by: ''}", "leaves “approved_by” empty"),
        ("- [", "this is no YAML"),
    ],
)
def test_an_approval_without_a_reason_or_a_person_is_none(tmp_path: Path, text: str, words: str) -> None:
    """The whole file is refused, so that nothing is approved by mistake."""
    (tmp_path / "approvals.yaml").write_text(text)
    with pytest.raises(ApprovalError, match=words):
        approvals.load(tmp_path / "approvals.yaml")
    with pytest.raises(ApprovalError, match="can't be read"):
        approvals.load(tmp_path / "none.yaml")


def test_a_live_database_is_looked_at_with_principals_made_for_it(
    session: Session, old: Policy, sharing_editors: Policy
) -> None:
    """On both databases: contributors, runs and jobs that are there; what is counted is counted in SQL."""
    people = synthetic(session, ROLES.values())
    assert {str(principal.kind) for principal in people.values()} == set(Kind) - {Kind.ANONYMOUS}
    (gain, _) = differences(old, sharing_editors, session, people, {})
    assert (gain.change.role, gain.rows) == ("contributor", 2)  # Eve and Max edit atlas
    who, _, thing = gain.examples[0].partition(" → ")
    assert uuid.UUID(who.split()[-1]) in {worlds.named("eve"), worlds.named("max")}
    assert thing == f"Project:{worlds.named('atlas')}"

"""A changed word of the policy is noticed by the scenarios; what the score says was really tried."""

from pathlib import Path

import pytest

from policies.workbench import mutation, mutation_pages, scenarios
from policies.workbench.parsing import parse
from policies.workbench.weaker import CHANGES, weakened
from tests.contract.source import ROOT
from tests.policies.workbench.small import POLICY, TABLES, lay_out

SOURCE = (ROOT / "policy.polar").read_text(encoding="utf-8")
EVERY = 40
"""One change in so many is tried in each run of the tests; `make mutants` tries all of them."""
NOTHING = "about: Nothing.\ndecisions:\n  book: |\n    who | read\n"


def tried(place: Path, tables: str = TABLES, known: dict[tuple[str, str], str] | None = None) -> mutation.Score:
    """The small policy, every change of it."""
    written = scenarios.load(lay_out(place, tables=tables) / "policies" / "scenarios")
    return mutation.score(parse(POLICY), written, known or {})


def test_every_kind_of_word_is_changed() -> None:
    """Actions, roles, other words, columns and comparisons: the house's policy has some of each."""
    assert {each.change for each in weakened(parse(SOURCE))} == set(CHANGES)


def test_a_changed_word_is_another_of_its_own_list() -> None:
    """`"share" if "owner"` becomes another action, or asks for another role; a word of no list is left as it is."""
    document = parse(POLICY)
    line = next(rule for rule in document.rules if rule.span.text(POLICY) == '"share" if "owner";')
    assert [each.what(document) for each in weakened(document) if each.rule is line] == [
        '`"share"` as `"read"`',
        '`"share"` as `"update"`',
        '`"owner"` as `"editor"`',
    ]
    column = next(each for each in weakened(document) if each.change == "another column")
    assert column.source(document).count("project.id = person.id") == 1


def test_what_no_line_notices_is_told_with_its_line(tmp_path: Path) -> None:
    """Without a table about the project that is shared, nobody notices with whom."""
    found = tried(tmp_path, NOTHING)
    assert found.missed
    told = mutation.told(found, "policy.polar").splitlines()
    assert told[0].startswith("policy.polar:")
    assert "no scenario notices" in told[0]
    assert told[-1].endswith(f"{len(found.missed)} are missed.")


def test_a_change_that_is_named_as_the_same_is_counted_apart(tmp_path: Path) -> None:
    """And a name that is not needed is told: a reason for nothing hides the next slip."""
    missed = tried(tmp_path / "one", NOTHING).missed
    known = {(each.rule, each.what): "because" for each in missed}
    found = tried(tmp_path / "two", NOTHING, {**known, ("no such rule", "none"): "because"})
    assert found.missed == []
    assert [because for _, because in found.equivalent] == ["because"] * len(missed)
    assert found.unneeded == ["no such rule: none"]


@pytest.mark.parametrize("text", ["a: [", "a: b", "- rule: x", "- {rule: x, changes: [y], because: z, more: 1}"])
def test_a_file_of_equivalents_that_means_nothing_is_refused(tmp_path: Path, text: str) -> None:
    """With its name, and the number of the entry."""
    (tmp_path / "equivalents.yaml").write_text(text)
    with pytest.raises(mutation.EquivalentsError, match=r"equivalents\.yaml"):
        mutation.load(tmp_path / "equivalents.yaml")


def test_scenarios_notice_changes_of_the_policy() -> None:
    """A part of the full run, in every run of the tests: none is missed."""
    written = scenarios.load(ROOT / "policies" / "scenarios")
    known = mutation.load(ROOT / mutation.EQUIVALENTS)
    found = mutation.score(parse(SOURCE), written, known, EVERY)
    assert [f"{each.line}: {each.what}" for each in found.missed] == []
    assert len(found.noticed) > 80


def test_the_published_score_is_of_this_policy() -> None:
    """`make mutants` writes it anew, after any change of the policy, its scenarios, or what is changed in it."""
    page = (ROOT / mutation_pages.PAGE).read_text(encoding="utf-8")
    assert mutation_pages.fingerprint(ROOT) in page
    assert "| 0 |\n" in page.split("**all**")[1]

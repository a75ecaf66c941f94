"""The catalogue of controls: what it names is there, what it checks can fail, and nothing claims what is not ours."""

import re

import pytest

from muniment.controls import CHECKS, OF_THE_DOCTOR
from storage.controls import pages
from storage.controls.catalogue import CONTROLS, Control, checks
from storage.controls.criteria import CRITERIA, Reach, in_order
from storage.controls.measures import MEASURES
from tests.contract.source import ROOT
from tests.muniment.broken import IN_THE_DATABASE, IN_THE_HOUSE

SERIES = {"CC1": 5, "CC2": 3, "CC3": 4, "CC4": 2, "CC5": 3, "CC6": 8, "CC7": 5, "CC8": 1, "CC9": 2, "A1": 3, "PI1": 5}
SERIES |= {"C1": 2, "P1": 1, "P2": 1, "P3": 2, "P4": 3, "P5": 2, "P6": 7, "P7": 1, "P8": 1}
CLAIMS = re.compile(
    r"SOC ?2[- ](certified|compliant|certification|approved)"
    r"|\b(is|are|we're|fully) (certified|SOC|compliant)|certified (by|to|against|under) (AICPA|SOC|ISO)"
    r"|operat(es|ed|ing) effectively",
    re.IGNORECASE,
)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_a_control_names_what_is_there(control: Control) -> None:
    """Criteria that exist, an owner whom the policy names too, tests that stand in their files, and checks that run."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", control.id)
    assert set(control.criteria) <= set(CRITERIA)
    assert f"# Owner: {control.owner}\n" in (ROOT / "policy.polar").read_text(encoding="utf-8")
    assert control.shown_by
    assert control.criteria
    assert control.days > 0
    for named in control.shown_by:
        file, _, test = named.partition("::")
        assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), named
    assert set(control.checks) <= CHECKS


def test_every_check_is_somebodys_and_has_been_seen_to_fail() -> None:
    """Each belongs to a control, and tests/muniment/broken.py has an installation in which it fails."""
    assert set(checks()) == CHECKS
    assert set(IN_THE_DATABASE) == set(MEASURES)
    assert set(IN_THE_HOUSE) == set(OF_THE_DOCTOR)
    assert len({control.id for control in CONTROLS}) == len(CONTROLS)


def test_all_criteria_are_there_each_with_what_remains() -> None:
    """61, by the ids that everybody uses; nothing is shown by the system where people do it all."""
    named = [f"{chapter}.{number}" for chapter, many in SERIES.items() for number in range(1, many + 1)]
    assert sorted(CRITERIA) == sorted(named)
    assert [each.id for each in in_order()] == named
    for each in CRITERIA.values():
        assert each.about
        assert each.remains.endswith("."), each.id
        if each.reach is Reach.PEOPLE:
            assert pages.bearing_on(each) == [], each.id
        if each.reach is Reach.SYSTEM:
            assert pages.bearing_on(each), each.id


def test_the_page_is_what_the_catalogue_says() -> None:
    """docs/controls.md shows in review. `python -m storage.controls.pages` writes it anew."""
    assert pages.main(["--check"]) == 0


def test_nothing_claims_to_be_certified() -> None:
    """An examination is the operator's, its opinion an auditor's: neither documents nor the API say otherwise."""
    said = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "schema.graphql",
        *ROOT.glob("storage/controls/*.py"),
    ]
    assert [str(path) for path in said if CLAIMS.search(path.read_text(encoding="utf-8"))] == []
    assert CLAIMS.search("Muniment is SOC 2 certified.")
    assert CLAIMS.search("These controls operated effectively.")

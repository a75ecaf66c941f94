"""What use was made of an access grant is looked at once it is over, by somebody else, and the contributor reads it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.staff import StaffRole
from tests.beginnings import Beginning
from tests.resolvers import granting
from tests.resolvers.granting import NOTE, Case
from tests.resolvers.test_grants import LOG
from tests.world import World

pytestmark = pytest.mark.begins_with("case", fill=granting.made)

ONE = pytest.mark.one_database("sqlite", reason="rules and states; what the database decides is tried on both")
INCIDENT = {"reasonCode": "SECURITY_INCIDENT"}


@pytest.fixture
def case(world: World, beginning: Beginning) -> Case:
    return granting.at_hand(world, beginning)


def test_the_contributor_reads_what_a_review_found(case: Case) -> None:
    """Before it: that it is due. After it: verdict, words and time, and the entry in the access log; no employee's name."""
    grant = case.over(case.support)
    query = "{ accessGrants { edges { node { reviewDue verdict reviewNote reviewedAt granteeId } } } }"
    before = case.world.ask(query, case.owner).data["accessGrants"]["edges"][0]["node"]
    none = dict.fromkeys(("verdict", "reviewNote", "reviewedAt", "granteeId"))
    assert before == {"reviewDue": True, **none}
    assert case.review(case.privacy, grant, verdict="EXCESSIVE").code is None
    after = case.world.ask(query, case.owner).data["accessGrants"]["edges"][0]["node"]
    assert (after["reviewDue"], after["verdict"], after["reviewNote"]) == (False, "EXCESSIVE", NOTE)
    assert after["reviewedAt"]
    last = case.world.ask(LOG, case.owner).data["accessLog"]["edges"][0]["node"]
    assert (last["action"], last["details"]["verdict"], last["userId"]) == ("access_grant.reviewed", "EXCESSIVE", None)
    assert NOTE.encode() not in case.world.everything_kept()


def test_nothing_new_before_the_last_is_reviewed(case: Case) -> None:
    """Neither by asking nor by consent to what was asked before; with the review it goes on. Others are not held up."""
    waiting = case.asked(case.support, "ASSET")
    grant = case.over(case.support)
    with case.world.unchanged():
        assert case.ask(case.support).code == "CONFLICT"
        refused = case.decide("consentToAccess", case.owner, waiting)
    assert refused.code == "CONFLICT"
    assert "reviewAccess" in refused.message
    assert case.opens(case.support) == set()
    colleague = case.world.employ(StaffRole.SUPPORT)
    assert case.ask(colleague).code is None
    assert case.review(case.security, grant).code is None
    assert case.decide("consentToAccess", case.owner, waiting).code is None
    assert case.opens(case.support) == {"asset"}


@ONE
def test_a_grant_whose_time_was_up_is_reviewed_too(case: Case) -> None:
    """It ended without anybody's doing; the next request waits all the same, and so does a second person's yes."""
    waiting = case.asked(case.security, "ASSET", **INCIDENT)
    grant = case.asked(case.security, **INCIDENT)
    case.decide("approveAccess", case.privacy, grant).data  # noqa: B018 - fails the test where it did not work
    case.expire(grant)
    with case.world.unchanged():
        assert case.ask(case.security, **INCIDENT).code == "CONFLICT"
        assert case.decide("approveAccess", case.privacy, waiting).code == "CONFLICT"
    other = case.world.employ(StaffRole.PRIVACY)
    assert case.review(other, grant).code is None
    assert case.decide("approveAccess", case.privacy, waiting).code is None


@ONE
def test_nobody_reviews_what_they_held_or_agreed_to(case: Case) -> None:
    """In whatever jobs they are by then: refused, recorded, and the grant as it was."""
    grant = case.asked(case.security, **INCIDENT)
    case.decide("approveAccess", case.privacy, grant).data  # noqa: B018 - fails the test where it did not work
    case.decide("endAccess", case.owner, grant).data  # noqa: B018 - as above
    for person in (case.security, case.privacy):
        with case.world.unchanged("access.denied"):
            assert case.review(person, grant).code == "FORBIDDEN"
    case.world.change_job(case.security, StaffRole.PRIVACY)
    with case.world.unchanged("access.denied"):
        assert case.review(case.security, grant).code == "FORBIDDEN"
    assert case.review(case.world.employ(StaffRole.SECURITY), grant).code is None


@ONE
def test_only_what_is_over_and_was_agreed_to_is_reviewed_and_once(case: Case) -> None:
    """Asked for, under way, denied, withdrawn, reviewed: refused with nothing changed; and none of them holds anybody up."""
    asked, live = case.asked(case.support), case.granted(case.support, "ASSET")
    denied, withdrawn = case.asked(case.support), case.asked(case.support)
    case.decide("denyAccess", case.owner, denied).data  # noqa: B018 - fails the test where it did not work
    case.decide("endAccess", case.support, withdrawn).data  # noqa: B018 - as above
    for grant in (asked, live, denied, withdrawn):
        with case.world.unchanged():
            assert case.review(case.privacy, grant).code == "CONFLICT"
    assert case.ask(case.support).code is None
    case.decide("endAccess", case.support, live).data  # noqa: B018 - as above
    assert case.review(case.privacy, live).code is None
    with case.world.unchanged():
        assert case.review(case.privacy, live, verdict="UNJUSTIFIED").code == "CONFLICT"


@ONE
@pytest.mark.parametrize("note", ["", "Fine.", "x" * 2001, "a note with a NUL \x00 in it"])
def test_a_review_says_something(case: Case, note: str) -> None:
    """A verdict without a reason is none."""
    grant = case.over(case.support)
    with case.world.unchanged():
        refused = case.review(case.privacy, grant, note=note)
    assert (refused.code, refused.field) == ("BAD_USER_INPUT", "note")


def test_of_two_reviews_at_once_one_stands(case: Case) -> None:
    """Whoever came second is told so, and their verdict changes nothing."""
    grant = case.over(case.support)
    verdicts = ("JUSTIFIED", "UNJUSTIFIED", "EXCESSIVE", "JUSTIFIED")
    with ThreadPoolExecutor(len(verdicts)) as pool:
        answers = list(pool.map(lambda verdict: case.review(case.privacy, grant, verdict=verdict), verdicts))
    assert sorted(answer.code or "" for answer in answers) == ["", "CONFLICT", "CONFLICT", "CONFLICT"]
    assert len(case.world.events("access_grant.reviewed")) == 1

"""Where a contributor can't be asked, a second person agrees: somebody of security or privacy, and never whoever asked."""

from typing import Any

import pytest

from storage.staff import StaffRole
from tests.beginnings import Beginning
from tests.resolvers import granting
from tests.resolvers.granting import Case
from tests.world import Person, World, global_id, raw_id

pytestmark = pytest.mark.begins_with("case", fill=granting.made)

INCIDENT: dict[str, Any] = {"reasonCode": "SECURITY_INCIDENT"}


@pytest.fixture
def case(world: World, beginning: Beginning) -> Case:
    return granting.at_hand(world, beginning)


def test_a_colleague_agrees_and_the_contributor_sees_it(case: Case) -> None:
    """Asked by security, approved by privacy: it opens, and stands among the contributor's grants with its reason."""
    grant = case.asked(case.security, **INCIDENT)
    assert case.opens(case.security) == set()
    approved = case.decide("approveAccess", case.privacy, grant).data["it"]["accessGrant"]
    assert approved["status"] == "ACTIVE"
    assert case.opens(case.security) == {"project", "asset", "prompt", "output"}
    query = "{ accessGrants { edges { node { id decider reasonCode status role justification } } } }"
    (edge,) = case.world.ask(query, case.owner).data["accessGrants"]["edges"]
    assert edge["node"] == {
        "id": grant,
        "decider": "SECOND_PERSON",
        "reasonCode": "SECURITY_INCIDENT",
        "status": "ACTIVE",
        "role": "SECURITY",
        "justification": granting.JUSTIFICATION,
    }
    case.decide("endAccess", case.owner, grant).data  # noqa: B018 - fails the test where it did not work
    assert case.opens(case.security) == set()


@pytest.mark.parametrize("roles", [(StaffRole.SECURITY,), (StaffRole.SECURITY, StaffRole.PRIVACY), tuple(StaffRole)])
def test_nobody_approves_their_own_request(case: Case, roles: tuple[StaffRole, ...]) -> None:
    """Not in the job they asked in, and not in another of their jobs; refused, recorded, and nothing opened."""
    both = case.world.employ(*roles)
    grant = case.asked(both, **INCIDENT)
    with case.world.unchanged("access.denied"):
        assert case.decide("approveAccess", both, grant).code == "FORBIDDEN"
    with case.world.unchanged("access.denied"):
        assert case.decide("consentToAccess", both, grant).code == "FORBIDDEN"
    assert case.opens(both) == set()


@pytest.mark.parametrize("by", ["security", "privacy", "owner"])
def test_where_the_contributor_can_be_asked_nobody_agrees_in_their_place(case: Case, by: str) -> None:
    """Support's request waits for the contributor alone: no second person can stand in, nor do they approve as one."""
    grant = case.asked(case.support)
    with case.world.unchanged("access.denied"):
        assert case.decide("approveAccess", getattr(case, by), grant).code == "FORBIDDEN"
    assert case.opens(case.support) == set()


def test_support_does_not_approve(case: Case) -> None:
    """Whoever looks after tickets has no say in who looks at work."""
    grant = case.asked(case.security, **INCIDENT)
    with case.world.unchanged("access.denied"):
        assert case.decide("approveAccess", case.support, grant).code == "NOT_FOUND"


@pytest.mark.parametrize("by", ["security", "privacy"])
def test_security_and_privacy_turn_requests_down(case: Case, by: str) -> None:
    """A no by either is final, also for the contributor's own later yes."""
    grant = case.asked(case.support)
    assert case.decide("denyAccess", getattr(case, by), grant).data["it"]["accessGrant"]["status"] == "DENIED"
    with case.world.unchanged():
        assert case.decide("consentToAccess", case.owner, grant).code == "CONFLICT"
    assert case.opens(case.support) == set()


def test_support_asks_only_whoever_lets_it(case: Case) -> None:
    """Without supportAccess there is no request at all; security's duty does not depend on it."""
    case.world.do("updatePrivacyPreferences", case.owner, supportAccess=False).data  # noqa: B018 - as above
    with case.world.unchanged("access.denied"):
        assert case.ask(case.support).code == "FORBIDDEN"
    assert case.ask(case.security, **INCIDENT).code is None


def test_one_job_does_not_lend_its_leave_to_another(case: Case) -> None:
    """Security and support at once: a request of support's needs what support needs."""
    case.world.do("updatePrivacyPreferences", case.owner, supportAccess=False).data  # noqa: B018 - as above
    both = case.world.employ(StaffRole.SECURITY, StaffRole.SUPPORT)
    with case.world.unchanged("access.denied"):
        assert case.ask(both, reasonCode="SUPPORT_REQUEST").code == "FORBIDDEN"
    assert case.ask(both, **INCIDENT).code is None


REASONS = [
    ("support", "SECURITY_INCIDENT", "FORBIDDEN"),
    ("support", "LEGAL_DUTY", "FORBIDDEN"),
    ("security", "SUPPORT_REQUEST", "FORBIDDEN"),
    ("privacy", "SECURITY_INCIDENT", "FORBIDDEN"),
    ("privacy", "RIGHTS_REQUEST", None),
    ("privacy", "LEGAL_DUTY", None),
]


def test_each_job_asks_for_its_own_reasons(case: Case, subtests: pytest.Subtests) -> None:
    """Support can't pass the contributor by with a reason of security's."""
    for by, reason, code in REASONS:
        with subtests.test(by=by, reason=reason, code=code):
            assert case.ask(getattr(case, by), reasonCode=reason).code == code


@pytest.mark.parametrize("role", [StaffRole.SYSADMIN, StaffRole.AUDITOR])
def test_some_jobs_never_ask(case: Case, role: StaffRole) -> None:
    """For those who keep servers or read evidence the contributor does not even exist."""
    staff = case.world.employ(role)
    for reason in ("SUPPORT_REQUEST", "RIGHTS_REQUEST", "SECURITY_INCIDENT", "LEGAL_DUTY"):
        with case.world.unchanged("access.denied"):
            assert case.ask(staff, reasonCode=reason).code == "NOT_FOUND"


def test_a_contributor_asks_for_nothing(case: Case) -> None:
    """Requests are staff's: the contributor themself is told FORBIDDEN, a stranger that there is no such account."""
    stranger = case.world.register("stranger")
    for person, code in ((case.owner, "FORBIDDEN"), (stranger, "NOT_FOUND")):
        with case.world.unchanged("access.denied"):
            assert case.ask(person).code == code


def test_an_account_on_its_way_out_is_asked_for_nothing(case: Case) -> None:
    """Once erasure was asked for no grant is made, and those there are end."""
    grant = case.granted(case.support)
    waiting = case.asked(case.security, **INCIDENT)
    case.world.step_up(case.owner)
    case.world.do("deleteAccount", case.owner, confirm=True).data  # noqa: B018 - as above
    assert case.opens(case.support) == set()
    for staff in (case.support, case.security):
        with case.world.unchanged("access.denied"):
            assert case.ask(staff, **(INCIDENT if staff is case.security else {})).code == "FORBIDDEN"
    with case.world.unchanged():
        assert case.decide("approveAccess", case.privacy, waiting).code == "CONFLICT"
    assert _status(case, case.privacy, grant) == _status(case, case.privacy, waiting) == "ENDED"


WITHOUT_WORDS = [
    ("justification", "Too short."),
    ("justification", "x" * 2_001),
    ("justification", " " * 30),
    ("ticket", ""),
    ("ticket", "x" * 101),
    ("objectId", None),
]


def test_a_request_without_its_words_is_refused(case: Case, subtests: pytest.Subtests) -> None:
    """Each part has to be there: why, in whose case, and what for."""
    for field, value in WITHOUT_WORDS:
        with subtests.test(field=field, value=value):
            with case.world.unchanged():
                refused = case.ask(case.support, **{field: value})
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


def test_an_object_belongs_to_its_scope(case: Case) -> None:
    """An account has no object beside it, and a project's scope takes no asset."""
    for scope, given in (("ACCOUNT", {"objectId": case.project}), ("PROJECT", {"objectId": case.asset})):
        with case.world.unchanged():
            refused = case.ask(case.support, scope, **given)
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", "objectId")


def test_asking_tells_nothing_about_what_exists(case: Case) -> None:
    """A request on a thing that never was is answered as one on a thing that is."""
    nothing = global_id("Asset", raw_id(case.project))
    real, absent = (case.ask(case.support, "ASSET", object_id=thing) for thing in (case.asset, nothing))
    assert real.code is absent.code is None
    assert real.data["it"]["accessGrant"]["status"] == absent.data["it"]["accessGrant"]["status"]


def test_what_is_decided_is_recorded_with_who_and_for_which_job(case: Case) -> None:
    """Request, approval and end, each one event with the grant as its resource and the contributor as its subject."""
    since = len(case.world.events())
    grant = case.asked(case.security, "ACCOUNT", **INCIDENT)
    case.decide("approveAccess", case.privacy, grant).data  # noqa: B018 - as above
    case.decide("endAccess", case.security, grant).data  # noqa: B018 - as above
    found = case.world.events()[since:]
    assert [event["action"] for event in found] == [
        "access_grant.requested",
        "access_grant.approved",
        "access_grant.ended",
    ]
    assert {event["resourceId"] for event in found} == {str(raw_id(grant))}
    assert found[0]["details"] == {
        "role": "SECURITY",
        "scope": "ACCOUNT",
        "objectId": None,
        "reason": "SECURITY_INCIDENT",
        "decider": "SECOND_PERSON",
        "lifetimeSeconds": 3599,
    } | {"lifetimeSeconds": found[0]["details"]["lifetimeSeconds"]}
    assert found[2]["details"] == {"role": "SECURITY", "reason": "SECURITY_INCIDENT", "hadBegun": True}
    assert str(raw_id(case.owner.id)) not in str(found), "a person's id stands in a leaf as a commitment only"


def test_words_of_a_request_are_kept_sealed(case: Case) -> None:
    """Justification and ticket stand nowhere in clear: not in the database, nor in any file."""
    case.asked(case.support)
    kept = case.world.everything_kept()
    assert granting.JUSTIFICATION.encode() not in kept
    assert granting.TICKET.encode() not in kept


def _status(case: Case, by: Person, grant: str) -> str:
    query = "query($id: ID!) { node(id: $id) { ... on AccessGrant { status } } }"
    return str(case.world.ask(query, by, id=grant).data["node"]["status"])

"""Access grants: how staff come to see a contributor's work, and how they stop seeing it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from storage.clock import now
from storage.ledger import entries
from storage.staff import StaffRole
from tests.beginnings import Beginning
from tests.resolvers import granting
from tests.resolvers.granting import JUSTIFICATION, TICKET, Case
from tests.world import Person, World, raw_id

pytestmark = pytest.mark.begins_with("case", fill=granting.made)

EVERYTHING = {"project", "asset", "prompt", "output"}
LOG = """{ accessLog(first: 100) { edges { node { action actorKind userId grantId resource details timestamp } } } }"""


@pytest.fixture
def case(world: World, beginning: Beginning) -> Case:
    return granting.at_hand(world, beginning)


def told(case: Case, by: Person) -> list[dict[str, Any]]:
    """What the access log tells a contributor of staff, oldest first."""
    edges = case.world.ask(LOG, by).data["accessLog"]["edges"]
    return [edge["node"] for edge in reversed(edges) if edge["node"]["actorKind"] == "STAFF"]


def test_no_job_opens_anything_without_a_grant(world: World, subtests: pytest.Subtests) -> None:
    """Every job, system administrators included: the contributor's things do not exist for them."""
    case = granting.make(world)
    for role in StaffRole:
        with subtests.test(role=role):
            staff = world.employ(role)
            for kind in EVERYTHING:
                assert case.read(staff, kind).code == "NOT_FOUND", kind
            lists = " ".join(f"{kind}s {{ totalCount }}" for kind in sorted(EVERYTHING))
            assert {page["totalCount"] for page in world.ask(f"{{ {lists} }}", staff).data.values()} == {0}


def test_every_job_at_once_opens_nothing_either(world: World) -> None:
    """Jobs add up to no grant."""
    case = granting.make(world)
    assert case.opens(world.employ(*StaffRole)) == set()


def test_a_request_opens_nothing_until_the_contributor_agrees(case: Case) -> None:
    """Asked for: nothing. Agreed to: exactly what the scope names, and the contributor finds it all in their log."""
    grant = case.asked(case.support)
    assert case.opens(case.support) == set()
    assert case.decide("consentToAccess", case.owner, grant).data["it"]["accessGrant"]["status"] == "ACTIVE"
    assert case.opens(case.support) == EVERYTHING


@pytest.mark.parametrize(
    ("scope", "opened"),
    [
        ("ACCOUNT", EVERYTHING),
        ("PROJECT", EVERYTHING),
        ("ASSET", {"asset"}),
        ("PROMPT", {"prompt", "output"}),
        ("OUTPUT", {"output"}),
    ],
)
def test_a_grant_opens_its_scope_and_nothing_beside_it(case: Case, scope: str, opened: set[str]) -> None:
    """What the contributor agreed to, and neither another project of theirs nor anybody else's work."""
    elsewhere = case.world.project(case.owner, "Elsewhere")
    other = granting.make(case.world)
    case.granted(case.support, scope)
    assert case.opens(case.support) == opened
    assert other.opens(case.support) == set()
    found = case.world.ask("query($id: ID!) { project(id: $id) { name } }", case.support, id=elsewhere)
    assert found.code == (None if scope == "ACCOUNT" else "NOT_FOUND")


def test_a_grant_is_for_whom_it_is_made_out_to(case: Case) -> None:
    """A colleague in the same job sees nothing of it, and can't end it either."""
    grant = case.granted(case.support)
    colleague = case.world.employ(StaffRole.SUPPORT)
    assert case.opens(colleague) == set()
    with case.world.unchanged("access.denied"):
        assert case.decide("endAccess", colleague, grant).code == "NOT_FOUND"
    assert case.opens(case.support) == EVERYTHING


def test_a_grant_on_what_belongs_to_somebody_else_opens_nothing(case: Case) -> None:
    """Whoever consents gives what is theirs: another contributor's project named in the request stays shut."""
    other = granting.make(case.world)
    case.granted(case.support, object_id=other.project)
    assert case.opens(case.support) == other.opens(case.support) == set()


def test_what_ran_out_a_second_ago_opens_nothing(case: Case) -> None:
    """Nobody has to end a grant: its time does, and it is told as EXPIRED."""
    grant = case.granted(case.support)
    case.expire(grant)
    assert case.opens(case.support) == set()
    found = case.world.ask("{ accessGrants { edges { node { id status } } } }", case.owner).data
    assert found["accessGrants"]["edges"] == [{"node": {"id": grant, "status": "EXPIRED"}}]
    with case.world.unchanged():
        assert case.decide("endAccess", case.owner, grant).code == "CONFLICT"


def test_what_ran_out_since_it_was_listed_is_listed_no_more(case: Case) -> None:
    """Statements are kept, and ask the clock each time: of a page, of one below another, of a thing and its parts."""
    below = " ".join(f"{name} {{ totalCount edges {{ node {{ id }} }} }}" for name in ("assets", "prompts", "outputs"))
    document = f"query($id: ID!) {{ projects {{ edges {{ node {{ id {below} }} }} }} node(id: $id) {{ id }} }}"

    def told() -> tuple[Any, Any]:
        found = case.world.ask(document, case.support, id=case.asset).data
        return found["projects"]["edges"], found["node"]

    grant = case.granted(case.support)
    [listed], asset = told()
    assert {name: page["totalCount"] for name, page in listed["node"].items() if name != "id"} == {
        "assets": 1,
        "prompts": 1,
        "outputs": 1,
    }
    assert asset == {"id": case.asset}
    case.expire(grant, ago=timedelta())
    assert told() == ([], None)


@pytest.mark.parametrize("by", ["owner", "support", "security", "privacy"])
def test_an_end_acts_at_once_whoever_ends_it(case: Case, by: str) -> None:
    """The contributor, whoever holds it, security and privacy end a grant; the next question finds nothing."""
    grant = case.granted(case.support)
    assert case.opens(case.support) == EVERYTHING
    ended = case.decide("endAccess", getattr(case, by), grant).data["it"]
    assert ended["accessGrant"]["status"] == "ENDED"
    assert case.opens(case.support) == set()
    with case.world.unchanged():
        assert case.decide("consentToAccess", case.owner, grant).code == "CONFLICT"
    assert case.opens(case.support) == set()


def test_what_was_denied_stays_shut(case: Case) -> None:
    """A no is final: nobody agrees to the same request afterwards."""
    grant = case.asked(case.support)
    assert case.decide("denyAccess", case.owner, grant).data["it"]["accessGrant"]["status"] == "DENIED"
    for mutation in ("consentToAccess", "denyAccess", "endAccess"):
        with case.world.unchanged():
            assert case.decide(mutation, case.owner, grant).code == "CONFLICT", mutation
    assert case.opens(case.support) == set()


def test_a_request_whose_time_is_up_is_not_agreed_to(case: Case) -> None:
    """Consent that comes too late opens nothing."""
    grant = case.asked(case.support)
    case.expire(grant)
    with case.world.unchanged():
        assert case.decide("consentToAccess", case.owner, grant).code == "CONFLICT"
    assert case.opens(case.support) == set()


def test_whoever_leaves_the_job_leaves_the_grant_behind(case: Case) -> None:
    """A grant is made out to somebody in a job: without it, or in another one, it opens nothing."""
    case.granted(case.support)
    case.world.change_job(case.support, StaffRole.SECURITY)
    assert case.opens(case.support) == set()
    case.world.change_job(case.support, StaffRole.SUPPORT)
    assert case.opens(case.support) == EVERYTHING


def test_how_to_reach_somebody_opens_under_a_grant_alone(case: Case) -> None:
    """E-mail and name are shut to support, until there is a grant on any of the contributor's things."""
    query = "query($id: ID!) { contributor(id: $id) { status email displayName viewerCan } }"
    before = case.world.ask(query, case.support, id=case.owner.id).data["contributor"]
    assert before == {"status": "ACTIVE", "email": None, "displayName": None, "viewerCan": ["READ", "REQUEST_ACCESS"]}
    case.granted(case.support, "ASSET")
    after = case.world.ask(query, case.support, id=case.owner.id).data["contributor"]
    assert (after["email"], after["displayName"]) == (case.owner.email, "owner")


def test_the_contributor_reads_why_and_the_grant_names_no_employee(case: Case) -> None:
    """Job, reason, words, ticket, scope and end are told; who of the staff it is, is not."""
    case.asked(case.support, "ASSET")
    wants = "role reasonCode decider scope objectId justification ticket status granteeId decidedAt viewerCan"
    node = case.world.ask(f"{{ accessGrants {{ edges {{ node {{ {wants} }} }} }} }}", case.owner).data
    assert node["accessGrants"]["edges"] == [
        {
            "node": {
                "role": "SUPPORT",
                "reasonCode": "SUPPORT_REQUEST",
                "decider": "CONTRIBUTOR",
                "scope": "ASSET",
                "objectId": case.asset,
                "justification": JUSTIFICATION,
                "ticket": TICKET,
                "status": "REQUESTED",
                "granteeId": None,
                "decidedAt": None,
                "viewerCan": ["CONSENT", "DENY", "END", "READ", "READ_REASON"],
            }
        }
    ]


def test_every_open_by_staff_is_in_the_access_log_with_its_grant(case: Case) -> None:
    """Job, reason, time, thing and grant of each look, from the request to the end, and no employee's name."""
    grant = case.granted(case.support, "ASSET")
    before = now()
    assert case.read(case.support, "asset").data["it"]
    url = case.world.content_url(case.support, case.asset)
    assert case.world.client.get(url).status_code == 200
    case.decide("endAccess", case.support, grant).data  # noqa: B018 - fails the test where it did not work
    log = told(case, case.owner)
    assert [event["action"] for event in log] == [
        "access_grant.requested",
        "content.read",
        "content.downloaded",
        "content.read",
        "access_grant.ended",
    ]
    for event in log[1:4]:
        assert event["grantId"] == grant
        assert (event["details"]["role"], event["details"]["reason"]) == ("SUPPORT", "SUPPORT_REQUEST")
        assert event["timestamp"] >= before.isoformat(timespec="milliseconds")[:23]
        assert event["userId"] is None
    assert log[1]["details"]["objectIds"] == [str(raw_id(case.asset))]


def test_a_read_without_a_grant_of_ones_own_names_none(case: Case) -> None:
    """Security reading why somebody else asked is in the log too, under no grant."""
    case.granted(case.support)
    query = "{ accessGrants { edges { node { justification } } } }"
    found = case.world.ask(query, case.security).data["accessGrants"]["edges"]
    assert found == [{"node": {"justification": JUSTIFICATION}}]
    last = told(case, case.owner)[-1]
    assert (last["action"], last["resource"], last["grantId"]) == ("content.read", "access_grant", None)


@pytest.mark.parametrize("by", ["nobody", "stranger", "sysadmin", "auditor"])
def test_who_has_no_part_in_a_grant_changes_nothing_about_it(case: Case, by: str) -> None:
    """Each decision, by each of those whose it is not: refused, recorded, and the grant as it was."""
    role = {"sysadmin": StaffRole.SYSADMIN, "auditor": StaffRole.AUDITOR}.get(by)
    person = case.world.employ(role) if role else case.world.register(by) if by == "stranger" else None
    code = {"nobody": "UNAUTHENTICATED", "auditor": "FORBIDDEN"}.get(by, "NOT_FOUND")
    waiting, live = case.asked(case.support), case.granted(case.support, "ASSET")
    for mutation in ("consentToAccess", "approveAccess", "denyAccess", "endAccess"):
        for grant in (waiting, live):
            with case.world.unchanged("access.denied"):
                assert case.decide(mutation, person, grant).code == code, mutation


def test_ends_are_bounded_by_the_operator(case: Case) -> None:
    """A moment that has passed, one without a zone, one too far ahead: refused with what to write."""
    limit = case.world.house.limits.access_grant
    for expires in (
        (now() - timedelta(seconds=1)).isoformat(),
        (now() + limit + timedelta(minutes=1)).isoformat(),
        (now() + timedelta(hours=1)).replace(tzinfo=None).isoformat(),
    ):
        with case.world.unchanged():
            refused = case.ask(case.support, expiresAt=expires)
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", "expiresAt")


def test_of_two_decisions_at_once_one_holds(case: Case) -> None:
    """Consent and denial at the same moment: one is done and recorded, the other is told that it came too late."""
    grant = case.asked(case.support)
    since = len(case.world.events())
    deciding = ("consentToAccess", "denyAccess") * 2
    with ThreadPoolExecutor(len(deciding)) as pool:
        answers = list(pool.map(lambda mutation: case.decide(mutation, case.owner, grant), deciding))
    done = [answer.data["it"]["accessGrant"]["status"] for answer in answers if answer.code is None]
    assert sorted(answer.code or "" for answer in answers) == ["", "CONFLICT", "CONFLICT", "CONFLICT"]
    event = {"ACTIVE": "access_grant.consented", "DENIED": "access_grant.denied"}[done[0]]
    assert [each["action"] for each in case.world.events()[since:]] == [event]
    assert case.opens(case.support) == (EVERYTHING if done == ["ACTIVE"] else set())


def test_a_look_that_can_not_be_recorded_is_not_had(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the trail broken a live grant opens nothing."""
    case.granted(case.support)

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("disk full")

    monkeypatch.setattr(entries, "append", broken)
    for kind in EVERYTHING:
        refused = case.read(case.support, kind)
        assert (refused.code, refused.body.get("data")) == ("INTERNAL_SERVER_ERROR", None), kind

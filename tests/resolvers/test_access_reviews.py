"""Reviews of access: about everything that may do something, and decided by somebody who does not hold it."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from policies.principals import AgentName
from resolvers.access_reviews import campaigns
from storage.clock import now
from storage.sessions import ApiKey
from storage.staff import StaffRole
from tests.contract.source import ROOT
from tests.resolvers import granting
from tests.resolvers.ladder import MUTATIONS
from tests.resolvers.test_services import approved
from tests.world import Answer, Person, World, agent_scope, global_id, raw_id

ONE = pytest.mark.one_database("sqlite", reason="rules and refusals, which no database changes")
ITEM = "id kind name holderId change flags lastUsedAt status decidedAt endedAt note viewerCan"
REVIEW = f"id number closedAt items(first: 100) {{ edges {{ node {{ {ITEM} }} }} }}"
WHY = "What they do still needs it."


@dataclass
class Case:
    """Somebody of security and somebody of privacy, and what they look at."""

    world: World
    security: Person
    privacy: Person

    def open(self, by: Person | None = None, due: datetime | None = None) -> Answer:
        asked = {"dueAt": (due or now() + timedelta(days=30)).isoformat()}
        return self.world.do("openAccessReview", by or self.security, wants=f"accessReview {{ {REVIEW} }}", **asked)

    def opened(self) -> dict[str, dict[str, Any]]:
        """The items of a new review, by kind and name."""
        return _by_name(self.open().data["it"]["accessReview"])

    def now(self) -> dict[str, dict[str, Any]]:
        """The items of the newest review as they are."""
        found = self.world.ask(f"{{ accessReviews(first: 1) {{ edges {{ node {{ {REVIEW} }} }} }} }}", self.auditor)
        return _by_name(found.data["accessReviews"]["edges"][0]["node"])

    def decide(self, item: str, by: Person, decision: str = "KEEP", note: str = WHY) -> Answer:
        asked = {"accessReviewItemId": item, "decision": decision, "note": note}
        return self.world.do("decideAccessReviewItem", by, wants=f"accessReviewItem {{ {ITEM} }}", **asked)


def _by_name(review: dict[str, Any]) -> dict[str, dict[str, Any]]:
    nodes = [edge["node"] for edge in review["items"]["edges"]]
    found = {f"{each['kind']} {each['name']}": each for each in nodes}
    assert len(found) == len(nodes)
    return found


@pytest.fixture
def case(world: World) -> Case:
    return Case(world, world.employ(StaffRole.SECURITY), world.employ(StaffRole.PRIVACY))


def lie_unused(world: World, key: str, used: datetime | None = None) -> None:
    """Let a key have been made long ago, and used last at that moment, if ever."""
    long_ago = {"created_at": now() - timedelta(days=200), "last_used_at": used}
    with world.house.store.begin(agent_scope()) as work:
        work.session.execute(update(ApiKey).where(ApiKey.id == raw_id(key)).values(**long_ago))


def prefix(world: World, owner: Person, key: str) -> str:
    found = world.ask("query($id: ID!) { node(id: $id) { ... on ApiKey { prefix } } }", owner, id=key)
    return str(found.data["node"]["prefix"])


def test_a_review_is_about_everything_and_says_what_to_know(case: Case) -> None:
    """Jobs, unused keys, agents, components, services; not a key in use, nor what runs inside the house."""
    world, ada = case.world, case.world.register("ada")
    old, dormant, fresh = (world.key(ada, "read")[0] for _ in range(3))
    lie_unused(world, old)
    lie_unused(world, dormant, now() - timedelta(days=91))
    approved(world, case.privacy, case.security)
    both = world.employ(StaffRole.AUDITOR, StaffRole.SUPPORT)
    found = case.opened()
    assert found[f"API_KEY {prefix(world, ada, old)}"]["flags"] == ["NEVER_USED"]
    assert found[f"API_KEY {prefix(world, ada, dormant)}"]["flags"] == ["DORMANT"]
    assert f"API_KEY {prefix(world, ada, fresh)}" not in found
    assert {each for each in found if each.startswith("SERVICE")} == {"SERVICE models.example.org"}
    assert found["SERVICE models.example.org"]["holderId"] == world.own_id(case.privacy)
    agents = {"erasures", "exports", "generation", "imports", "notifier", "retention", "thumbnails", "verifier"}
    assert {each.removeprefix("AGENT ") for each in found if each.startswith("AGENT")} == agents | set(
        campaigns.UNRULED
    )
    flags = {name: found[name]["flags"] for name in ("AGENT verifier", "AGENT policy", "COMPONENT api")}
    assert flags == {"AGENT verifier": ["DORMANT"], "AGENT policy": [], "COMPONENT api": []}
    support = found["STAFF_ROLE SUPPORT"]
    assert (support["flags"], support["holderId"]) == (["SEPARATION_CONFLICT"], world.own_id(both))
    assert support["lastUsedAt"] is not None
    assert {each["change"] for each in found.values()} == {"NEW"}
    assert {each["status"] for each in found.values()} == {"OPEN"}
    [event] = world.events("access_review.opened")
    assert event["details"]["itemCount"] == event["details"]["newCount"] == len(found)
    with world.unchanged():
        assert case.open().code == "CONFLICT"


def test_nobody_decides_about_what_they_hold(case: Case) -> None:
    """Neither their own job, nor a service of their own; a second person does, once, and says why."""
    world = case.world
    service = approved(world, case.privacy, case.security)
    found = case.opened()
    for name, holder, other in (
        ("STAFF_ROLE SECURITY", case.security, case.privacy),
        ("STAFF_ROLE PRIVACY", case.privacy, case.security),
        ("SERVICE models.example.org", case.privacy, case.security),
    ):
        item = found[name]["id"]
        for decision in ("KEEP", "REVOKE"):
            with world.unchanged("access.denied"):
                assert case.decide(item, holder, decision).code == "FORBIDDEN", name
        kept = case.decide(item, other).data["it"]["accessReviewItem"]
        assert (kept["status"], kept["note"], kept["endedAt"], kept["viewerCan"]) == (
            "KEPT",
            WHY,
            None,
            ["READ", "READ_REASON"],
        )
        with world.unchanged("access.denied"):
            assert case.decide(item, other, "REVOKE").code == "FORBIDDEN", name
    assert world.ask("{ viewer { roles } }", case.security).data["viewer"]["roles"] == ["SECURITY"]
    assert world.ask("query($id: ID!) { node(id: $id) { ... on Service { status } } }", case.privacy, id=service).data[
        "node"
    ] == {"status": "APPROVED"}
    decided = [event["details"] for event in world.events("access_review.decided")]
    assert [each["status"] for each in decided] == ["KEPT"] * 3
    assert WHY not in str(world.events())


def test_what_is_revoked_ends_at_once(world: World) -> None:
    """A job with the grants held in it, a key, whose owner is told, and a service; agents end by a release."""
    granted = granting.make(world)
    case, ada = Case(world, granted.security, granted.privacy), granted.owner
    key, bearer = world.key(ada, "read")
    lie_unused(world, key)
    approved(world, case.privacy, case.security)
    granted.granted(granted.support)
    assert granted.opens(granted.support)
    found = case.opened()
    name = f"API_KEY {prefix(world, ada, key)}"
    since = len(world.events())
    for each in ("STAFF_ROLE SUPPORT", name, "SERVICE models.example.org", "AGENT imports"):
        revoked = case.decide(found[each]["id"], case.security, "REVOKE", "Nobody needs it any more.")
        item = revoked.data["it"]["accessReviewItem"]
        assert (item["status"], item["endedAt"] is None) == ("REVOKED", each == "AGENT imports"), each
    assert world.ask("{ viewer { roles } }", granted.support).data["viewer"]["roles"] == []
    assert not granted.opens(granted.support)
    assert world.ask("{ viewer { kind } }", bearer).code == "UNAUTHENTICATED"
    told = world.ask("{ notices(first: 1) { edges { node { kind title } } } }", ada).data["notices"]["edges"]
    assert told[0]["node"] == {"kind": "SECURITY", "title": "An API key that you did not use has ended"}
    mine = world.ask(
        "query($id: ID!) { node(id: $id) { ... on AccessReviewItem { status note } } }", ada, id=found[name]["id"]
    )
    assert mine.data["node"] == {"status": "REVOKED", "note": "Nobody needs it any more."}
    happened = [event["action"] for event in world.events(since=since) if "." in event["action"]]
    for action in ("access_grant.ended", "role.revoked", "api_key.revoked", "service.disabled", "notice.issued"):
        assert happened.count(action) == 1, action
    assert happened.count("access_review.decided") == 4


def test_the_last_decision_closes_it(case: Case) -> None:
    """And the next one is held against what this one left; nothing ends that was confirmed."""
    found = case.opened()
    with case.world.unchanged():
        assert case.open(due=now() + timedelta(days=14, minutes=1)).code == "CONFLICT"
    others = {case.world.own_id(case.security): case.privacy}
    for item in found.values():
        case.decide(item["id"], others.get(item["holderId"], case.security)).data  # noqa: B018 - fails where it did not work
    [closed] = case.world.events("access_review.closed")
    counts = {"keptCount": len(found), "revokedCount": 0, "endedCount": 0, "overdueCount": 0}
    assert closed["details"] == counts
    support = case.world.employ(StaffRole.SUPPORT)
    again = case.opened()
    assert {name: each["change"] for name, each in again.items()} == {
        **dict.fromkeys(found, "UNCHANGED"),
        "STAFF_ROLE SUPPORT": "NEW",
    }
    assert again["STAFF_ROLE SUPPORT"]["holderId"] == case.world.own_id(support)


@ONE
def test_two_jobs_that_exclude_one_another_are_not_both_kept(case: Case) -> None:
    """Neither is kept while the other is held; when one was revoked, the other one may be."""
    case.world.employ(StaffRole.AUDITOR, StaffRole.SUPPORT)
    found = case.opened()
    auditor, support = found["STAFF_ROLE AUDITOR"]["id"], found["STAFF_ROLE SUPPORT"]["id"]
    for item in (auditor, support):
        with case.world.unchanged():
            assert case.decide(item, case.security).code == "CONFLICT"
    case.decide(support, case.security, "REVOKE").data  # noqa: B018 - fails where it did not work
    assert case.decide(auditor, case.security).data["it"]["accessReviewItem"]["status"] == "KEPT"


@ONE
def test_what_has_ended_meanwhile_is_not_decided(case: Case) -> None:
    """Somebody left, a key was taken back by its owner, a service was retired: there is nothing to confirm."""
    world, ada = case.world, case.world.register("ada")
    key = world.key(ada, "read")[0]
    lie_unused(world, key)
    service = approved(world, case.privacy, case.security)
    support = world.employ(StaffRole.SUPPORT)
    found = case.opened()
    world.do("removeStaff", case.security, staffId=world.own_id(support)).data  # noqa: B018 - fails where it did not work
    world.do("revokeApiKey", ada, apiKeyId=key).data  # noqa: B018 - as above
    world.do("disableService", case.privacy, serviceId=service).data  # noqa: B018 - as above
    for name in ("STAFF_ROLE SUPPORT", "SERVICE models.example.org"):
        with world.unchanged():
            assert case.decide(found[name]["id"], case.security).code == "CONFLICT", name
    [mine] = [each for name, each in found.items() if name.startswith("API_KEY")]
    with world.unchanged():
        assert case.decide(mine["id"], case.security, "REVOKE").code == "CONFLICT"


@ONE
def test_what_is_said_badly_changes_nothing(case: Case) -> None:
    """A date too near, too far or without a zone; a note that says nothing; something that is none of the review's."""
    world, moment = case.world, now()
    for due in (
        moment - timedelta(days=1), moment + timedelta(days=13), moment + timedelta(days=91),
        (moment + timedelta(days=30)).replace(tzinfo=None),
    ):  # fmt: skip
        with world.unchanged():
            assert case.open(due=due).code == "BAD_USER_INPUT", due
    item = case.opened()["AGENT exports"]["id"]
    for note in ("", "  ", "short", "x" * 2_001, "half \x00 of it"):
        with world.unchanged():
            refused = case.decide(item, case.security, note=note)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", "note"), note
    with world.unchanged("access.denied"):
        assert case.decide(global_id("AccessReviewItem", uuid.uuid4()), case.security).code == "NOT_FOUND"
    with world.unchanged():
        assert case.decide(world.own_id(case.security), case.security).field == "accessReviewItemId"


@ONE
def test_reviews_are_read_by_those_whose_job_it_is(case: Case) -> None:
    """Auditors with the reasons, and decide nothing; support, administrators and contributors know of none."""
    world = case.world
    case.decide(case.opened()["AGENT exports"]["id"], case.security).data  # noqa: B018 - fails where it did not work
    auditor = world.employ(StaffRole.AUDITOR)
    asked = f"{{ accessReviews {{ totalCount edges {{ node {{ {REVIEW} }} }} }} }}"
    read = world.ask(asked, auditor).data["accessReviews"]
    items = {
        f"{each['node']['kind']} {each['node']['name']}": each["node"]
        for each in read["edges"][0]["node"]["items"]["edges"]
    }
    assert items["AGENT exports"]["note"] == WHY
    assert items["AGENT erasures"]["viewerCan"] == ["READ", "READ_REASON"]
    for nobody in (world.employ(StaffRole.SUPPORT), world.employ(StaffRole.SYSADMIN), world.register("ada")):
        assert world.ask(asked, nobody).data["accessReviews"] == {"totalCount": 0, "edges": []}
    with world.unchanged("access.denied"):
        assert case.decide(items["AGENT erasures"]["id"], auditor).code == "FORBIDDEN"
    assert MUTATIONS["openAccessReview"]({}).keys() == {"dueAt"}


def test_no_agent_is_left_out_of_a_review() -> None:
    """Whatever acts as an agent in the trail, by the name that its code gives it, is something to confirm."""
    sources = [path.read_text() for room in ("agents", "muniment", "resolvers") for path in (ROOT / room).rglob("*.py")]
    named = {name for text in sources for name in re.findall(r'"agent:([a-z]+)"|^NAME = "([a-z]+)"', text, re.M)}
    acting = {one or other for one, other in named}
    assert "lookout" in acting
    assert acting <= {*map(str, AgentName), *campaigns.UNRULED}

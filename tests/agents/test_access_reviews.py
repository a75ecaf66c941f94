"""The reviewer: a review begins each quarter, and what nobody confirms ends by itself when it is due."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from agents.access_reviews import Reviewer
from agents.runtime import Agents
from policies.compiled import Policy
from policies.force import InForce
from resolvers.access_reviews import campaigns
from storage.access_reviews import standing
from storage.access_reviews.records import AccessReview, AccessReviewItem, ReviewChange, ReviewItemStatus, ReviewKind
from storage.clock import now
from storage.controls import measures
from storage.database import transaction
from storage.grants import AccessGrant, AccessScope, Decider, GrantStatus, ReasonCode
from storage.ids import new_id
from storage.ledger.entries import AuditEvent
from storage.notices import Notice, PublishedNotice
from storage.records import Record
from storage.services import Service, ServiceKind, ServiceStatus
from storage.sessions import ApiKey
from storage.staff import RoleAssignment, StaffRole
from tests.agents.worlds import ROOT, World

ONE = pytest.mark.one_database("sqlite", reason="dates and states; the first test ends everything on both")
LONG = timedelta(days=100)
POLICY = (ROOT / "policy.polar").read_text(encoding="utf-8")


def put(world: World, *rows: Record) -> None:
    with world.work() as work:
        work.session.add_all(rows)


def job(role: StaffRole = StaffRole.SUPPORT, since: timedelta = LONG) -> RoleAssignment:
    """A job that somebody of staff was given so long ago."""
    return RoleAssignment(id=new_id(), staff_id=uuid.uuid4(), role=role, assigned_at=now() - since)


def key(world: World, owner: uuid.UUID) -> uuid.UUID:
    """A key that was made long ago and never used."""
    row = ApiKey(
        id=new_id(), owner_id=owner, prefix=new_id().hex[-12:], scopes=["read"], created_at=now() - LONG,
        expires_at=now() + timedelta(days=200),
    )  # fmt: skip
    with world.work() as work:
        work.vault.seal(row, name="old")
        work.session.add(row)
    return row.id


def grant(world: World, held: RoleAssignment, owner: uuid.UUID) -> uuid.UUID:
    """A live grant of whoever holds the job."""
    row = AccessGrant(
        id=new_id(), subject_id=owner, grantee_id=held.staff_id, role=held.role, scope=AccessScope.ACCOUNT,
        object_id=owner, reason=ReasonCode.SUPPORT_REQUEST, decider=Decider.CONTRIBUTOR, status=GrantStatus.ACTIVE,
        decided_at=now(), expires_at=now() + timedelta(days=200),
    )  # fmt: skip
    with world.work() as work:
        work.vault.seal(row, justification="why", ticket="1")
        work.session.add(row)
    return row.id


def service() -> Service:
    return Service(
        id=new_id(), address="models.example", kind=ServiceKind.MODEL_PROVIDER, operator="Models", purpose="p",
        contract="c", categories=["PROMPTS"], regions=["EU"], sub_processors=[], retention_days=0, breach_hours=1,
        trains_on_inputs=False, status=ServiceStatus.APPROVED, registered_by=uuid.uuid4(), effective_at=now() - LONG,
    )  # fmt: skip


def items(world: World) -> dict[str, AccessReviewItem]:
    """Those of the newest review, by kind and name."""
    with transaction(world.store.engine, read_only=True) as session:
        last = standing.newest(session)
        assert last is not None
        found = session.scalars(select(AccessReviewItem).where(AccessReviewItem.review_id == last.id)).all()
        session.expunge_all()
    return {f"{each.kind.value} {each.name}": each for each in found}


def told(world: World, *actions: str) -> list[dict[str, Any]]:
    """The entries of these actions, oldest first."""
    with transaction(world.store.engine, read_only=True) as session:
        chosen = select(AuditEvent.leaf).where(AuditEvent.action.in_(actions)).order_by(AuditEvent.id)
        return [json.loads(bytes(leaf)) for leaf in session.scalars(chosen)]


def found_amiss(world: World, moment: datetime | None = None) -> int:
    with transaction(world.store.engine, read_only=True) as session:
        return measures.measure(session, "access-reviews", moment or now())


def one(world: World, model: type[Any], row_id: uuid.UUID) -> Any:
    with transaction(world.store.engine, read_only=True) as session:
        found = session.get(model, row_id)
        session.expunge_all()
    return found


@contextmanager
def at_the_end() -> Iterator[None]:
    """A moment after a review that begins now is due."""
    with time_machine.travel(now() + campaigns.USUAL + timedelta(minutes=1)):
        yield


def test_what_nobody_confirms_ends_by_itself(world: World, agents: Agents) -> None:
    """A job with its grants, a key whose owner was told, a service; an agent is a finding until somebody decides."""
    owner, held, sent_to = world.contributor(), job(), service()
    put(world, held, sent_to)
    unused, given = key(world, owner), grant(world, held, owner)
    reviewer = Reviewer(agents)
    reviewer.advance()
    assert {each.status for each in items(world).values()} == {ReviewItemStatus.OPEN}
    assert one(world, AccessReview, next(iter(items(world).values())).review_id).opened_by is None
    assert world.count(Notice) == 1
    assert found_amiss(world) == 0
    reviewer.advance()
    assert world.count(Notice) == 1
    with at_the_end():
        Reviewer(agents).advance()
        found = items(world)
        by_kind = {kind: {each.status for each in found.values() if each.kind is kind} for kind in ReviewKind}
        assert by_kind == {
            ReviewKind.AGENT: {ReviewItemStatus.OVERDUE},
            ReviewKind.API_KEY: {ReviewItemStatus.ENDED},
            ReviewKind.COMPONENT: {ReviewItemStatus.OVERDUE},
            ReviewKind.SERVICE: {ReviewItemStatus.ENDED},
            ReviewKind.STAFF_ROLE: {ReviewItemStatus.ENDED},
        }
        assert all(each.decided_by is None and each.decided_at is not None for each in found.values())
        assert one(world, RoleAssignment, held.id) is None
        assert one(world, AccessGrant, given).status is GrantStatus.ENDED
        assert one(world, ApiKey, unused).revoked_at is not None
        assert one(world, Service, sent_to.id).status is ServiceStatus.RETIRED
        assert (world.count(Notice), world.count(PublishedNotice)) == (2, 1)
        overdue = sum(each.status is ReviewItemStatus.OVERDUE for each in found.values())
        assert found_amiss(world) == overdue > 0
        ended = told(world, "role.revoked", "api_key.revoked", "service.disabled", "access_grant.ended")
        assert {each["component"] for each in ended} == {"agent:reviewer"}
        assert len(ended) == 4
        [closed] = told(world, "access_review.closed")
        assert closed["details"] == {"keptCount": 0, "revokedCount": 0, "endedCount": 3, "overdueCount": overdue}
        everything = world.count(AuditEvent)
        Reviewer(agents).advance()
        assert world.count(AuditEvent) == everything


@ONE
def test_a_key_that_is_used_again_or_whose_owner_does_not_know_stays(world: World, agents: Agents) -> None:
    """Whoever uses a key has spoken for it; who was told too late, or not at all, loses nothing."""
    used, late, untold = (key(world, world.contributor()) for _ in range(3))
    put(world, job())
    Reviewer(agents).advance()
    by_row = {each.object_id: each for each in items(world).values()}
    with world.work() as work:
        work.session.get_one(ApiKey, used).last_used_at = now() + timedelta(hours=1)
        work.session.get_one(AccessReviewItem, by_row[untold].id).told_at = None
        work.session.get_one(AccessReviewItem, by_row[late].id).told_at = now() + campaigns.USUAL - timedelta(days=6)
    with at_the_end():
        with world.store.begin(world.scope) as work:
            while campaigns.finish(work, 100):
                pass
        states = {each.object_id: each.status for each in items(world).values()}
        assert (states[used], states[late], states[untold]) == (
            ReviewItemStatus.IN_USE, ReviewItemStatus.OVERDUE, ReviewItemStatus.OVERDUE,
        )  # fmt: skip
        assert all(one(world, ApiKey, each).revoked_at is None for each in (used, late, untold))
    assert told(world, "api_key.revoked") == []


@ONE
def test_a_review_shows_what_changed_since_the_one_before(world: World, agents: Agents) -> None:
    """What came, what went, whose rules say something else; a remark in the policy is no change."""
    stays, goes = job(), job(StaffRole.SYSADMIN)
    put(world, stays, goes)
    moment = now()
    before, after = moment + timedelta(days=30), moment + timedelta(days=60)
    with world.work() as work:
        review = campaigns.begin(work, campaigns.rights_by(POLICY), before, None)
        assert review is not None
        for item in standing.undecided(work.session, review.id, 100):
            item.status = ReviewItemStatus.KEPT
        work.session.flush()
        assert campaigns.close(work, review.id)
        assert campaigns.begin(work, campaigns.rights_by(POLICY), after, None) is not None
    assert {each.change for each in items(world).values()} == {ReviewChange.UNCHANGED}
    with world.work() as work:
        again = standing.newest(work.session)
        assert again is not None
        for item in standing.undecided(work.session, again.id, 100):
            item.status = ReviewItemStatus.KEPT
        work.session.flush()
        assert campaigns.close(work, again.id)
        work.session.delete(work.session.get_one(RoleAssignment, goes.id))
        work.session.add(job(StaffRole.PRIVACY))
        changed = f'{POLICY}\n# A remark.\njob("SUPPORT", "read", _: Export);\n'
        assert campaigns.begin(work, campaigns.rights_by(changed), after, None) is not None
    found = items(world)
    assert {name: each.change for name, each in found.items() if each.kind is ReviewKind.STAFF_ROLE} == {
        "STAFF_ROLE SUPPORT": ReviewChange.CHANGED,
        "STAFF_ROLE SYSADMIN": ReviewChange.REMOVED,
        "STAFF_ROLE PRIVACY": ReviewChange.NEW,
    }
    assert found["STAFF_ROLE SYSADMIN"].status is ReviewItemStatus.GONE
    others = {each.change for each in found.values() if each.kind is not ReviewKind.STAFF_ROLE}
    assert others == {ReviewChange.UNCHANGED}
    last = told(world, "access_review.opened")[-1]["details"]
    assert (last["newCount"], last["changedCount"], last["removedCount"]) == (1, 1, 1)


@ONE
def test_another_policy_brings_a_review_forward_and_a_remark_does_not(world: World, agents: Agents) -> None:
    """What a job may do now, nobody has confirmed yet; while a review is under way, or before the first, none begins."""
    other = f'{POLICY}\n# A remark.\njob("SUPPORT", "read", _: Export);\n'
    put(world, job(since=timedelta(days=1)))
    by = {text: Reviewer(replace(agents, force=in_force(text))) for text in (POLICY, f"{POLICY}\n# A remark.\n", other)}
    for reviewer in by.values():
        reviewer.advance()
    assert world.count(AccessReview) == 0
    with world.work() as work:
        assert campaigns.begin(work, campaigns.rights_by(POLICY), work.now + timedelta(days=20), None) is not None
    by[other].advance()
    assert world.count(AccessReview) == 1
    with world.work() as work:
        [review] = work.session.scalars(select(AccessReview))
        for item in standing.undecided(work.session, review.id, 100):
            item.status = ReviewItemStatus.KEPT
        work.session.flush()
        assert campaigns.close(work, review.id)
    for text, count in zip(by, (1, 1, 2), strict=True):
        by[text].advance()
        assert world.count(AccessReview) == count
    assert items(world)["STAFF_ROLE SUPPORT"].change is ReviewChange.CHANGED


def in_force(text: str) -> InForce:
    return InForce(Policy(text.encode(), "policy.polar", sound=True))


@ONE
def test_one_begins_each_quarter_and_never_two(world: World, agents: Agents) -> None:
    """Ninety days after the first job was given, or the last review opened; one that is too late is a finding."""
    reviewer = Reviewer(agents)
    reviewer.advance()
    assert world.count(AccessReview) == 0
    put(world, job(since=timedelta(days=89)))
    reviewer.advance()
    assert (world.count(AccessReview), found_amiss(world)) == (0, 0)
    began = now() + timedelta(days=1, minutes=1)
    assert found_amiss(world, began + timedelta(days=2)) == 1
    with time_machine.travel(began):
        reviewer.advance()
        reviewer.advance()
        assert (world.count(AccessReview), found_amiss(world)) == (1, 0)
        assert found_amiss(world, now() + campaigns.USUAL + timedelta(days=3)) == 1
    with time_machine.travel(began + campaigns.USUAL + timedelta(minutes=1)):
        reviewer.advance()
        assert world.count(AccessReview) == 1
    with time_machine.travel(began + timedelta(days=90, minutes=1)):
        reviewer.advance()
    assert [each["details"]["dueSeconds"] for each in told(world, "access_review.opened")] == [30 * 86400] * 2
    assert world.count(AccessReview) == 2

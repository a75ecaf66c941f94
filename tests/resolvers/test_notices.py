"""Notices through the API: staff publish them in time, contributors read them and choose how else they are told."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from storage.clock import now
from storage.database import transaction
from storage.ids import global_id, new_id
from storage.notices import Delivery, Notice, NoticeKind, NoticeSettings
from storage.staff import StaffRole
from tests.footprints import jobs
from tests.told import notice
from tests.world import Answer, Person, World, raw_id

TEXT = {"title": "The privacy policy changes", "body": "From then on we keep less, and say where."}
INBOX = "notices(unread: $unread) { totalCount edges { node { id kind title body readAt email viewerCan } } }"
pytestmark = pytest.mark.one_database(
    "sqlite", reason="the door decides, and is tried on both with every model there is"
)


def ahead(days: float) -> str:
    return (now() + timedelta(days=days)).isoformat()


def publish(world: World, by: Person, **given: Any) -> Answer:
    return world.do(
        "publishNotice", by, wants="publishedNotice { id kind effectiveAt } auditEventId", **{**TEXT, **given}
    )


def inbox(world: World, by: Person, *, unread: bool = False) -> Any:
    return world.ask(f"query($unread: Boolean!) {{ {INBOX} }}", by, unread=unread).data["notices"]


def test_a_notice_is_read_by_whom_it_is_for(world: World) -> None:
    """It stands in the inbox until it is marked, and after; the first time counts; nobody else sees it."""
    ada, ben = world.register("ada"), world.register("ben")
    first, second = notice(world, ada), notice(world, ada, NoticeKind.PRODUCT)
    found = inbox(world, ada)
    assert [each["node"]["id"] for each in found["edges"]] == [second, first]
    assert found["edges"][1]["node"] == {
        "id": first,
        "kind": "SECURITY",
        "title": "Change your password",
        "body": "Somebody tried many.",
        "readAt": None,
        "email": "QUEUED",
        "viewerCan": ["READ", "READ_CONTENT", "UPDATE"],
    }
    assert inbox(world, ben)["totalCount"] == 0
    read = [
        world.do("markNoticeRead", ada, wants="notice { readAt } auditEventId", noticeId=first).data["it"] for _ in "12"
    ]
    assert read[0]["notice"]["readAt"] == read[1]["notice"]["readAt"] is not None
    assert inbox(world, ada, unread=True)["totalCount"] == 1
    assert inbox(world, ada)["totalCount"] == 2
    assert len(world.events("notice.read")) == 2


NOT_TO_BE_PUBLISHED = [
    ({"kind": "RETENTION"}, "kind"),
    ({"kind": "POLICY"}, "effectiveAt"),
    ({"kind": "POLICY", "effectiveAt": 13.9}, "effectiveAt"),
    ({"kind": "SERVICES", "effectiveAt": 13.9}, "effectiveAt"),
    ({"kind": "PRODUCT", "effectiveAt": -1}, "effectiveAt"),
    ({"kind": "PRODUCT", "effectiveAt": 400}, "effectiveAt"),
    ({"kind": "PRODUCT", "serviceId": global_id("Service", new_id())}, "serviceId"),
    ({"kind": "SERVICES", "effectiveAt": 15, "serviceId": "nowhere"}, "serviceId"),
    ({"kind": "PRODUCT", "title": "Two\nlines"}, "title"),
    ({"kind": "PRODUCT", "title": "x"}, "title"),
    ({"kind": "PRODUCT", "body": "Too short."}, "body"),
    ({"kind": "PRODUCT", "body": "x" * 4001}, "body"),
]


def test_what_is_told_too_late_or_badly_is_not_published(world: World, subtests: pytest.Subtests) -> None:
    """A change that people could not hear of in time, a kind that nobody publishes: nothing is queued or kept."""
    privacy = world.employ(StaffRole.PRIVACY)
    for given, field in NOT_TO_BE_PUBLISHED:
        with subtests.test(given=given, field=field):
            at = given.get("effectiveAt")
            said = {**given, "effectiveAt": ahead(at)} if isinstance(at, int | float) else given
            with world.unchanged():
                refused = publish(world, privacy, **said)
            assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)


def test_a_service_that_is_not_there_is_told_of_to_nobody(world: World) -> None:
    """Refused like anything that is not there; nothing is queued or kept."""
    privacy, nowhere = world.employ(StaffRole.PRIVACY), global_id("Service", new_id())
    with world.unchanged("access.denied"):
        refused = publish(world, privacy, kind="SERVICES", effectiveAt=ahead(15), serviceId=nowhere)
    assert refused.code == "NOT_FOUND"


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.SYSADMIN, StaffRole.AUDITOR])
def test_other_staff_publish_nothing(world: World, role: StaffRole) -> None:
    """Refused, and nobody is told."""
    staff = world.employ(role)
    with world.unchanged("access.denied"):
        assert publish(world, staff, kind="SECURITY").code == "FORBIDDEN"


def test_what_was_published_is_on_its_way_and_counted(world: World) -> None:
    """Security is told at once; who publishes and who audits sees how many it reached, and no names."""
    ada, security, auditor = world.register("ada"), world.employ(StaffRole.SECURITY), world.employ(StaffRole.AUDITOR)
    made = publish(world, security, kind="SECURITY").data["it"]
    [event] = world.events("notice.published")
    assert event["details"] == {"kind": "SECURITY", "takesEffectInSeconds": 0, "serviceId": None}
    text = made["publishedNotice"]["id"]
    assert f"spread_notice:{raw_id(text)}" in jobs(world.house.store.engine)
    notice(world, ada)
    notice(world, ada)
    with transaction(world.house.store.engine) as session:
        ids = list(session.scalars(select(Notice.id).order_by(Notice.id)))
        session.execute(update(Notice).where(Notice.id == ids[0]).values(published_id=raw_id(text), read_at=now()))
        session.execute(update(Notice).where(Notice.id == ids[0]).values(email=Delivery.SENT))
    reach = "query($id: ID!) { noticeReach(publishedNoticeId: $id) { told delivered read } }"
    for staff in (security, auditor):
        assert world.ask(reach, staff, id=text).data["noticeReach"] == {"told": 1, "delivered": 1, "read": 1}
    assert world.ask(reach, ada, id=text).code == "NOT_FOUND"
    assert world.ask("{ publishedNotices { totalCount } }", ada).data["publishedNotices"]["totalCount"] == 0
    assert world.ask("{ publishedNotices { totalCount } }", auditor).data["publishedNotices"]["totalCount"] == 1


def settings(world: World, by: Person, **given: Any) -> Answer:
    wants = "noticeSettings { productEmails webhookUrl viewerCan } webhookSecret auditEventId"
    return world.do("updateNoticeSettings", by, wants=wants, **given)


def test_how_one_is_told_is_ones_own_to_say(world: World) -> None:
    """News can be muted; a webhook's secret is shown once; what is left out stays, and null ends the webhook."""
    ada = world.register("ada")
    ask = "{ noticeSettings { productEmails webhookUrl } }"
    assert world.ask(ask, ada).data["noticeSettings"] is None
    named = settings(world, ada, webhookUrl="https://hooks.example.org/told").data["it"]
    assert named["webhookSecret"].startswith("whsec_")
    assert named["noticeSettings"]["productEmails"] is True
    muted = settings(world, ada, productEmails=False).data["it"]
    assert muted["webhookSecret"] is None
    assert muted["noticeSettings"] == {
        "productEmails": False,
        "webhookUrl": "https://hooks.example.org/told",
        "viewerCan": ["READ", "READ_CONTENT", "UPDATE"],
    }
    ended = settings(world, ada, webhookUrl=None).data["it"]["noticeSettings"]
    assert (ended["webhookUrl"], ended["productEmails"]) == (None, False)
    assert [event["details"] for event in world.events("notice_settings.updated")] == [
        {"productEmails": True, "webhook": True},
        {"productEmails": False, "webhook": True},
        {"productEmails": False, "webhook": False},
    ]
    with transaction(world.house.store.engine, read_only=True) as session:
        assert session.get_one(NoticeSettings, raw_id(ada.id)).webhook_secret is None


@pytest.mark.parametrize("url", ["ftp://x.example", "https://user:pw@x.example", "nowhere"])
def test_a_webhook_that_leads_nowhere_is_refused(world: World, url: str) -> None:
    """And nothing else of the change is kept."""
    ada = world.register("ada")
    with world.unchanged():
        assert settings(world, ada, webhookUrl=url, productEmails=False).code == "BAD_USER_INPUT"

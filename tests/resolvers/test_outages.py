"""Outages as staff announce and explain them, and as everybody reads of them at /status."""

import re
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from muniment.loop_metrics import LoopMetrics
from resolvers.lockdowns import deciding
from storage import set_aside
from storage.clock import now
from storage.database import transaction
from storage.ids import new_id
from storage.incidents import SentinelMark
from storage.outages import Component, Outage, OutageWatch
from storage.staff import StaffRole
from tests.world import Answer, Person, World

CAUSE = "The disks are replaced."


@pytest.fixture
def sysadmin(world: World) -> Person:
    return world.employ(StaffRole.SYSADMIN)


def announce(world: World, by: Person | None, **other: Any) -> Answer:
    given = {
        "component": "FILES",
        "cause": CAUSE,
        "startsAt": (now() + timedelta(hours=1)).isoformat(),
        "endsAt": (now() + timedelta(hours=2)).isoformat(),
    }
    return world.do("announceMaintenance", by, wants="outage { id kind affects }", **(given | other))


def found(world: World, **said: Any) -> Outage:
    """An outage, as the lookout notes one."""
    row = Outage(component=Component.MODEL, started_at=now() - timedelta(minutes=5), **said)
    with transaction(world.house.store.engine) as session:
        session.add_all([row, OutageWatch(id=1, since=now() - timedelta(days=1), looked_at=now())])
    return row


def status(world: World) -> Any:
    answer = world.client.get("/status.json")
    assert answer.status_code == 200
    return answer.json()


def state(world: World, component: str) -> str:
    return next(str(each["state"]) for each in status(world)["components"] if each["name"] == component)


def test_maintenance_is_announced_beforehand_to_everybody(world: World, sysadmin: Person) -> None:
    """By whoever runs the platform, for a bounded time ahead; strangers read it, and not who announced it."""
    made = announce(world, sysadmin).data["it"]["outage"]
    assert (made["kind"], made["affects"]) == ("MAINTENANCE", "Files can't be sent or fetched, and exports wait.")
    [told] = status(world)["outages"]
    assert (told["component"], told["kind"], told["cause"]) == ("FILES", "MAINTENANCE", CAUSE)
    assert set(told) == {"id", "component", "kind", "startedAt", "endedAt", "announcedAt", "affects", "cause"}
    [event] = world.events("maintenance.announced")
    assert event["details"]["component"] == "FILES"
    assert CAUSE not in str(world.events())
    support = world.employ(StaffRole.SUPPORT)
    [seen] = world.ask("{ outages { edges { node { id cause viewerCan } } } }", support).data["outages"]["edges"]
    assert seen["node"] == {"id": made["id"], "cause": CAUSE, "viewerCan": ["READ"]}


def test_what_is_announced_badly_is_not_announced(world: World, sysadmin: Person) -> None:
    """Too late, too long, too far ahead, without words, or by somebody else: nothing happens."""
    hour = timedelta(hours=1)
    wrong: list[tuple[dict[str, str], str]] = [
        ({"startsAt": (now() - hour).isoformat()}, "startsAt"),
        ({"startsAt": (now() + timedelta(days=200)).isoformat()}, "startsAt"),
        ({"endsAt": (now() + timedelta(minutes=30)).isoformat()}, "endsAt"),
        ({"endsAt": (now() + timedelta(days=9)).isoformat()}, "endsAt"),
        ({"cause": "short"}, "cause"),
    ]
    for given, field in wrong:
        with world.unchanged():
            refused = announce(world, sysadmin, **given)
        assert (refused.code, refused.field) == ("BAD_USER_INPUT", field)
    for role in (StaffRole.SUPPORT, StaffRole.AUDITOR, StaffRole.SECURITY, StaffRole.PRIVACY):
        member = world.employ(role)
        with world.unchanged("access.denied"):
            assert announce(world, member).code == "FORBIDDEN"
    assert status(world)["outages"] == []


def test_an_outage_is_explained_and_its_end_is_nobody_s_to_move(world: World, sysadmin: Person) -> None:
    """Whoever reads the page learns what caused it; when it ends is found by the check that found it."""
    row, security = found(world), world.employ(StaffRole.SECURITY)
    assert state(world, "MODEL") == "down"
    [node] = world.ask("{ outages { edges { node { id } } } }", sysadmin).data["outages"]["edges"]
    given = {"outageId": node["node"]["id"], "cause": "The provider's own network failed."}
    later = (now() + timedelta(hours=1)).isoformat()
    with world.unchanged():
        assert world.do("explainOutage", sysadmin, **given, endsAt=later).code == "CONFLICT"
    with world.unchanged("access.denied"):
        assert world.do("explainOutage", security, **given).code == "FORBIDDEN"
    world.do("explainOutage", sysadmin, **given).data  # noqa: B018 - fails where it did not work
    [told] = status(world)["outages"]
    assert (told["cause"], told["endedAt"]) == (given["cause"], None)
    assert row.started_at.isoformat() == told["startedAt"]


def test_maintenance_ends_at_another_time_while_it_is_not_over(world: World, sysadmin: Person) -> None:
    """Earlier or later; afterwards no more."""
    made = announce(world, sysadmin).data["it"]["outage"]["id"]
    moved = now() + timedelta(hours=3)
    given = {"outageId": made, "cause": "The disks come later."}
    world.do("explainOutage", sysadmin, **given, endsAt=moved.isoformat()).data  # noqa: B018 - as above
    assert status(world)["outages"][0]["endedAt"] == moved.isoformat()
    with world.unchanged():
        refused = world.do("explainOutage", sysadmin, **given, endsAt=(now() - timedelta(hours=1)).isoformat())
    assert (refused.code, refused.field) == ("BAD_USER_INPUT", "endsAt")


def test_the_page_says_the_same_and_takes_words_for_words(world: World, sysadmin: Person) -> None:
    """Markup in what staff wrote is text; the page loads nothing but its style."""
    announce(world, sysadmin, cause="<script>alert(1)</script>").data  # noqa: B018 - as above
    page = world.client.get("/status", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "nobody looks for outages here" in page.text
    assert world.client.get("/status").json()["watchedSince"] is None
    assert state(world, "KEYS") == "unknown"


def test_a_lock_down_is_told_to_everybody_without_its_reason(world: World) -> None:
    """Since when and until when: whoever meets LOCKED_DOWN finds it confirmed."""
    assert status(world)["lockdown"] is None
    until = deciding.begin_at_machine(world.house, "Somebody has the key of mara.", 1)
    told = status(world)
    assert told["lockdown"]["until"] == until.isoformat()
    assert "mara" not in str(told)
    page = world.client.get("/status", headers={"accept": "text/html"}).text
    assert "Locked down since" in page
    assert "mara" not in page


def test_availability_counts_from_when_somebody_looked(world: World) -> None:
    """Every part, this month; a part that is away has lost some of it."""
    found(world)
    months = {(each["component"], each["percent"] < 100) for each in status(world)["availability"]}
    assert ("MODEL", True) in months
    assert ("KEYS", False) in months


def test_detection_that_does_not_work_is_said_with_its_cause(world: World) -> None:
    """By readiness, which stays, and by the status page, before anybody has noted an outage."""
    with transaction(world.house.store.engine) as session:
        session.merge(OutageWatch(id=1, since=now(), looked_at=now()))
        session.merge(SentinelMark(id=1, next_index=0, beat_at=now() - timedelta(seconds=75), cause="typeerror:a.b:c"))
    ready = world.client.get("/health/ready")
    assert ready.status_code == 200
    assert re.fullmatch(
        r"ready\nIntrusion detection has judged nothing for \d+ s, \d+ entries wait: it fails \(typeerror:a\.b:c\)\.\n",
        ready.text,
    )
    parts = {each["name"]: each for each in world.client.get("/status.json").json()["components"]}
    assert parts["DETECTION"]["state"] == "down"
    assert "typeerror:a.b:c" in parts["DETECTION"]["detail"]
    assert (parts["AGENTS"]["state"], parts["AGENTS"]["detail"]) == ("up", None)
    assert "typeerror:a.b:c" in world.client.get("/status", headers={"accept": "text/html"}).text
    with transaction(world.house.store.engine) as session:
        session.merge(SentinelMark(id=1, next_index=10**6, beat_at=now(), cause=None))
    assert world.client.get("/health/ready").text == "ready\n"
    text = generate_latest(_registry(world)).decode()
    assert "muniment_detection_behind_seconds" in text
    assert 'muniment_detection_late{cause=""} 0.0' in text


def test_metrics_name_what_is_set_aside_and_why_detection_is_late(world: World) -> None:
    """From the database, whichever process serves them."""
    with transaction(world.house.store.engine) as session:
        session.merge(OutageWatch(id=1, since=now(), looked_at=now()))
        session.merge(SentinelMark(id=1, next_index=0, beat_at=now() - timedelta(minutes=5)))
        for _ in range(3):
            set_aside.add(session, "retention", new_id(), "typeerror", now())
    text = generate_latest(_registry(world)).decode()
    assert 'muniment_detection_late{cause="stalled"} 1.0' in text
    assert 'muniment_set_aside_items{loop="retention"} 3.0' in text


def _registry(world: World) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(LoopMetrics(world.house))
    return registry

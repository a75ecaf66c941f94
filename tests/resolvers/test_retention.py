"""Choosing how long work stays: a contributor's own choice, seen beforehand, and nobody else's to make."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from storage.assets import Asset
from storage.clock import now
from storage.retention.schedule import SCHEDULE
from tests.world import Answer, Person, World, agent_scope, raw_id

PREVIEW = """query($setting: Retention, $project: ID, $days: Int! = 90) {
    it: retentionPreview(setting: $setting, projectId: $project, days: $days) { on firstAt kind count sentence } }"""
SETTINGS = "{ retentionSettings { edges { node { setting projectId projectEndsAt viewerCan } } } }"


@pytest.fixture
def ada(world: World) -> Person:
    """Somebody who has just proved who they are."""
    person = world.register("ada")
    world.step_up(person)
    return person


def choose(world: World, by: Person, setting: str, **other: Any) -> Answer:
    return world.do("setRetention", by, setting=setting, **other)


def aged(world: World, asset: str, days: float) -> datetime:
    """Let an asset have been made so many days ago; answers when."""
    made = (now() - timedelta(days=days)).replace(microsecond=0)
    with world.house.store.begin(agent_scope()) as work:
        work.session.execute(update(Asset).where(Asset.id == raw_id(asset)).values(created_at=made))
    return made


def test_a_contributor_sees_what_a_choice_does_before_and_after_making_it(world: World, ada: Person) -> None:
    """“2 assets go on …”: the day and the moment of the first; the notice counts for what is older; then it is chosen."""
    project = world.project(ada)
    young, old, older = (world.asset(ada, project) for _ in range(3))
    made = aged(world, young, 10)
    for each in (old, older):
        aged(world, each, 100)
    assert world.ask(PREVIEW, ada).data["it"] == []
    before = now()
    first, second = world.ask(PREVIEW, ada, setting="DELETE_AFTER_30_DAYS").data["it"]
    noticed = datetime.fromisoformat(first["firstAt"])
    assert before + timedelta(days=7) <= noticed <= now() + timedelta(days=7)
    assert (first["kind"], first["count"]) == ("ASSET", 2)
    assert first["sentence"] == f"2 assets go on {noticed.day} {noticed:%B %Y}"
    due = (made + timedelta(days=30)).astimezone(UTC)
    assert datetime.fromisoformat(second["firstAt"]) == due
    assert (second["on"], second["sentence"]) == (due.date().isoformat(), f"1 asset goes on {due.day} {due:%B %Y}")
    choose(world, ada, "DELETE_AFTER_30_DAYS").data  # noqa: B018 - fails the test where it did not work
    assert [line["count"] for line in world.ask(PREVIEW, ada).data["it"]] == [2, 1]
    assert [line["count"] for line in world.ask(PREVIEW, ada, days=8).data["it"]] == [2]
    world.do("deleteAsset", ada, assetId=old).data  # noqa: B018 - as above
    assert [line["count"] for line in world.ask(PREVIEW, ada).data["it"]] == [1, 1], "it is on its way out already"


def test_a_project_has_a_choice_of_its_own(world: World, ada: Person) -> None:
    """The latest choice for a place is the one that stands; the same again starts no new notice."""
    project, end = world.project(ada), (now() + timedelta(days=40)).isoformat()
    for setting in ("DELETE_AFTER_365_DAYS", "DELETE_AFTER_90_DAYS", "DELETE_AFTER_90_DAYS"):
        choose(world, ada, setting).data  # noqa: B018 - fails the test where it did not work
    choose(world, ada, "AT_PROJECT_END", projectId=project, projectEndsAt=end).data  # noqa: B018 - as above
    found = [edge["node"] for edge in world.ask(SETTINGS, ada).data["retentionSettings"]["edges"]]
    assert [(each["setting"], each["projectId"], each["viewerCan"]) for each in found] == [
        ("AT_PROJECT_END", project, ["READ"]),
        ("DELETE_AFTER_90_DAYS", None, ["READ"]),
    ]
    [line] = world.ask(PREVIEW, ada, project=project).data["it"]
    assert (line["kind"], line["count"]) == ("PROJECT", 1)
    assert len(world.events("retention.set")) == 4
    assert world.ask(SETTINGS, world.register("eve")).data["retentionSettings"]["edges"] == []


def test_a_choice_that_destroys_asks_who_is_there(world: World) -> None:
    """A session that was stolen, or an API key of any scope, chooses nothing."""
    ada = world.register("ada")
    elsewhere = Person("ada elsewhere", world.sign_in(ada.email).data["it"]["session"]["token"])
    world.step_up(elsewhere)
    keys = [world.key(elsewhere, scope)[1] for scope in ("read", "write", "export")]
    for key in keys:
        world.ask("{ viewer { kind } }", key).data  # noqa: B018 - a key's first use is noted in its row
    with world.unchanged("access.denied"):
        assert choose(world, ada, "DELETE_AFTER_30_DAYS").code == "STEP_UP_REQUIRED"
    for key in keys:
        with world.unchanged("access.denied"):
            assert choose(world, key, "DELETE_AFTER_30_DAYS").code in ("FORBIDDEN", "NOT_FOUND")


def test_of_a_shared_project_its_owner_chooses_and_looks_ahead(world: World, ada: Person) -> None:
    """An editor is refused both; a stranger is told of no project."""
    project, eve, mallory = world.project(ada), world.register("eve"), world.register("mallory")
    world.share(ada, project, eve, "EDITOR")
    world.step_up(eve)
    with world.unchanged("access.denied"):
        assert choose(world, eve, "DELETE_AFTER_30_DAYS", projectId=project).code == "FORBIDDEN"
    assert world.ask(PREVIEW, eve, project=project).code == "FORBIDDEN"
    assert world.ask(PREVIEW, mallory, project=project).code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("setting", "ends", "of_project"),
    [
        ("AT_PROJECT_END", None, True),
        ("AT_PROJECT_END", "2999-01-01T00:00:00Z", True),
        ("AT_PROJECT_END", "2020-01-01T00:00:00Z", True),
        ("AT_PROJECT_END", "2027-01-01T00:00:00Z", False),
        ("DELETE_AFTER_30_DAYS", "2027-01-01T00:00:00Z", True),
    ],
)
def test_an_end_goes_with_the_project_that_has_one(
    world: World, ada: Person, setting: str, ends: str | None, of_project: bool
) -> None:
    """Missing, past, too far ahead, or where it means nothing: refused, and nothing is chosen."""
    place = {"projectId": world.project(ada)} if of_project else {}
    with world.unchanged():
        refused = choose(world, ada, setting, **place, **({} if ends is None else {"projectEndsAt": ends}))
    assert (refused.code, refused.field) == ("BAD_USER_INPUT", "projectEndsAt")


def test_a_setting_that_is_none_is_refused(world: World, ada: Person) -> None:
    """It can't come in; and how far a preview looks is bounded."""
    with world.unchanged():
        assert choose(world, ada, "DELETE_AFTER_14_DAYS").code == "BAD_USER_INPUT"
    for days in (0, 401):
        assert (found := world.ask(PREVIEW, ada, days=days)).code == "BAD_USER_INPUT", found
    assert world.ask(PREVIEW, ada, setting="AT_PROJECT_END").field == "setting"


def test_the_schedule_is_everybodys_to_read(world: World) -> None:
    """Every class with what starts its clock, how long, what then happens, and who answers for it; no session needed."""
    query = "{ retentionSchedule { name types source trigger period disposition owner reviewedOn } }"
    found = world.ask(query).data["retentionSchedule"]
    assert [rule["name"] for rule in found] == [rule.name for rule in SCHEDULE]
    assert all(value for rule in found for value in rule.values())
    content = next(rule for rule in found if rule["name"] == "user_content")
    assert {"assets", "prompts", "outputs"} <= set(content["types"])
    assert (content["source"], content["disposition"]) == ("CONTRIBUTOR", "SECURE_DELETE")

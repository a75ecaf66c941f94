"""Preferences through the API: off by default, one entry of the trail and one consent for each change."""

import uuid

import pytest
from sqlalchemy import select

from storage.contributors import Consent
from storage.database import transaction
from storage.ids import global_id
from storage.staff import StaffRole
from tests.registered import enter
from tests.resolvers import granting
from tests.world import Person, World, opened, raw_id

EVERYTHING = "privacyPreferences { stripMetadata styleLearning analytics services training supportAccess }"
HOST = "models.example.org"
pytestmark = pytest.mark.one_database("sqlite", reason="which use is allowed is one column, read on both elsewhere")


def consents(world: World, person: Person) -> list[tuple[str, bool]]:
    with transaction(world.house.store.engine, read_only=True) as session:
        found = session.scalars(select(Consent).where(Consent.owner_id == raw_id(person.id)).order_by(Consent.id))
        return [(each.preference, each.allowed) for each in found]


def test_everything_starts_off_and_each_change_is_kept(world: World) -> None:
    """A change answers the id of its entry; the same again is no consent of its own."""
    ada = world.register("ada")
    seen = world.ask(f"{{ viewer {{ contributor {{ {EVERYTHING} }} }} }}", ada).data["viewer"]["contributor"]
    assert set(map(str, seen["privacyPreferences"].values())) == {"False", "[]"}
    for _ in range(2):
        changed = world.do("updatePrivacyPreferences", ada, wants=f"{EVERYTHING} auditEventId", training=True).data
    assert changed["it"]["privacyPreferences"]["training"] is True
    assert consents(world, ada) == [("training", True)]
    entries = world.events("preferences.updated")
    assert changed["it"]["auditEventId"]
    assert [entry["details"]["training"] for entry in entries] == [True, True]
    assert entries[-1]["details"]["services"] == []


def test_a_prompt_for_a_service_that_was_not_allowed_is_refused(
    home: object, database_url: str, cheap_passwords: None
) -> None:
    """At once, with nothing queued; allowed it is taken; taken back it is refused again. Each change is a consent."""
    settings = {"model_url": f"https://{HOST}/v1", "model_name": "M1"}
    with opened(home, database_url, **settings) as world:  # type: ignore[arg-type]
        raw = enter(world.house.store.engine, HOST, trains_on_inputs=True)
        service = global_id("Service", uuid.UUID(raw))
        ada = world.register("ada")
        project = world.project(ada)
        asked = {"projectId": project, "text": "A line."}

        def refused() -> str:
            with world.unchanged("access.denied"):
                answer = world.do("submitPrompt", ada, **asked)
            assert answer.code == "CONSENT_REQUIRED"
            return str(answer.errors[0]["message"])

        assert "services" in refused()
        world.do("updatePrivacyPreferences", ada, services=[service]).data  # noqa: B018 - fails the test if refused
        assert "training" in refused()  # it trains models on what it is sent
        world.do("updatePrivacyPreferences", ada, training=True).data  # noqa: B018 - as above
        assert world.do("submitPrompt", ada, **asked).code is None
        world.do("updatePrivacyPreferences", ada, services=[]).data  # noqa: B018 - as above
        assert "services" in refused()
        history = [(f"service {raw}", True), ("training", True), (f"service {raw}", False)]
        assert consents(world, ada) == history


def test_without_it_support_can_t_ask(world: World) -> None:
    """Off by default: the request is refused, and there is none."""
    ada, support = world.register("ada"), world.employ(StaffRole.SUPPORT)
    asking = {"contributorId": ada.id, "scope": "ACCOUNT", "reasonCode": "SUPPORT_REQUEST"}
    case = granting.Case(world, ada, "", "", "", "", support, support, support)
    with world.unchanged("access.denied"):
        assert case.ask(support, **asking).code == "FORBIDDEN"


def test_taken_back_support_is_shown_out(world: World) -> None:
    """What it waits for is withdrawn, what it holds ends at once; what security holds for its own reason stays."""
    case = granting.make(world)
    held, waiting = case.granted(case.support), case.asked(case.support, "OUTPUT")
    other = case.asked(case.security, reasonCode="SECURITY_INCIDENT")
    assert case.opens(case.support) == {"project", "asset", "prompt", "output"}
    world.do("updatePrivacyPreferences", case.owner, supportAccess=False).data  # noqa: B018 - fails if refused
    assert case.opens(case.support) == set()
    listed = world.ask("{ accessGrants { edges { node { id status } } } }", case.owner).data["accessGrants"]["edges"]
    assert {each["node"]["id"]: each["node"]["status"] for each in listed} == {
        held: "ENDED",
        waiting: "ENDED",
        other: "REQUESTED",
    }
    assert [event["details"]["hadBegun"] for event in world.events("access_grant.ended")].count(True) == 1

"""myData: what is held about whoever asks, table by table, who came near it, and what they can do now."""

from typing import Any

import pytest
from sqlalchemy import select

from storage import provider_copies
from storage.catalogue import models
from storage.database import transaction
from storage.holdings import KEPT
from storage.prompts import Prompt
from storage.staff import StaffRole
from tests.world import Person, World, raw_id

MINE = """{ myData { asOf fileBytes filesAre keysets
    held { kind about count where sealed keyed inClear kept exportedAs notExportedBecause }
    touched { who action times lastAt } sentElsewhere { provider works times expiresAt } copies { provider model outputs } rights { mutation possible needsStepUp } } }"""


def mine(world: World, by: Person) -> dict[str, Any]:
    found: dict[str, Any] = world.ask(MINE, by).data["myData"]
    return found


def test_what_is_held_is_told_table_by_table(world: World) -> None:
    """Every table that can be about somebody is there, counted, with how it is kept, for how long, and where it is exported."""
    ada, ben = world.register("ada"), world.register("ben")
    project = world.project(ada)
    world.share(ada, project, ben, "VIEWER")
    world.output(world.prompt(ada, project))
    asset = world.asset(ada, project)
    world.ask("query($id: ID!) { asset(id: $id) { title } }", ben, id=asset).data  # noqa: B018 - a look by somebody else
    for _ in range(2):
        world.asset(ben, world.project(ben))
    with transaction(world.house.store.engine) as session:
        [sent, *_] = session.scalars(select(Prompt).where(Prompt.owner_id == raw_id(ada.id)))
        provider_copies.note(session, sent, [], "models.example", "m", None)
    found = mine(world, ada)
    held = {each["kind"]: each for each in found["held"]}
    assert set(held) == {m.__tablename__ for m in models() if m.card.subject is not None} | {"audit_events"}
    counts = {kind: held[kind]["count"] for kind in ("contributors", "projects", "prompts", "outputs", "assets")}
    assert counts == {"contributors": 1, "projects": 1, "prompts": 1, "outputs": 1, "assets": 1}
    assert held["assets"]["sealed"] == ["file_name", "title", "description", "tags", "checksum"]
    assert held["contributors"]["keyed"] == ["email_lookup"]
    assert held["assets"]["exportedAs"] == "assets.jsonl"
    assert len(held["sessions"]["notExportedBecause"].split()) > 3
    assert all(each["about"] and each["kept"] and each["where"] for each in held.values())
    assert held["audit_events"]["count"] > 4
    assert found["fileBytes"] > 0
    assert found["keysets"] >= 2
    assert {"who": "api", "action": "content.read"}.items() <= found["touched"][0].items()
    assert found["sentElsewhere"] == [{"provider": "models.example", "works": 1, "times": 1, "expiresAt": None}]
    assert mine(world, ben)["sentElsewhere"] == []
    assert found["copies"] == [{"provider": "stand-in", "model": "stand-in", "outputs": 1}]


def test_every_retention_class_is_told_in_words() -> None:
    """A table with another class than these would have no answer to how long."""
    assert {model.card.retention for model in models()} <= set(KEPT)


def test_what_can_be_done_now_is_what_the_door_says(world: World) -> None:
    """Before a fresh proof of identity three rights ask for one, afterwards all work; a key to read has none."""
    ada = world.register("ada")
    _, key = world.key(ada, "read")

    def can(by: Person) -> dict[str, tuple[bool, bool]]:
        return {each["mutation"]: (each["possible"], each["needsStepUp"]) for each in mine(world, by)["rights"]}

    before = can(ada)
    assert before["requestExport"] == before["deleteAccount"] == before["correctMyData"] == (False, True)
    assert before["fileComplaint"] == before["updatePrivacyPreferences"] == (True, False)
    world.step_up(ada)
    assert set(can(ada).values()) == {(True, False)}
    assert set(can(key).values()) == {(False, False)}


@pytest.mark.parametrize("role", [StaffRole.PRIVACY, StaffRole.SECURITY])
@pytest.mark.one_database("sqlite", reason="refused before any table is counted")
def test_staff_have_no_data_of_their_own_here(world: World, role: StaffRole) -> None:
    """Whoever is no contributor is told that there is nothing, and it is in the trail."""
    staff = world.employ(role)
    with world.unchanged("access.denied"):
        assert world.ask("{ myData { keysets } }", staff).code == "NOT_FOUND"

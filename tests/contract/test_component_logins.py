"""The suite runs under the logins of the components: a statement has the rights of whoever sends it, and no others."""

import pytest
from sqlalchemy import event, text

from agents.outages import agents_are_there
from storage import outages
from storage.database import transaction
from tests import component_logins
from tests.world import World

pytestmark = pytest.mark.one_database("postgresql", reason="SQLite has no logins")


def test_each_component_has_its_own_role(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked from within: a test's own statement, an agent's check, and a request to the API."""
    engine = world.house.store.engine

    def role(*_: object) -> None:
        with transaction(engine, read_only=True) as session:
            roles.append(session.execute(text("SELECT current_user")).scalar_one())

    roles: list[str] = []
    role()
    monkeypatch.setattr(outages, "last_look", role)
    assert agents_are_there(world.house.store)
    assert roles == ["postgres", "component_agents"]

    sent: set[str | None] = set()
    event.listen(engine, "before_cursor_execute", lambda *_: sent.add(component_logins.component()))
    world.register("ada")
    assert sent == {"api"}

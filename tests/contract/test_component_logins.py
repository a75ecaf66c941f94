"""The suite runs under the logins of the components: a statement has the rights of whoever sends it, and no others."""

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

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

    @event.listens_for(engine, "before_cursor_execute")
    def _heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO contributors"):  # jobs of the agents send theirs beside it
            sent.add(component_logins.component())

    world.register("ada")
    assert sent == {"api"}


def test_a_lost_connection_fails_as_it_does_without_the_roles(world: World) -> None:
    """The product tells an outage by SQLAlchemy's error: neither taking a role nor rolling back may raise another."""
    engine = world.house.store.engine
    with engine.connect() as connection:
        own = connection.connection.driver_connection
        assert own is not None
        ended = text("SELECT pg_terminate_backend(:pid)")
        with engine.connect() as other:
            connection.execute(text("SELECT 1"))
            other.execute(ended, {"pid": own.info.backend_pid})
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 2"))
    with engine.connect() as connection:
        own = connection.connection.driver_connection
        assert own is not None
        component_logins.take_owner(connection)
        with engine.connect() as other:
            other.execute(ended, {"pid": own.info.backend_pid})
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 3"))

"""Entries of the audit log leave the database through a function of the owner's, and only those that may."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from storage import privileges
from storage.database import open_engine, transaction
from storage.ledger import archiving
from storage.ledger.archiving import RemovalRefused
from storage.ledger.entries import AuditEvent
from storage.ledger.events import SystemStarted
from tests.agents.test_ageing import acts, ageing, happen
from tests.agents.test_ledger import settle
from tests.agents.test_privileges import Login, login
from tests.agents.worlds import World

__all__ = ["login"]

pytestmark = pytest.mark.one_database("postgresql", reason="SQLite has no logins")


def granted(login: Login, database_url: str, keep: timedelta) -> Engine:
    """The agents' engine, whose login may have entries removed that are older than `keep`."""
    owner = open_engine(database_url)
    names = [make_url(login(kind)).username or "" for kind in ("api", "agents")]
    privileges.grant(owner, *names, keep)
    owner.dispose()
    return open_engine(login("agents"))


def refused(engine: Engine, size: int) -> str:
    with pytest.raises(RemovalRefused, match="MUNIMENT_AUDIT_DAYS") as told, transaction(engine) as session:
        archiving.prune(session, size)
    return str(told.value.__cause__)


def test_what_is_not_old_enough_stays(world: World, login: Login, database_url: str) -> None:
    """The owner said how old, and the login can't say otherwise; nothing is removed by trying."""
    happen(world, 600)
    settle(world)
    engine = granted(login, database_url, timedelta(days=365))
    assert "old enough" in refused(engine, 512)
    assert world.count(AuditEvent) == 600
    engine.dispose()
    engine = granted(login, database_url, timedelta(0))
    with transaction(engine) as session:
        assert archiving.prune(session, 512) == 512
    assert world.count(AuditEvent) == 88
    engine.dispose()


@pytest.mark.parametrize("size", [1, 255, 300, 768, -256])
def test_what_is_no_archive_is_refused(world: World, login: Login, database_url: str, size: int) -> None:
    """A part of a bundle, more than was published, less than nothing; whatever temporary tables say."""
    happen(world, 600)
    settle(world)
    engine = granted(login, database_url, timedelta(0))
    with pytest.raises(RemovalRefused) as told, transaction(engine) as session:
        session.execute(text("CREATE TEMPORARY TABLE audit_checkpoints (size bigint)"))
        session.execute(text("INSERT INTO pg_temp.audit_checkpoints VALUES (1000000)"))
        archiving.prune(session, size)
    assert "whole bundles" in str(told.value.__cause__)
    assert world.count(AuditEvent) == 600
    engine.dispose()


def test_entries_in_which_somebody_is_remembered_stay(world: World, login: Login, database_url: str) -> None:
    """Until the personal side is gone, the archive does not have them either."""
    acts(world, world.contributor())
    with world.work() as work:
        for _ in range(300):
            work.record(SystemStarted())
    settle(world)
    engine = granted(login, database_url, timedelta(0))
    assert "remembered" in refused(engine, 256)
    engine.dispose()


def test_before_the_owner_has_granted_the_reason_is_told(world: World, login: Login, database_url: str) -> None:
    """As after an upgrade of the program alone: no function, no removal, and what to run."""
    happen(world, 600)
    settle(world)
    engine, owner = granted(login, database_url, timedelta(0)), open_engine(database_url)
    with owner.begin() as connection:
        connection.execute(text(f"DROP FUNCTION {archiving.REMOVE}"))
    refused(engine, 256)
    assert world.count(AuditEvent) == 600
    for each in (engine, owner):
        each.dispose()


def test_the_api_has_no_entry_removed(world: World, login: Login, database_url: str) -> None:
    """The function is the agents' alone."""
    happen(world, 600)
    settle(world)
    granted(login, database_url, timedelta(0)).dispose()
    engine = open_engine(login("api"))
    with pytest.raises(DBAPIError, match="permission denied"), transaction(engine) as session:
        archiving.prune(session, 256)
    engine.dispose()


def test_the_agents_archive_by_it(world: World) -> None:
    """Under their own role, as everything here runs: the entries lie in the archive, and are gone from the table."""
    happen(world, 600)
    settle(world)
    assert ageing(world).archive() == 512
    assert world.count(AuditEvent) == 89  # with the one that says so

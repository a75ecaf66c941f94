"""Keys are rotated under the logins that docs/operations/postgresql.md describes, in every table that holds sealed values."""

import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from muniment.cli import app
from muniment.house import open_house
from muniment.tidying import Tidying
from muniment.variables import load
from storage import queue, rotations
from storage.appointments import Appointment
from storage.catalogue import models
from storage.changes import Change, ChangeEffect, ChangeKind
from storage.clock import now
from storage.component_rights import TABLES
from storage.database import open_engine
from storage.follow_ups import FollowUp
from storage.privileges import rotated_columns
from storage.staff import StaffMember
from tests.agents.households import household, person, scope_of
from tests.agents.test_privileges import login

__all__ = ["login"]

pytestmark = [
    pytest.mark.one_database("postgresql", reason="SQLite has no logins"),
    pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning"),
]
Login = Callable[[str], str]
WAITS = {"PATIENCE": 0.0, "_MARGIN": 0.0}


@pytest.fixture
def owner(login: Login, home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The owner of the tables, who has put a row into each narrower one that holds sealed values."""
    for name, value in WAITS.items():
        monkeypatch.setattr(rotations, name, value)
    monkeypatch.setenv("MUNIMENT_KEY_CACHE_SECONDS", "0.05")
    engine = open_engine(database_url)
    queue.prepare(engine)
    with household(home, engine) as agents:
        ada = person(agents, "ada")
        someone = uuid.uuid4()
        with agents.store.begin(scope_of(ada)) as work:
            member = StaffMember(id=someone, email_lookup=agents.store.keyring.keyed_hash("email", "pam@example.org"))
            work.vault.seal(member, email="pam@example.org", password_hash="x")
            asked = Appointment(staff_id=someone, opens_account=True, roles=["SUPPORT"], requested_by=someone)
            work.vault.seal(asked, email="pam@example.org", password_hash="x", why="needed")
            change = Change(
                kind=next(iter(ChangeKind)), effect=next(iter(ChangeEffect)), emergency=False, versions={}, ticket="1",
                registered_by=someone,
            )  # fmt: skip
            work.vault.seal(change, why="why", tests="tests", assessment="what it means", note="fine")
            task = FollowUp(incident_id=someone, owner_id=someone, due_at=now())
            work.vault.seal(task, task="mend it", notes=["soon"])
            work.session.add_all([member, asked, change, task])
    with open_house(load(home=home, database_url=login("api"))):
        pass  # a server was there first: it brings the policy into force
    yield engine
    engine.dispose()


def values(engine: Engine) -> dict[tuple[str, str], set[bytes]]:
    """What lies in each column that a rotation writes anew."""
    found = {}
    with engine.connect() as connection:
        for model in models():
            for column in rotated_columns(model):
                asked = text(f"SELECT {column} FROM {model.__tablename__} WHERE {column} IS NOT NULL")  # noqa: S608
                found[model.__tablename__, column] = {bytes(each) for each in connection.execute(asked).scalars()}
    return {place: there for place, there in found.items() if there}


def narrow(kind: str) -> set[str]:
    """The tables with sealed values of which a component may change nothing else."""
    rights = {name: each.api if kind == "api" else each.agents for name, each in TABLES.items()}
    tables = {model.__tablename__ for model in models() if rotated_columns(model)}
    return {name for name, granted in rights.items() if "UPDATE" not in granted} & tables


@pytest.mark.parametrize("kind", ["api", "agents"])
def test_the_command_rotates_everything_by_each_login(login: Login, owner: Engine, home: Path, kind: str) -> None:
    """To its end, and everything that was there lies under another key."""
    before = values(owner)
    assert narrow(kind) <= {table for table, _ in before}
    command = ["keys", "rotate", "--keysets", "--lookups", "--sessions", "--signing", "--home", str(home)]
    done = CliRunner().invoke(app, command, env={"MUNIMENT_DATABASE_URL": login(kind)})
    assert done.exit_code == 0, done.output
    after = values(owner)
    assert before.keys() <= after.keys()
    assert [place for place in before if before[place] & after[place]] == []
    with closing(sqlite3.connect(home / "keys" / "keys.sqlite3")) as keys:
        [(half_way,)] = keys.execute(
            "SELECT count(*) FROM keysets WHERE stage IS NOT NULL AND id NOT IN ('sessions', 'signing')"
        )
    assert half_way == 0


def test_the_agents_rotate_what_is_due_by_theirs(login: Login, owner: Engine, home: Path) -> None:
    """As their schedule does it, with nothing left half way."""
    before = values(owner)
    with closing(sqlite3.connect(home / "keys" / "keys.sqlite3")) as keys, keys:
        old = (now() - timedelta(days=400)).strftime("%Y-%m-%d %H:%M:%S.%f")
        keys.execute("UPDATE keysets SET created_at = ?, keyed_at = NULL", [old])
    settings = load(home=home, database_url=login("agents"))
    nothing: Any = None
    with open_house(settings) as house:
        Tidying.tasks(_tidying(house, settings, nothing))["rotating keys"]()
    after = values(owner)
    assert [place for place in before if before[place] & after[place]] == []


def _tidying(house: Any, settings: Any, nothing: Any) -> Tidying:
    from tests.muniment.test_tidying import Young

    return Tidying(house, nothing, Young(), settings)


@pytest.mark.parametrize("kind", ["api", "agents"])
def test_a_login_that_was_granted_less_is_told_before_anything_is_begun(
    login: Login, owner: Engine, home: Path, kind: str
) -> None:
    """As after an upgrade without new grants: a sentence that says what to run, and every keyset is as it was."""
    url = login(kind)
    name = url.partition("://")[2].partition("@")[0].partition(":")[0]
    table = sorted(narrow(kind))[0]
    with owner.begin() as connection:
        connection.execute(text(f"REVOKE UPDATE ON {table} FROM {name}"))
    before = values(owner)
    done = CliRunner().invoke(
        app, ["keys", "rotate", "--keysets", "--home", str(home)], env={"MUNIMENT_DATABASE_URL": url}
    )
    assert done.exit_code == 1
    assert "ROTATION_REFUSED" in done.output and "database upgrade --grant-api" in done.output
    after = values(owner)
    assert [place for place, there in before.items() if not there <= after[place]] == []
    with closing(sqlite3.connect(home / "keys" / "keys.sqlite3")) as keys:
        assert keys.execute("SELECT count(*) FROM keysets WHERE stage IS NOT NULL").fetchall() == [(0,)]

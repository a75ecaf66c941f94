"""The logins of PostgreSQL that `database grants` makes room for: each does its own work, and nobody else's."""

import io
import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import time_machine
from PIL import Image
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from typer.testing import CliRunner

from agents import runtime, thumbnails
from agents.access_reviews import Reviewer
from agents.erasures import erase, tidy
from agents.exports import build_export
from agents.generation import generate
from agents.ledger import Ageing, Sequencer
from agents.retention import Sweeper
from agents.runtime import Agents
from agents.sentinel import Sentinel
from muniment.cli import app
from resolvers.access_reviews import campaigns
from storage import privileges, queue
from storage.catalogue import models
from storage.clock import now
from storage.database import open_engine, transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.exports import Export, ExportScope
from storage.ids import new_id
from storage.ledger.events import ExportRequested
from storage.privileges import NARROWER, RoleRefused
from storage.prompts import PromptStatus
from storage.resealing import reseal
from storage.staff import RoleAssignment, StaffRole
from tests.agents.test_ageing import happen
from tests.agents.test_sentinel import happened
from tests.agents.worlds import World
from tests.muniment.test_repeated_after_restart import every_mutation_and_its_repetition
from tests.resolvers import ladder
from tests.resolvers.found import finding
from tests.services.issuer import issuing

pytestmark = pytest.mark.one_database("postgresql", reason="SQLite has no logins")

_numbers = itertools.count()
Login = Callable[[str], str]


@pytest.fixture
def login(database_url: str) -> Iterator[Login]:
    """The address of the database for a component: as `api` or as `agents`, with what they are granted."""
    owner = open_engine(database_url)
    queue.prepare(owner)
    names = {kind: f"{kind}_{os.getpid()}_{next(_numbers)}" for kind in ("api", "agents")}
    with owner.begin() as connection:
        for name in names.values():
            connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        privileges.apply(connection, names["api"], names["agents"])
    yield lambda kind: make_url(database_url).set(username=names[kind]).render_as_string(hide_password=False)
    with owner.begin() as connection:
        for name in names.values():
            connection.execute(text(f"DROP OWNED BY {name}"))
            connection.execute(text(f"DROP ROLE {name}"))
    owner.dispose()


@pytest.fixture
def engine(login: Login) -> Iterator[Engine]:
    """The agents' own."""
    opened = open_engine(login("agents"))
    yield opened
    opened.dispose()


def test_the_api_serves_every_mutation_by_its_own_login(
    home: Path, login: Login, engine: Engine, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them asks for more than was granted, neither for its first answer nor when it is repeated."""
    monkeypatch.setattr(ladder, "finding", partial(finding, engine=engine))
    with issuing() as issuer:
        every_mutation_and_its_repetition(home, login("api"), issuer)


def test_the_agents_do_all_their_work_by_theirs(world: World, agents: Agents, home: Path) -> None:
    """Generating, thumbnails, exports, retention, sequencing, forgetting, archiving, rotation, erasure."""
    owner = world.contributor()
    project = world.project(owner)
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(picture, "PNG")
    asset = world.asset(owner, project, "image/png", picture.getvalue(), "A picture")
    prompt = world.submit(project, owner, variations=1)
    generate(agents, prompt)
    done = world.prompt(prompt)
    assert done is not None and done.status is PromptStatus.COMPLETED
    thumbnails.make(agents, asset)
    export, deletion = new_id(), new_id()
    with world.work() as work:
        work.session.add(Export(id=export, owner_id=owner, scope=ExportScope.ACCOUNT))
    build_export(agents, export)
    Sweeper(agents, timedelta(days=7)).sweep()
    assert reseal(world.store.engine, world.store.keyring, lambda done, total: None).damaged == set()
    sequencer = Sequencer(world.store, home / "ledger", lambda: world.policy.version)
    assert sequencer.advance()
    sentinel = Sentinel(world.store, lambda: world.policy.version)
    sentinel.advance()
    found_by = world.contributor()
    burst = (ExportRequested(resource_id=new_id(), subject_id=found_by, scope=ExportScope.ACCOUNT) for _ in range(20))
    happened(world, "CONTRIBUTOR", found_by, *burst)
    assert sequencer.advance()
    assert sentinel.advance() >= 20
    happen(world, 1)
    ageing = Ageing(agents, timedelta(0))
    ageing.end_investigations()
    ageing.anonymise()
    with world.work() as work:
        work.session.add(
            Deletion(
                id=deletion, owner_id=owner, scope=DeletionScope.ACCOUNT, object_id=owner, status=DeletionStatus.ERASING
            )
        )
    erase(agents, deletion)
    with transaction(world.store.engine, read_only=True) as session:
        found = session.get(Deletion, deletion)
        assert found is not None and (found.status, found.remaining) == (DeletionStatus.ERASED, {})
    tidy(agents)
    runtime.stop(runtime.start(agents))


def test_the_agents_end_what_nobody_confirmed_and_give_nothing(world: World, agents: Agents, database_url: str) -> None:
    """A job that the owner of the tables has put there is gone when its review is due."""
    given = RoleAssignment(staff_id=new_id(), role=StaffRole.SUPPORT, assigned_at=now() - timedelta(days=100))
    owner = open_engine(database_url)
    with transaction(owner) as session:
        session.add(given)
    owner.dispose()
    Reviewer(agents).advance()
    assert world.count(RoleAssignment) == 1
    with time_machine.travel(now() + campaigns.USUAL + timedelta(hours=1)):
        Reviewer(agents).advance()
    assert world.count(RoleAssignment) == 0


@pytest.mark.parametrize("kind", ["api", "agents"])
def test_nobody_does_what_was_not_granted(login: Login, kind: str) -> None:
    """Of every table that is narrower: what is missing from the grant is refused by the database itself."""
    engine = open_engine(login(kind))
    tried = {
        "INSERT": "INSERT INTO {} DEFAULT VALUES",
        "UPDATE": "UPDATE {0} SET {1} = {1}",
        "DELETE": "DELETE FROM {}",
        "TRUNCATE": "TRUNCATE {}",
    }
    columns = {model.__tablename__: next(iter(model.__table__.columns)).name for model in models()}
    for table, rights in NARROWER.items():
        granted = (rights.api if kind == "api" else rights.agents).split(", ")
        for right in tried.keys() - set(granted):
            with pytest.raises((OperationalError, ProgrammingError), match="permission denied"), engine.begin() as held:
                held.execute(text(tried[right].format(table, columns[table])))
    for statement in (
        "CREATE TABLE mine (id int)",
        "DROP TABLE contributors",
        "ALTER TABLE sessions DISABLE TRIGGER ALL",
    ):
        with pytest.raises((OperationalError, ProgrammingError)), engine.begin() as held:
            held.execute(text(statement))
    engine.dispose()


def test_the_names_are_of_tables_and_the_reasons_are_given() -> None:
    """A table that was renamed does not silently get everything."""
    assert set(NARROWER) <= {model.__tablename__ for model in models()}
    assert all(rights.why for rights in NARROWER.values())
    assert not any(
        "UPDATE" in rights.api + rights.agents for name, rights in NARROWER.items() if name == "audit_events"
    )


def test_the_owner_lays_the_tables_out_alone(home: Path, login: Login, database_url: str) -> None:
    """`database upgrade`, as the owner, of tables that are there already; as nobody, a sentence and nothing else."""
    for url, code in ((database_url, 0), (make_url(database_url).set(username="nobody_at_all"), 1)):
        given = url if isinstance(url, str) else url.render_as_string(hide_password=False)
        done = CliRunner().invoke(
            app, ["database", "upgrade", "--home", str(home)], env={"MUNIMENT_DATABASE_URL": given}
        )
        assert done.exit_code == code
    assert "MUNIMENT_DATABASE_URL" in done.output


def test_the_command_prints_what_the_owner_runs() -> None:
    """And refuses names that would be SQL of their own."""
    done = CliRunner().invoke(app, ["database", "grants", "--api", "muniment_api", "--agents", "muniment_agents"])
    assert done.exit_code == 0
    assert "GRANT SELECT, INSERT ON audit_events TO muniment_api;\n" in done.output
    for name in ('x"; DROP TABLE contributors; --', "API", "", f"a{uuid.uuid4().hex * 3}", "muniment_agents"):
        refused = CliRunner().invoke(app, ["database", "grants", "--api", name, "--agents", "muniment_agents"])
        assert refused.exit_code == 2 and "GRANT" not in refused.output
    with pytest.raises(RoleRefused):
        list(privileges.statements("a b", "c"))

"""The logins of PostgreSQL that `database grants` makes room for: each does its own work, and nobody else's."""

import io
import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from PIL import Image
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from typer.testing import CliRunner

from agents import runtime, thumbnails
from agents.access_reviews import Reviewer
from agents.erasures import erase, tidy
from agents.exports import build_export
from agents.generation import generate
from agents.ledger import Ageing, Sequencer
from agents.queue_watch import QueueWatch
from agents.retention import Sweeper
from agents.runtime import Agents
from agents.sentinel import Sentinel
from muniment.cli import app
from resolvers.access_reviews import campaigns
from resolvers.watching import Watch
from storage import privileges, queue, row_checks
from storage.catalogue import models
from storage.clock import now
from storage.component_rights import QUEUE, TABLES
from storage.database import open_engine, transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.exports import Export, ExportScope
from storage.ids import new_id
from storage.ledger.events import ExportRequested
from storage.privileges import RoleRefused
from storage.prompts import PromptStatus
from storage.queue_tables import FORMAT, QueueNotConstrained
from storage.staff import RoleAssignment, StaffRole
from tests.agents.test_ageing import happen
from tests.agents.test_sentinel import happened
from tests.agents.worlds import World
from tests.poison import insert_run, pickled, take_constraints_off

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
        privileges.apply(connection, names["api"], names["agents"], timedelta(0))
    yield lambda kind: make_url(database_url).set(username=names[kind]).render_as_string(hide_password=False)
    with owner.begin() as connection:
        for name in names.values():
            connection.execute(text(f"DROP OWNED BY {name}"))
            connection.execute(text(f"DROP ROLE {name}"))
    owner.dispose()


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


def held(connection: Connection, login: str, table: str, columns: list[str]) -> dict[str, list[str]]:
    """What a login may do with a table, in the database's own words: each right with its columns; none: with all."""
    found: dict[str, list[str]] = {}
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
        asked = {"login": login, "table": table, "right": right}
        if connection.scalar(text("SELECT has_table_privilege(:login, :table, :right)"), asked):
            found[right] = []
        elif right in ("SELECT", "INSERT", "UPDATE", "REFERENCES"):
            one = text("SELECT has_column_privilege(:login, :table, :column, :right)")
            if some := [each for each in columns if connection.scalar(one, {**asked, "column": each})]:
                found[right] = some
    return found


@pytest.mark.parametrize("kind", ["api", "agents"])
def test_each_login_has_what_is_listed_and_no_more(login: Login, kind: str, database_url: str) -> None:
    """The database's own word, for every table and column of ours."""
    owner, name = open_engine(database_url), make_url(login(kind)).username or ""
    with owner.connect() as connection:
        for model in models():
            table = f"public.{model.__tablename__}"
            columns = sorted(column.name for column in model.__table__.columns)
            listed = privileges.split(privileges.granted(kind)[table])
            assert held(connection, name, table, columns) == {
                right: sorted(given) for right, given in listed.items()
            }, table
    owner.dispose()


@pytest.mark.parametrize("kind", ["api", "agents"])
def test_nobody_does_what_was_not_granted(login: Login, kind: str) -> None:
    """Of every table: what is missing from the grant is refused by the database itself."""
    engine = open_engine(login(kind))
    tried = {
        "INSERT": "INSERT INTO {} DEFAULT VALUES",
        "DELETE": "DELETE FROM {}",
        "TRUNCATE": "TRUNCATE {}",
    }
    denied = pytest.raises((OperationalError, ProgrammingError), match="permission denied")
    for model in models():
        table = model.__tablename__
        granted = privileges.split(privileges.granted(kind)[f"public.{table}"])
        for right in tried.keys() - granted.keys():
            with denied, engine.begin() as connection:
                connection.execute(text(tried[right].format(table)))
        for column in model.__table__.columns:
            if granted.get("UPDATE", ["none"]) and column.name not in granted.get("UPDATE", []):
                with denied, engine.begin() as connection:
                    connection.execute(text(f"UPDATE {table} SET {column.name} = {column.name}"))  # noqa: S608
    for statement in (
        "CREATE TABLE mine (id int)",
        "DROP TABLE contributors",
        "ALTER TABLE sessions DISABLE TRIGGER ALL",
    ):
        with pytest.raises((OperationalError, ProgrammingError)), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()


def test_every_table_is_listed_with_a_reason() -> None:
    """A new one, or one that was renamed, does not silently get everything."""
    assert set(TABLES) == {model.__tablename__ for model in models()}
    assert all(rights.why for rights in (*TABLES.values(), *QUEUE.values()))
    for component in ("api", "agents"):
        granted = privileges.granted(component)
        assert privileges.split(granted["public.audit_events"]).keys() == {"SELECT", "INSERT"}
        for table in ("deletions", "incidents", "lockdowns", "policy_changes", "audit_sequence", "audit_checkpoints"):
            assert "DELETE" not in granted[f"public.{table}"]
        columns = {model.__tablename__: {each.name for each in model.__table__.columns} for model in models()}
        for table, names in columns.items():
            for given in privileges.split(granted[f"public.{table}"]).values():
                assert set(given) <= names, table


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
    assert "GRANT SELECT, INSERT ON public.audit_events TO muniment_api;\n" in done.output
    for name in ('x"; DROP TABLE contributors; --', "API", "", f"a{uuid.uuid4().hex * 3}", "muniment_agents"):
        refused = CliRunner().invoke(app, ["database", "grants", "--api", name, "--agents", "muniment_agents"])
        assert refused.exit_code == 2 and "GRANT" not in refused.output
    with pytest.raises(RoleRefused):
        list(privileges.statements("a b", "c"))


def test_of_the_queue_each_login_has_what_it_uses(login: Login, database_url: str) -> None:
    """The database's own word: no right but those of the list, on no table, function or sequence of that schema."""
    owner = open_engine(database_url)
    with owner.connect() as connection:
        there = set(connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'dbos'")).scalars())
        assert there == set(QUEUE)
        for kind in ("api", "agents"):
            who = {"login": make_url(login(kind)).username}
            for table, rights in QUEUE.items():
                for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
                    asked = {**who, "table": f"dbos.{table}", "right": right}
                    has = connection.scalar(text("SELECT has_table_privilege(:login, :table, :right)"), asked)
                    assert has == (privileges.split(getattr(rights, kind)).get(right) == []), (kind, table, right)
            functions = text(
                "SELECT count(*) FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'dbos'"
                " AND has_function_privilege(:login, pg_proc.oid, 'EXECUTE')"
            )
            assert connection.scalar(functions, who) == 0
            for right in ("CREATE", "USAGE"):
                asked = {**who, "right": right}
                has = connection.scalar(text("SELECT has_schema_privilege(:login, 'dbos', :right)"), asked)
                assert has == (right == "USAGE")
    owner.dispose()


@pytest.mark.parametrize("kind", ["api", "agents"])
def test_a_login_writes_no_row_that_is_read_as_code(login: Login, kind: str, tmp_path: Path) -> None:
    """Inserted or changed to it; nor does it hang a trigger on the queue, empty it, or take the constraint off."""
    engine = open_engine(login(kind))
    with engine.begin() as held:
        mine = insert_run(held, "deliver_notice", FORMAT, '{"args":[],"kwargs":{}}')
    for serialization in ("py_pickle", "portable_json", None):
        with pytest.raises(IntegrityError, match="muniment_format"), engine.begin() as held:
            insert_run(held, "deliver_notice", serialization, pickled(tmp_path / "ran"))
    denied = (
        "CREATE TRIGGER evil AFTER UPDATE ON dbos.workflow_status EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()",
        "TRUNCATE dbos.workflow_status",
        "ALTER TABLE dbos.workflow_status DROP CONSTRAINT muniment_format",
        "CREATE TABLE dbos.mine (id text REFERENCES dbos.workflow_status (workflow_uuid))",
        "INSERT INTO dbos.queues (name, created_at, updated_at) VALUES ('evil', 1, 1)" * (kind == "api"),
        f"UPDATE dbos.workflow_status SET name = 'evil' WHERE workflow_uuid = '{mine}'" * (kind == "api"),  # noqa: S608
        "DELETE FROM dbos.workflow_status" * (kind == "api"),
        "INSERT INTO dbos.workflow_schedules (schedule_id, schedule_name, workflow_name, schedule, context)"
        " VALUES ('x', 'x', 'x', '* * * * * *', 'x')",
        "SELECT dbos.send_message('x', '1')",
    )
    for statement in filter(None, denied):
        with pytest.raises((OperationalError, ProgrammingError)) as refused, engine.begin() as held:
            held.execute(text(statement))
        assert any(word in str(refused.value) for word in ("permission denied", "must be owner")), statement
    engine.dispose()


@pytest.mark.parametrize("kind", ["api", "agents"])
def test_a_login_writes_no_row_that_can_not_be_read(login: Login, kind: str, database_url: str) -> None:
    """No time that Python has not, no value that an enum has not; a new constraint takes the place of an older one."""
    engine, owner = open_engine(login(kind)), open_engine(database_url)
    row = (
        "INSERT INTO outages (id, component, kind, started_at, ended_at) VALUES (:id, :component, :kind, :begun, NULL)"
    )
    good = {"component": "KEYS", "kind": "FOUND", "begun": "2026-01-01"}
    bad = [{"component": "NOTHING"}, {"kind": "x"}]
    bad += [{"begun": when} for when in ("infinity", "-infinity", "20000-01-01", "9999-12-31 23:00", "4000-01-01 BC")]
    for changed in bad:
        with pytest.raises(IntegrityError, match=row_checks.CONSTRAINT), engine.begin() as held:
            held.execute(text(row), {"id": new_id(), **good, **changed})
    with engine.begin() as held:
        held.execute(text(row), {"id": new_id(), **good})
    with owner.begin() as connection:
        assert row_checks.apply(connection) == 0
        connection.execute(text(f"ALTER TABLE outages DROP CONSTRAINT {row_checks.CONSTRAINT}"))
        connection.execute(text("UPDATE outages SET component = 'GONE'"))  # a row of before is left as it is
        connection.execute(text(f"COMMENT ON CONSTRAINT {row_checks.CONSTRAINT} ON incidents IS 'older'"))
        assert row_checks.apply(connection) == 2
    engine.dispose()
    owner.dispose()


def test_a_job_of_the_api_s_is_run_and_forgotten_by_the_agents(
    login: Login, world: World, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the queue to its end, and to the removal of what is known of it, each with its own login."""
    ran, failed = new_id(), new_id()

    def work(_agents: Agents, identity: uuid.UUID) -> None:
        if identity == failed:
            raise ValueError

    monkeypatch.setitem(runtime._workflows, "note", runtime.Workflow("note", work))
    api = open_engine(login("api"))
    with transaction(api) as session:
        queue.enqueue(session, "note", ran)
        queue.enqueue(session, "note", failed)
    with transaction(api) as session:
        queue.enqueue(session, "note", ran)
    api.dispose()
    engine = world.store.engine
    statuses = text("SELECT workflow_uuid, status FROM dbos.workflow_status")
    expected = {f"note:{ran}": "SUCCESS", f"note:{failed}": "ERROR"}
    started = runtime.start(agents)
    watch = QueueWatch(world.store, lambda: world.policy.version, Watch())
    watch.start()
    try:
        for _ in range(600):
            with transaction(engine, read_only=True) as session:
                if (found := dict(session.execute(statuses).all())) == expected:
                    break
            time.sleep(0.05)
        assert found == expected
        assert watch.check() == 0
        assert runtime.take_over("nobody") == 0
    finally:
        watch.stop()
        runtime.stop(started)
    queue.forget(engine, "note", ran)
    assert queue.forget_finished(engine, timedelta(0)) == 1


def test_a_process_that_does_not_own_the_tables_refuses_what_it_can_not_constrain(
    login: Login, database_url: str
) -> None:
    """It says what the owner does; after that it starts. A trigger that was hung there before is taken off."""
    owner, engine = open_engine(database_url), open_engine(login("agents"))
    with owner.begin() as connection:
        take_constraints_off(connection)
        connection.execute(
            text("CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
        )
        connection.execute(text("CREATE TRIGGER evil AFTER UPDATE ON dbos.workflow_status EXECUTE FUNCTION public.f()"))
    with pytest.raises(QueueNotConstrained, match="database upgrade"):
        queue.prepare(engine)
    queue.prepare(owner)
    queue.prepare(engine)
    with owner.connect() as connection:
        found = text(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'dbos.workflow_status'::regclass AND NOT tgisinternal"
        )
        assert connection.execute(found).all() == []
    engine.dispose()
    owner.dispose()

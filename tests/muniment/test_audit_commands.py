"""`audit show` and `audit export --format ocsf`: the trail for people, and for a SIEM that collects it."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.ledger import Sequencer
from muniment import auditing
from muniment.cli import app
from storage.database import transaction
from storage.exports import Export, ExportScope, ExportStatus
from storage.ids import new_id
from storage.ledger import verify_audit
from storage.staff import StaffRole
from tests.world import Person, World, raw_id


def publish(world: World) -> None:
    while Sequencer(world.house.store, world.settings.ledger_dir, lambda: "0" * 16).advance():
        pass
    with world.house.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_lease")


def call(world: World, *arguments: str, given: str | None = None) -> Result:
    settings = {
        "MUNIMENT_HOME": str(world.settings.home),
        "MUNIMENT_DATABASE_URL": world.settings.database_url,
    }
    return CliRunner().invoke(app, ["audit", *arguments], env=settings, input=given, catch_exceptions=False)


@pytest.fixture
def ada(world: World) -> Person:
    """Somebody with a project called Autumn leaves."""
    person = world.register("ada")
    world.project(person, "Autumn leaves")
    return person


def test_a_contributor_reads_their_trail_in_words(world: World, ada: Person) -> None:
    """With their own token: what they did, as `you`; nothing of others, no content; the reading is an entry."""
    ben = world.register("ben")
    world.project(ben)
    with world.unchanged("trail.read"):
        told = call(world, "show", "--token", given=f"{ada.token}\n")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert ["  you  project.created  project " in line for line in lines] == [True, False, False]
    assert all("  you  " in line for line in lines)
    assert "Autumn" not in told.stdout
    assert str(raw_id(ben.id)) not in told.stdout


def test_whoever_sits_at_the_machine_reads_everybodys_trail_without_names(world: World, ada: Person) -> None:
    """What an auditor sees: all that happened, and no person's id; that is an entry too."""
    with world.unchanged("trail.read"):
        told = call(world, "show", "--action", "project.created")
    assert len(told.stdout.splitlines()) == 1
    assert "somebody  project.created" in told.stdout
    assert str(raw_id(ada.id)) not in told.stdout


def test_a_token_that_is_not_good_shows_nothing(world: World, ada: Person) -> None:
    """Nor one whose bearer has no business with the trail."""
    assert (refused := call(world, "show", "--token", given="mun_s_wrong\n")).exit_code == 1
    assert refused.stdout == ""
    support = world.employ(StaffRole.SUPPORT)
    assert call(world, "show", "--token", given=support.token).stdout == ""


def test_the_export_for_a_siem_goes_on_where_it_ended(world: World, ada: Person, tmp_path: Path) -> None:
    """One JSON per line, in the order of the log; nobody's id in it; with --after only what came since."""
    publish(world)
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    assert call(world, "export", "--format", "ocsf", str(first)).exit_code == 0
    made = [json.loads(line) for line in first.read_text().splitlines()]
    assert [each["metadata"]["uid"] for each in made] == [event["id"] for event in world.events()]
    assert [each["metadata"]["sequence"] for each in made] == list(range(len(made)))
    assert str(raw_id(ada.id)) not in first.read_text()
    world.project(ada)
    publish(world)
    told = call(world, "export", "--format", "ocsf", "--after", str(len(made)), str(second))
    assert f"--after {len(made) + 1}" in told.stderr
    assert [json.loads(line)["metadata"]["event_code"] for line in second.read_text().splitlines()] == [
        "project.created"
    ]
    again = call(world, "export", "--format", "ocsf", "--after", str(len(made) + 1), "-")
    assert (again.stdout, again.stderr) == ("", "Nothing new.\n")
    assert call(world, "export", "--format", "xml", "-").exit_code == 2


@pytest.fixture
def web(world: World, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server and the directory that it serves."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


@pytest.mark.parametrize(
    ("lies", "said"), [("ledger", ""), ("ledger", "/"), ("ledger", "/ledger"), ("mirror", "/mirror")]
)
def test_a_log_is_verified_by_the_address_of_its_server(
    world: World, ada: Person, web: tuple[str, Path], lies: str, said: str
) -> None:
    """With and without /ledger; and a mirror wherever it lies."""
    publish(world)
    url, folder = web
    place = world.settings.home / "copy.zip"
    auditing.export(world.settings, place)
    read = verify_audit.reader(str(place))
    for path in (
        "checkpoint",
        "vkey",
        f"tile/entries/000.p/{len(world.events())}",
        f"tile/0/000.p/{len(world.events())}",
    ):
        target = folder / lies / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read(path) or b"")
    report = verify_audit.run(url + said, world.client.get("/ledger/vkey").text)
    assert report.problems == []


def test_what_agents_did_is_counted_against_the_trail(world: World, ada: Person) -> None:
    """Exit 0 where it adds up; else exit 1, and the run by its id."""
    assert call(world, "reconcile").exit_code == 0
    export = new_id()
    with transaction(world.house.store.engine) as session:
        session.add(Export(id=export, owner_id=raw_id(ada.id), scope=ExportScope.ACCOUNT, status=ExportStatus.READY))
    told = call(world, "reconcile")
    said = f"Do not trust it: {export}: 1 done, 0 in the trail as export.built."
    assert (told.exit_code, told.output.splitlines()[0]) == (1, said)

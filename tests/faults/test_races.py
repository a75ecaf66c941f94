"""Two at once: one upload wins, and a deletion wins over everything that goes on in what it deletes."""

import random
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import DATABASES
from tests.faults.servers import Server, new_home, serving, settled, wait_for
from tests.world import raw_id

SIZE = 3_000_000
LARGE = random.Random(2).randbytes(10_000_000).hex().encode()


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server on each database for all of these."""
    home = new_home(tmp_path_factory.mktemp("home"))
    if request.param == "sqlite":
        with serving(home, f"sqlite:///{home}/data/muniment.sqlite3") as started:
            yield started
        return
    with request.getfixturevalue("postgresql").fresh_database() as url, serving(home, url) as started:
        yield started


def test_of_several_uploads_to_one_asset_one_wins(server: Server) -> None:
    """201 for one, CONFLICT for the others; what is stored is the winner's, whole, with one event and one key."""
    person = server.api.register("mara")
    asset, url = server.api.announce(person, server.api.project(person), SIZE)
    told, keysets = server.told(), server.keysets()
    bodies = [bytes([letter]) * SIZE for letter in b"abc"]
    answers: dict[bytes, tuple[int, str]] = {}

    def upload(body: bytes) -> None:
        answer = server.api.client.put(url, content=body)
        answers[body] = (answer.status_code, answer.text)

    threads = [threading.Thread(target=upload, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers.values()) == [201, 409, 409]
    assert all('"CONFLICT"' in text for status, text in answers.values() if status == 409)
    winner = next(body for body, (status, _) in answers.items() if status == 201)
    assert server.api.client.get(server.api.content_url(person, asset)).content == winner
    assert (server.told() - told)["asset.uploaded"] == 1
    assert len(server.keysets() - keysets) == 1
    assert server.incoming() == []
    assert server.files() == server.ids("blobs")


def test_a_project_deleted_while_files_come_in_and_go_out_leaves_nothing(server: Server) -> None:
    """An upload into it is half done, an export of it is running: the deletion wins, both end, nothing is left."""
    api = server.api
    person = api.register("otto")
    before = server.keysets(), server.files()
    project = api.project(person)
    api.asset(person, project, LARGE)
    _, url = api.announce(person, project, SIZE)
    body = b"x" * SIZE
    api.step_up(person)
    with server.half_an_upload(url, body) as connection:
        wait_for(lambda: [path for path in server.incoming() if path.stat().st_size > SIZE // 4])
        export = api.do("requestExport", person, wants="export { id }", scope="PROJECT", projectId=project).data["it"]
        running = "SELECT 1 FROM exports WHERE status = 'RUNNING'"
        wait_for(lambda: server.rows(running))
        api.do("deleteProject", person, projectId=project).data  # noqa: B018 - fails the test if refused
        settled(server)
        connection.sendall(body[len(body) // 2 :])
        status = answer_of(connection)
    assert status == 404
    gone = api.ask("query($id: ID!) { node(id: $id) { id } }", person, id=export["export"]["id"])
    assert (gone.status, gone.body["data"]) == (200, {"node": None})
    assert server.rows("SELECT status, remaining FROM deletions WHERE object_id IN (:a, :b)", **ids(project)) in (
        [("ERASED", "{}")],
        [("ERASED", {})],
    )
    # The export that lost removes its own file, key first, once it notices.
    wait_for(lambda: (server.keysets(), server.files()) == before)
    assert server.incoming() == []


def ids(thing: str) -> dict[str, str]:
    """A global id as SQLite and as PostgreSQL have it."""
    return {"a": raw_id(thing).hex, "b": str(raw_id(thing))}


def answer_of(connection: socket.socket) -> int:
    connection.settimeout(60)
    return int(connection.recv(100).split()[1])

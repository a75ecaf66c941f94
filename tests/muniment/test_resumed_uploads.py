"""Uploads in several transfers: what was acknowledged is kept, and nothing is visible before all of it has come."""

import hashlib
import io
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
import time_machine
from PIL import Image

from muniment import uploads
from storage.blobs.segments import SEGMENT
from storage.clock import now
from tests.beginnings import Beginning
from tests.storage.keyrings import pattern
from tests.storage.test_metadata import jpeg
from tests.world import Person, World, begun, opened

BODY = pattern(3 * SEGMENT + 1000)
PATCH = "application/offset+octet-stream"


class Sender:
    """Someone who sends one file in parts."""

    def __init__(self, world: World, body: bytes = BODY, media_type: str = "audio/mpeg") -> None:
        self.world = world
        self.body = body if media_type != "audio/mpeg" else b"ID3" + body[3:]
        self.ada = world.register("ada")
        self.project = world.project(self.ada)
        self.asset, self.url = world.announce(self.ada, self.project, len(body), mediaType=media_type)

    def patch(self, start: int, stop: int | None = None, **headers: str) -> Any:
        given = {"content-type": PATCH, "upload-offset": str(start), "tus-resumable": "1.0.0", **headers}
        return self.world.client.patch(self.url, content=self.body[start:stop], headers=given)

    def offset(self) -> int:
        found = self.world.client.head(self.url)
        assert (found.status_code, found.headers["upload-length"]) == (200, str(len(self.body)))
        assert (found.headers["tus-resumable"], found.headers["cache-control"]) == ("1.0.0", "no-store")
        return int(found.headers["upload-offset"])

    def served(self) -> bytes:
        return bytes(self.world.client.get(self.world.content_url(self.ada, self.asset)).content)

    def state(self) -> dict[str, Any]:
        asked = "query($id: ID!) { asset(id: $id) { status uploadUrl checksum byteSize } }"
        found: dict[str, Any] = self.world.ask(asked, self.ada, id=self.asset).data["asset"]
        return found

    def files(self) -> list[str]:
        return [path.name for path in self.world.settings.blob_dir.rglob("*") if path.is_file()]


def make(world: World) -> Sender:
    """One who belongs to no world yet."""
    sender = Sender(world)
    del sender.world
    return sender


pytestmark = pytest.mark.begins_with("sender", fill=begun(make))


@pytest.fixture
def sender(world: World, beginning: Beginning) -> Sender:
    found: Sender = beginning.left
    found.world = world
    return found


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


def test_a_file_in_parts_is_the_file(sender: Sender) -> None:
    """Parts end anywhere; HEAD tells where to go on; the last one makes the asset available, with the right checksum."""
    assert sender.offset() == 0
    cuts = [0, 1, 1, SEGMENT, SEGMENT + 7, 3 * SEGMENT, len(sender.body)]
    for start, stop in itertools.pairwise(cuts):
        assert sender.state()["status"] == "AWAITING_UPLOAD"
        answer = sender.patch(start, stop)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(stop))
        assert sender.offset() == stop
    assert sender.served() == sender.body
    state = sender.state()
    assert (state["status"], state["uploadUrl"], state["byteSize"]) == ("AVAILABLE", None, len(sender.body))
    assert state["checksum"] == "sha256:" + hashlib.sha256(sender.body).hexdigest()
    assert len(sender.files()) == 1
    [told] = sender.world.events("asset.uploaded")
    assert told["details"]["byteSize"] == len(sender.body)


def test_a_part_that_starts_elsewhere_changes_nothing(sender: Sender) -> None:
    """Before, behind, twice: a conflict that says where to go on."""
    sender.patch(0, 1000)
    for start in (0, 999, 1001):
        with sender.world.unchanged():
            answer = sender.patch(start)
        assert code(answer) == (409, "CONFLICT")
        assert "1000 bytes are here" in answer.json()["errors"][0]["message"]
    assert sender.patch(1000).status_code == 204
    assert sender.served() == sender.body


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"content-type": "application/octet-stream"}, "Content-Type"),
        ({"upload-offset": ""}, "Upload-Offset"),
        ({"upload-offset": "-1"}, "Upload-Offset"),
        ({"upload-offset": "9" * 19}, "Upload-Offset"),
    ],
)
def test_a_part_that_is_not_said_to_be_one_is_refused(sender: Sender, headers: dict[str, str], field: str) -> None:
    """With the name of the header that is wrong."""
    with sender.world.unchanged():
        answer = sender.patch(0, **headers)
    assert code(answer) == (400, "BAD_USER_INPUT")
    assert answer.json()["errors"][0]["extensions"]["field"] == field


def test_another_version_of_tus_is_told_ours(sender: Sender) -> None:
    """As its specification asks; and OPTIONS tells what is spoken here, to anyone."""
    answer = sender.patch(0, **{"tus-resumable": "0.2.2"})
    assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
    found = sender.world.client.options("/uploads/anything")
    limit = sender.world.house.limits.upload_bytes
    assert (found.status_code, found.headers["tus-max-size"]) == (204, str(limit))


def _break_off(sender: Sender, body: bytes, ending: Callable[[], dict[str, Any]]) -> int | None:
    """PATCH over ASGI from the start; after `body` comes `ending`. Answers the status."""
    waiting: list[Callable[[], dict[str, Any]]] = [
        lambda: {"type": "http.request", "body": body, "more_body": True},
        ending,
    ]
    statuses = []

    async def receive() -> dict[str, Any]:
        return await anyio.to_thread.run_sync(waiting.pop(0), abandon_on_cancel=True)

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status"))

    headers = [(b"content-type", PATCH.encode()), (b"upload-offset", b"0")]
    scope = {"type": "http", "method": "PATCH", "path": sender.url, "raw_path": sender.url.encode(), "headers": headers}
    scope |= {"http_version": "1.1", "scheme": "http", "query_string": b"", "client": ("127.0.0.1", 1), "server": None}
    anyio.run(sender.world.client.app, scope, receive, send)  # type: ignore[arg-type]
    return statuses[0] if statuses else None


def test_what_came_before_the_connection_broke_is_kept(sender: Sender) -> None:
    """The next transfer goes on behind it; nothing is recorded as refused, and nothing is visible meanwhile."""
    cut = SEGMENT + 123
    _break_off(sender, sender.body[:cut], lambda: {"type": "http.disconnect"})
    assert sender.offset() == cut
    assert sender.state()["status"] == "AWAITING_UPLOAD"
    assert sender.world.events("asset.upload_refused") == []
    assert sender.patch(cut).status_code == 204
    assert sender.served() == sender.body


def test_a_sender_who_falls_silent_makes_room(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-open connection does not hold the upload for ever: what came is kept, and another may go on."""
    monkeypatch.setattr(uploads, "_SILENCE_SECONDS", 0.2)

    def silence() -> dict[str, Any]:
        time.sleep(2)
        return {"type": "http.disconnect"}

    assert _break_off(sender, sender.body[:5000], silence) == 408
    assert sender.offset() == 5000
    assert sender.patch(5000).status_code == 204


def test_of_two_who_send_at_once_one_is_told(sender: Sender) -> None:
    """While one transfer holds the upload, another is a conflict; HEAD still answers."""
    answers: list[Any] = []

    def meanwhile() -> dict[str, Any]:
        answers.extend((sender.patch(0), sender.offset()))
        return {"type": "http.request", "body": sender.body[1000:], "more_body": False}

    assert _break_off(sender, sender.body[:1000], meanwhile) == 204
    assert code(answers[0]) == (409, "CONFLICT")
    assert answers[1] == 0
    assert sender.served() == sender.body


def test_a_whole_transfer_that_is_faster_wins(sender: Sender) -> None:
    """PUT works as ever; what was begun in parts is gone with it, and a part that comes later is a conflict."""
    sender.patch(0, 1000)
    assert sender.world.client.put(sender.url, content=sender.body).status_code == 201
    assert code(sender.patch(1000)) == (409, "CONFLICT")
    assert sender.offset() == len(sender.body)
    assert sender.served() == sender.body
    assert len(sender.files()) == 1
    assert sum(name.startswith("blob:") for name in sender.world.keysets()) == 1


def test_a_fresh_ticket_goes_on_where_the_old_one_ended(sender: Sender) -> None:
    """Tickets live for minutes, uploads for a day: `asset.uploadUrl` gives another."""
    sender.patch(0, 1000)
    with time_machine.travel(now() + sender.world.house.limits.ticket * 2, tick=True):
        assert sender.patch(1000).status_code == 404
        again = sender.state()["uploadUrl"]
        assert again != sender.url
        sender.url = again
        assert sender.offset() == 1000
        assert sender.patch(1000).status_code == 204
        assert sender.served() == sender.body


def test_a_fresh_ticket_is_for_those_who_may_upload(sender: Sender) -> None:
    """Editors have one; a viewer, and a key that only reads, see the asset and no address."""
    world, asked = sender.world, "query($id: ID!) { asset(id: $id) { uploadUrl } }"
    listed = "{ assets { edges { node { uploadUrl } } } }"
    for role, wanted in (("VIEWER", False), ("EDITOR", True)):
        friend = world.register(role.lower())
        world.share(sender.ada, sender.project, friend, role)
        _check(world, friend, asked, listed, sender.asset, wanted)
    _check(world, world.key(sender.ada, "read")[1], asked, listed, sender.asset, False)
    _check(world, world.key(sender.ada, "write")[1], asked, listed, sender.asset, True)


def _check(world: World, by: Person, asked: str, listed: str, asset: str, wanted: bool) -> None:
    one = world.ask(asked, by, id=asset).data["asset"]["uploadUrl"]
    [edge] = world.ask(listed, by).data["assets"]["edges"]
    assert (one is not None, edge["node"]["uploadUrl"] is not None) == (wanted, wanted)


def test_a_right_that_ended_ends_the_upload(sender: Sender) -> None:
    """Between two parts the editor is put out of the project: the ticket they still hold opens nothing."""
    world, friend = sender.world, sender.world.register("friend")
    world.share(sender.ada, sender.project, friend, "EDITOR")
    found = world.ask("query($id: ID!) { asset(id: $id) { uploadUrl } }", friend, id=sender.asset)
    sender.url = found.data["asset"]["uploadUrl"]
    assert sender.patch(0, 1000).status_code == 204
    world.do("unshareProject", sender.ada, projectId=sender.project, email=friend.email).data  # noqa: B018
    with world.unchanged("access.denied", "access.denied"):
        assert sender.patch(1000).status_code == 404
        assert world.client.head(sender.url).status_code == 404


@pytest.mark.parametrize(
    ("body", "media_type", "announced", "status"),
    [
        pytest.param(b"ID3" + bytes(200), "audio/mpeg", 100, 413, id="more than was announced"),
        pytest.param(b"ab" + bytes(98), "text/plain", 100, 400, id="no text"),
        pytest.param(b"GIF89a" + bytes(94), "image/png", 100, 400, id="another type"),
    ],
)
def test_a_part_that_does_not_fit_leaves_nothing_behind(
    world: World, body: bytes, media_type: str, announced: int, status: int
) -> None:
    """As with a whole transfer: no file, no keyset, an entry in the trail; and the asset waits for another attempt."""
    sender = Sender(world, body[:announced], media_type)
    before = world.footprint()
    assert sender.patch(0, 2).status_code == 204
    sender.body = body
    assert sender.patch(2).status_code == status
    assert world.footprint() == before
    assert len(world.events("asset.upload_refused")) == 1
    assert sender.state()["status"] == "AWAITING_UPLOAD"


def test_nothing_of_a_part_lies_in_clear(world: World) -> None:
    """Neither in whole segments, nor in what is kept of one that is not full."""
    sender = Sender(world, b"canary-8f3a " * 10_000, "text/plain")
    sender.patch(0, 100_001)
    assert sender.offset() == 100_001
    assert b"canary-8f3a" not in world.everything_kept()
    assert sender.patch(100_001).status_code == 204
    assert sender.served() == sender.body


def test_a_text_may_be_cut_within_a_character_and_an_image_within_its_metadata(world: World) -> None:
    """The check and the removal of metadata go on where they stood, in every part."""
    text = Sender(world, "grün ".encode() * 50, "text/plain")
    for start in range(0, 300, 7):
        assert text.patch(start, min(start + 7, 300)).status_code == 204
    assert text.served() == text.body
    image = Sender(world, jpeg(), "image/jpeg")
    world.do("updatePrivacyPreferences", image.ada, stripMetadata=True).data  # noqa: B018
    cuts = [*range(0, len(image.body), 97), len(image.body)]
    for start, stop in itertools.pairwise(cuts):
        assert image.patch(start, stop).status_code == 204
    assert b"canary" not in image.served()
    assert image.state()["checksum"] == "sha256:" + hashlib.sha256(image.served()).hexdigest()
    with Image.open(io.BytesIO(image.body)) as before, Image.open(io.BytesIO(image.served())) as after:
        assert after.tobytes() == before.tobytes()


def test_an_upload_goes_on_after_a_restart(home: Path, database_url: str, cheap_passwords: None) -> None:
    """Another process, the same file: what was acknowledged is there."""
    with opened(home, database_url) as world:
        sender = Sender(world)
        sender.patch(0, SEGMENT + 5)
    with opened(home, database_url) as world:
        world.house.store.blobs.sweep(frozenset(), 0)  # as at every start
        sender.world = world
        assert sender.offset() == SEGMENT + 5
        assert sender.patch(SEGMENT + 5).status_code == 204
        assert sender.served() == sender.body


def test_what_nobody_goes_on_with_is_swept_after_a_day(sender: Sender) -> None:
    """Files and key; the asset waits, and can be sent from the start."""
    before = sender.world.footprint()
    sender.patch(0, 1000)
    [unfinished] = (sender.world.settings.blob_dir / "unfinished").iterdir()
    blobs = sender.world.house.store.blobs
    assert blobs.sweep(frozenset(), 3600) == 0
    for path in (*unfinished.iterdir(), unfinished):
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    assert blobs.sweep(frozenset(), 3600) == 1
    assert sender.world.footprint() == before
    assert sender.offset() == 0
    assert sender.patch(0).status_code == 204


def test_a_ticket_that_is_none_opens_nothing(world: World) -> None:
    """On every way of asking, and the attempt is recorded."""
    for method in ("HEAD", "PATCH"):
        headers = {"content-type": PATCH, "upload-offset": "0"}
        with world.unchanged("access.denied"):
            answer: httpx2.Response = world.client.request(method, "/uploads/x", content=b"", headers=headers)
        assert answer.status_code == 404

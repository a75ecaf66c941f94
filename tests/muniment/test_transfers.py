"""Bytes in and out: whole and of the announced kind, or not at all; and only for whoever may still have them."""

import concurrent.futures
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import time_machine

from storage.clock import now
from tests.world import TEXT, Person, World

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 500


class Studio:
    """A contributor, a project, and an asset that awaits its bytes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ada = world.register("ada")
        self.project = world.project(self.ada)

    def announce(self, size: int = len(TEXT), media_type: str = "text/plain") -> tuple[str, str]:
        return self.world.announce(self.ada, self.project, size, mediaType=media_type)

    def status(self, asset: str) -> str:
        found = self.world.ask("query($id: ID!) { asset(id: $id) { status } }", self.ada, id=asset)
        return str(found.data["asset"]["status"])


@pytest.fixture
def studio(world: World) -> Studio:
    return Studio(world)


def _pieces(body: bytes, size: int = 100) -> Iterator[bytes]:
    yield from (body[start : start + size] for start in range(0, len(body), size))


def test_what_was_sent_is_what_comes_back(studio: Studio) -> None:
    """Byte for byte, as an attachment that no browser opens; and in the file names and sizes that were announced."""
    asset, url = studio.announce()
    sent = studio.world.client.put(url, content=_pieces(TEXT))
    assert (sent.status_code, sent.json()) == (201, {"status": "AVAILABLE", "byteSize": len(TEXT)})
    got = studio.world.client.get(studio.world.content_url(studio.ada, asset))
    assert (got.status_code, got.content) == (200, TEXT)
    assert got.headers["content-type"].startswith("text/plain")
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''brief.txt"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"


UNFIT = [
    (TEXT + b"!", "text/plain", len(TEXT), 413, "TOO_LARGE"),  # one byte more
    (TEXT[:-1], "text/plain", len(TEXT), 400, "TRUNCATED"),  # one byte less
    (b"", "text/plain", len(TEXT), 400, "TRUNCATED"),  # nothing
    (TEXT, "image/png", len(TEXT), 400, "WRONG_TYPE"),  # text sent as PNG
    (PNG, "text/plain", len(PNG), 400, "WRONG_TYPE"),  # PNG sent as text
    (b"\xff\xfe" * 50, "text/plain", 100, 400, "WRONG_TYPE"),  # no UTF-8
    (b"abc\xc3", "text/plain", 4, 400, "WRONG_TYPE"),  # UTF-8 cut short
]


def test_a_transfer_that_does_not_fit_leaves_nothing_behind(studio: Studio, subtests: pytest.Subtests) -> None:
    """No file, no keyset, no change; the trail says why, and the asset waits for another attempt."""
    for body, media_type, announced, status, reason in UNFIT:
        for streamed in [False, True]:
            with subtests.test(streamed=streamed, body=body[:9], media_type=media_type, announced=announced):
                asset, url = studio.announce(announced, media_type)
                with studio.world.unchanged("asset.upload_refused"):
                    answer = studio.world.client.put(url, content=_pieces(body) if streamed else body)
                assert answer.status_code == status
                assert answer.json()["errors"][0]["extensions"]["code"] == (
                    "PAYLOAD_TOO_LARGE" if status == 413 else "BAD_USER_INPUT"
                )
                assert studio.world.events("asset.upload_refused")[-1]["details"]["reason"] == reason
                assert studio.status(asset) == "AWAITING_UPLOAD"


def _put(world: World, url: str, *messages: Callable[[], dict[str, object]]) -> int | None:
    """PUT over ASGI, each message made when the application asks for it; answers the status."""
    waiting, statuses = list(messages), []

    async def receive() -> dict[str, object]:
        return await anyio.to_thread.run_sync(waiting.pop(0))

    async def send(message: dict[str, object]) -> None:
        statuses.append(message.get("status"))

    scope: dict[str, object] = {"type": "http", "method": "PUT", "path": url, "raw_path": url.encode(), "headers": []}
    scope |= {"http_version": "1.1", "scheme": "http", "query_string": b"", "client": ("127.0.0.1", 1), "server": None}
    anyio.run(world.client.app, scope, receive, send)  # type: ignore[arg-type]
    return statuses[0]  # type: ignore[return-value]


def test_a_sender_who_goes_away_leaves_nothing_behind(studio: Studio) -> None:
    """A connection that breaks half way is recorded, and the file can be sent again."""
    asset, url = studio.announce()
    with studio.world.unchanged("asset.upload_refused"):
        _put(
            studio.world,
            url,
            lambda: {"type": "http.request", "body": TEXT[:100], "more_body": True},
            lambda: {"type": "http.disconnect"},
        )
    assert studio.world.events("asset.upload_refused")[-1]["details"]["reason"] == "TRUNCATED"
    assert studio.world.client.put(url, content=TEXT).status_code == 201
    assert studio.status(asset) == "AVAILABLE"


def test_an_asset_is_filled_once(studio: Studio, subtests: pytest.Subtests) -> None:
    """Other bytes are a conflict, and the audit log says that it was tried; the same bytes are acknowledged again."""
    asset, url = studio.announce()
    first = studio.world.client.put(url, content=TEXT)
    assert first.status_code == 201
    for name, body in {
        "other": TEXT[:-1] + b"!",
        "shorter": TEXT[:-1],
        "longer": TEXT + b"!",
        "none": b"",
        "no text": b"\xff" * len(TEXT),
    }.items():
        for streamed in (False, True):
            with subtests.test(name, streamed=streamed), studio.world.unchanged("asset.upload_refused"):
                again = studio.world.client.put(url, content=_pieces(body) if streamed else body)
                assert (again.status_code, again.json()["errors"][0]["extensions"]["code"]) == (409, "CONFLICT")
                assert studio.world.events("asset.upload_refused")[-1]["details"]["reason"] == "ALREADY_UPLOADED"
    for streamed in (False, True):
        with subtests.test("same", streamed=streamed), studio.world.unchanged():
            again = studio.world.client.put(url, content=_pieces(TEXT) if streamed else TEXT)
            assert (again.status_code, again.json()) == (201, first.json())
    assert studio.world.client.get(studio.world.content_url(studio.ada, asset)).content == TEXT


def test_of_two_uploads_at_once_one_wins(studio: Studio) -> None:
    """Exactly one file, one blob row and one entry remain, and what is served is whole."""
    asset, url = studio.announce(len(TEXT) * 40)
    bodies = [TEXT * 40, TEXT.upper() * 40]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda body: studio.world.client.put(url, content=_pieces(body, 500)), bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    kept = bodies[[answer.status_code for answer in answers].index(201)]
    assert studio.world.client.get(studio.world.content_url(studio.ada, asset)).content == kept
    found = studio.world.footprint()
    assert (len(found["blobs"]), len(found["files"]), len(studio.world.events("asset.uploaded"))) == (1, 1, 1)
    assert sum(name.startswith("blob:") for name in found["keysets"]) == 1


def test_a_ticket_that_is_none_opens_nothing(world: World, subtests: pytest.Subtests) -> None:
    """Garbage is not found, on every route, and the attempt is recorded once."""
    for ticket in ["x", "A" * 110, "%00", "é", "A" * 5000]:
        for route in ["uploads", "content", "exports"]:
            with subtests.test(route=route, ticket=ticket):
                method = "PUT" if route == "uploads" else "GET"
                with world.unchanged("access.denied"):
                    answer = world.client.request(
                        method, f"/{route}/{ticket}", content=b"x" if method == "PUT" else None
                    )
                assert answer.status_code == 404
                assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
                assert world.events("access.denied")[-1]["resource"] == "ticket"


def test_a_ticket_is_good_for_one_use_only(studio: Studio) -> None:
    """A right to download is no right to upload, nor the other way round, nor to an export."""
    asset, upload = studio.announce()
    studio.world.client.put(upload, content=TEXT)
    ticket = studio.world.content_url(studio.ada, asset).rsplit("/", 1)[1]
    assert studio.world.client.put(f"/uploads/{ticket}", content=TEXT).status_code == 404
    assert studio.world.client.get(f"/exports/{ticket}").status_code == 404
    assert studio.world.client.get("/content/" + upload.rsplit("/", 1)[1]).status_code == 404


def test_a_changed_ticket_opens_nothing(studio: Studio) -> None:
    """Each character of a ticket counts."""
    asset, upload = studio.announce()
    studio.world.client.put(upload, content=TEXT)
    url = studio.world.content_url(studio.ada, asset)
    head, ticket = url.rsplit("/", 1)
    for place in range(0, len(ticket) - 2, 9):
        changed = ticket[:place] + ("A" if ticket[place] != "A" else "B") + ticket[place + 1 :]
        assert studio.world.client.get(f"{head}/{changed}").status_code == 404


def test_tickets_end(studio: Studio) -> None:
    """After minutes a ticket is worth nothing."""
    asset, upload = studio.announce()
    waiting = studio.announce()[1]
    studio.world.client.put(upload, content=TEXT)
    url = studio.world.content_url(studio.ada, asset)
    with time_machine.travel(now() + timedelta(minutes=15.1)), studio.world.unchanged("access.denied", "access.denied"):
        assert studio.world.client.get(url).status_code == 404
        assert studio.world.client.put(waiting, content=TEXT).status_code == 404


def test_tickets_end_with_the_session_that_asked(studio: Studio) -> None:
    """Signing out closes its uploads and downloads."""
    asset, upload = studio.announce()
    waiting = studio.announce()[1]
    studio.world.client.put(upload, content=TEXT)
    url = studio.world.content_url(studio.ada, asset)
    studio.world.do_plain("signOut", studio.ada)
    with studio.world.unchanged("access.denied", "access.denied"):
        assert studio.world.client.get(url).status_code == 404
        assert studio.world.client.put(waiting, content=TEXT).status_code == 404


def test_a_session_revoked_during_an_upload_does_not_finish_it(studio: Studio) -> None:
    """Who is asking is established again before the file is published."""
    elsewhere = Person("ada elsewhere", studio.world.sign_in(studio.ada.email).data["it"]["session"]["token"])
    _, url = studio.announce()

    def revoked() -> dict[str, object]:
        studio.world.do_plain("revokeSessions", elsewhere)
        return {"type": "http.request", "body": TEXT[100:]}

    before = studio.world.footprint()
    status = _put(studio.world, url, lambda: {"type": "http.request", "body": TEXT[:100], "more_body": True}, revoked)
    assert status == 404
    after = studio.world.footprint()
    assert {name for name in after if after[name] != before[name]} == {"sessions"}
    assert studio.world.events()[-1]["action"] == "access.denied"


def test_a_right_that_is_gone_takes_its_tickets_along(studio: Studio) -> None:
    """Someone shut out of a project can't use what they were handed while they were in it."""
    world, ben = studio.world, studio.world.register("ben")
    asset = world.asset(studio.ada, studio.project)
    world.share(studio.ada, studio.project, ben, "EDITOR")
    url = world.content_url(ben, asset)
    waiting = world.announce(ben, studio.project)[1]
    assert world.client.get(url).status_code == 200
    world.do("unshareProject", studio.ada, projectId=studio.project, email=ben.email)
    with world.unchanged("access.denied", "access.denied"):
        assert world.client.get(url).status_code == 404
        assert world.client.put(waiting, content=TEXT).status_code == 404


RANGES = [
    ("bytes=0-0", (0, 1)),
    ("bytes=3-9", (3, 10)),
    ("bytes=1000-", (1000, len(TEXT))),
    (f"bytes={len(TEXT) - 1}-", (len(TEXT) - 1, len(TEXT))),
    ("bytes=-1", (len(TEXT) - 1, len(TEXT))),
    ("bytes=-999999", (0, len(TEXT))),
    ("bytes=5-999999", (5, len(TEXT))),
    (f"bytes={len(TEXT)}-", None),
    ("bytes=-0", None),
    ("bytes=999999999999999999-", None),
]


def test_ranges_are_what_was_asked_for(studio: Studio, subtests: pytest.Subtests) -> None:
    """206 with the bytes and their place; 416 with the size where they lie beyond the end (RFC 9110, 14)."""
    url = studio.world.content_url(studio.ada, studio.world.asset(studio.ada, studio.project))
    for asked, expected in RANGES:
        with subtests.test(asked=asked, expected=expected):
            told = studio.world.told()
            got = studio.world.client.get(url, headers={"range": asked})
            place = got.headers["content-range"]
            if expected is None:
                assert (got.status_code, got.content, place) == (416, b"", f"bytes */{len(TEXT)}")
                continue
            start, stop = expected
            assert (got.status_code, got.content) == (206, TEXT[start:stop])
            assert place == f"bytes {start}-{stop - 1}/{len(TEXT)}"
            (downloaded,) = studio.world.events("content.downloaded", since=told)
            assert downloaded["details"]["partial"] is True


NO_RANGES = [
    "bytes=0-1,5-9",
    "bytes=9-3",
    "bytes=-",
    "bytes=a-b",
    "lines=1-2",
    "",
    "bytes=" + "9" * 400 + "-",
]


def test_a_range_that_means_nothing_is_ignored(studio: Studio, subtests: pytest.Subtests) -> None:
    """Several ranges, or none that makes sense: the whole, with 200 (RFC 9110, 14.2)."""
    url = studio.world.content_url(studio.ada, studio.world.asset(studio.ada, studio.project))
    for asked in NO_RANGES:
        with subtests.test(asked=asked):
            told = studio.world.told()
            got = studio.world.client.get(url, headers={"range": asked})
            assert (got.status_code, got.content) == (200, TEXT)
            (downloaded,) = studio.world.events("content.downloaded", since=told)
            assert downloaded["details"]["partial"] is False


def test_a_download_is_in_the_trail_before_its_first_byte(studio: Studio) -> None:
    """By whom, of what; and its owner reads there that it was somebody else."""
    world, ben = studio.world, studio.world.register("ben")
    asset = world.asset(studio.ada, studio.project)
    world.share(studio.ada, studio.project, ben, "VIEWER")
    url = world.content_url(ben, asset)
    with world.unchanged("content.downloaded", "content.read"):  # the file, and its sealed name
        assert world.client.get(url).status_code == 200
    seen = world.ask("{ accessLog { edges { node { action userId } } } }", studio.ada).data["accessLog"]["edges"]
    assert [each["node"]["action"] for each in seen[:2]] == ["content.read", "content.downloaded"]
    assert seen[0]["node"]["userId"] is not None


@pytest.mark.parametrize("place", [0, -1], ids=["first byte", "last byte"])
def test_a_damaged_file_is_never_served_as_whole(studio: Studio, place: int) -> None:
    """What can't be authenticated does not leave: a coded error, and no byte of the file."""
    asset = studio.world.asset(studio.ada, studio.project)
    (file,) = (path for path in Path(studio.world.settings.blob_dir).rglob("*") if path.is_file())
    raw = bytearray(file.read_bytes())
    raw[place] ^= 1
    file.chmod(0o600)
    file.write_bytes(raw)
    for _ in "12":
        got = studio.world.client.get(studio.world.content_url(studio.ada, asset))
        assert got.status_code == 500
        assert TEXT[:20] not in got.content
        assert got.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    (damaged,) = studio.world.events("content.damaged")  # of the same thing once an hour
    assert (damaged["outcome"], damaged["resource"], damaged["resourceId"]) == ("FAILED", "blob", file.name)
    assert damaged["details"] == {"place": "blobs.file", "damage": "BLOB_DAMAGED"}


def test_an_archive_comes_by_a_link_that_its_owner_minted(studio: Studio) -> None:
    """Not before it is ready, as often as needed while it is, and no more once it has expired."""
    world = studio.world
    world.step_up(studio.ada)
    export = world.do("requestExport", studio.ada, wants="export { id }").data["it"]["export"]["id"]
    with world.unchanged():
        assert world.do("mintExportLink", studio.ada, exportId=export).code == "CONFLICT"
    world.ready_export(export, b"PK" * 600)
    url = world.do("mintExportLink", studio.ada, wants="url", exportId=export).data["it"]["url"]
    assert world.client.get(url).content == b"PK" * 600
    resumed = world.client.get(url, headers={"range": "bytes=1000-"})
    assert (resumed.status_code, resumed.content, resumed.headers["content-type"]) == (
        206,
        b"PK" * 100,
        "application/zip",
    )
    with time_machine.travel(now() + timedelta(hours=25)):
        ada = Person("ada", world.sign_in(studio.ada.email).data["it"]["session"]["token"])
        world.step_up(ada)
        assert world.do("mintExportLink", ada, exportId=export).code == "CONFLICT"

"""The transparency log over HTTP: a prefix of static resources, as C2SP tlog-tiles lays it out. Open to everybody.

Leaves hold no personal data (storage/ledger/leaves.py), so that whoever wants to may watch the log, keep it, and find
out if anything in it is ever changed.
"""

import re
from collections.abc import Callable

import anyio.to_thread
import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from resolvers import ledger
from resolvers.house import House
from storage.database import DatabaseUnreachable
from storage.keys.errors import KeyStoreUnavailable
from storage.ledger.tiles import TileRefused

_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
_NOW = {"cache-control": "no-cache"}
_PLACE = re.compile(r"0|[1-9][0-9]{0,17}")


def routes() -> list[Route]:
    """Everything below /ledger/."""
    return [
        Route("/ledger/vkey", verifier_key, methods=["GET"]),
        Route("/ledger/vkeys", verifier_keys, methods=["GET"]),
        Route("/ledger/checkpoint", checkpoint, methods=["GET"]),
        Route("/ledger/events", events, methods=["GET"]),
        Route("/ledger/tile/{path:path}", tile, methods=["GET"]),
    ]


async def verifier_key(request: Request) -> Response:
    """The key that verifies this server's signed notes (C2SP signed-note): checkpoints, and export manifests."""
    return await _answer(lambda house: PlainTextResponse(ledger.key(house) + "\n"), request)


async def verifier_keys(request: Request) -> Response:
    """The keys of before and of now, newest first; each with the note in which the key before it names it."""

    def found(house: House) -> Response:
        known = ledger.keys(house)
        return JSONResponse(
            [{"vkey": each.vkey, "since": each.since.isoformat(), "note": each.note} for each in known], headers=_NOW
        )

    return await _answer(found, request)


async def checkpoint(request: Request) -> Response:
    """The newest checkpoint (C2SP tlog-checkpoint)."""

    def found(house: House) -> Response:
        note = ledger.checkpoint_note(house)
        if note is None:
            return PlainTextResponse("nothing has been published yet\n", 404)
        return PlainTextResponse(note, headers=_NOW)

    return await _answer(found, request)


async def events(request: Request) -> Response:
    """The published entries from place `after` on, as OCSF events, one JSON per line; `Link` says where to go on.

    The last page is followed by itself, so that whoever collects asks the same address again until there is more.
    """
    after = request.query_params.get("after", "0")
    if not _PLACE.fullmatch(after) or set(request.query_params) - {"after"}:
        return PlainTextResponse("after is how many entries you have already: a whole number\n", 400)

    def found(house: House) -> Response:
        lines, end = ledger.feed(house, int(after))
        body = b"".join(orjson.dumps(line, option=orjson.OPT_SORT_KEYS) + b"\n" for line in lines)
        link = {"link": f'</ledger/events?after={end}>; rel="next"'}
        return Response(body, media_type="application/x-ndjson", headers=_NOW | link)

    return await _answer(found, request)


async def tile(request: Request) -> Response:
    """A tile of hashes, or a bundle of entries. What a checkpoint covers never changes, so it may be kept for ever."""

    def found(house: House) -> Response:
        try:
            content = ledger.tile(house, request.path_params["path"])
        except TileRefused:
            content = None
        if content is None:
            return PlainTextResponse("no published checkpoint covers such a tile\n", 404)
        return Response(content, media_type="application/octet-stream", headers=_FOREVER)

    return await _answer(found, request)


async def _answer(find: Callable[[House], Response], request: Request) -> Response:
    try:
        return await anyio.to_thread.run_sync(find, request.app.state.house)
    except (*DatabaseUnreachable, KeyStoreUnavailable):
        return PlainTextResponse("the database or the key store does not answer; try again\n", 503)

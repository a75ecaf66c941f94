"""The transparency log over HTTP: a prefix of static resources, as C2SP tlog-tiles lays it out.

Checkpoints and tiles of hashes are open to everybody: they are enough to watch the log, to keep it, and to find out if
anything in it is ever changed. Entries are for those whom the policy lets read all of them, and for the operator's SIEM
(docs/decisions/0081-entries-are-read-through-the-policy.md).
"""

import re
from collections.abc import Callable

import anyio.to_thread
import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from muniment.admissions import coded, in_thread
from muniment.callers import Caller
from muniment.requests import address_of, bearer_token
from resolvers import ledger
from resolvers.budgets import Charge
from resolvers.errors import RateLimited, again_in
from resolvers.house import House
from resolvers.lockdowns import holding
from resolvers.siem import COMPONENT, SiemReader
from storage.database import DatabaseUnreachable
from storage.keys.errors import KeyStoreUnavailable
from storage.ledger.tiles import TileRefused, unbundle

_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
_NOW = {"cache-control": "no-cache"}
_NEVER = {"cache-control": "no-store", "vary": "Authorization"}
"""Of entries and of refusals: no cache may give one caller what another one may read."""
_COST = {"events": 1000, "tile": 256}
"""What a page of entries costs of what the caller may ask for in a minute; a refusal of a stranger is cheap."""
_STRANGERS_COST = 10
_NO_TILE = "no published checkpoint covers such a tile\n"
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

    def found(house: House) -> tuple[Response, int]:
        after = request.query_params.get("after", "0")
        if not _PLACE.fullmatch(after) or set(request.query_params) - {"after"}:
            return PlainTextResponse("after is how many entries you have already: a whole number\n", 400), 0
        lines, end = ledger.feed(house, int(after))
        body = b"".join(orjson.dumps(line, option=orjson.OPT_SORT_KEYS) + b"\n" for line in lines)
        link = {"link": f'</ledger/events?after={end}>; rel="next"'}
        return Response(body, media_type="application/x-ndjson", headers=link), len(lines)

    return await _entries(request, "events", found)


async def tile(request: Request) -> Response:
    """A tile of hashes, or a bundle of entries. What a checkpoint covers never changes: hashes may be kept for ever."""
    path = request.path_params["path"]
    try:
        entries = ledger.holds_entries(path)
    except TileRefused:
        return PlainTextResponse(_NO_TILE, 404)

    def found(house: House) -> Response:
        content = ledger.tile(house, path)
        if content is None:
            return PlainTextResponse(_NO_TILE, 404)
        return Response(content, media_type="application/octet-stream", headers={} if entries else _FOREVER)

    def found_entries(house: House) -> tuple[Response, int]:
        response = found(house)
        return response, len(unbundle(bytes(response.body))) if response.status_code == 200 else 0

    return await (_entries(request, "tile", found_entries) if entries else _answer(found, request))


async def _entries(request: Request, kind: str, find: Callable[[House], tuple[Response, int]]) -> Response:
    """Answer with entries, for a caller who may read all of them; a refusal says nothing of what there is.

    `find` answers how many entries it read, too: that they were read is recorded before the answer leaves.
    """
    response = await coded(in_thread, _read, request, kind, find)
    response.headers.update(_NEVER)
    if response.status_code == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response


def _read(request: Request, kind: str, find: Callable[[House], tuple[Response, int]]) -> Response:
    house: House = request.app.state.house
    siem: SiemReader = request.app.state.siem
    if siem.accepts(bearer_token(request)):
        _demand_paid(house.budgets.charge(COMPONENT, _COST[kind], house.limits.cost_per_minute))
        response, count = find(house)
        siem.record(house, count, address_of(request), request.headers.get("user-agent"))
        return response
    context = Caller(request, request.app.state.threads).again()
    stranger = context.principal.id is None
    _demand_paid(context.charge(_STRANGERS_COST if stranger else _COST[kind]))
    ledger.require_token(context)
    holding.admit(context, "read_log")
    with context.asked("read_log"):
        ledger.require_reader(context)
        response, count = find(house)
        context.trail_read += count
    return response


def _demand_paid(charge: Charge) -> None:
    if charge.retry_after is not None:
        raise RateLimited(
            f"You have asked for much in the last minute. {again_in(charge.retry_after)}",
            retry_after=charge.retry_after,
        )


async def _answer(find: Callable[[House], Response], request: Request) -> Response:
    try:
        return await anyio.to_thread.run_sync(find, request.app.state.house)
    except (*DatabaseUnreachable, KeyStoreUnavailable):
        return PlainTextResponse("the database or the key store does not answer; try again\n", 503)

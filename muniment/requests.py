"""What is taken from a request before anything acts on it: its bytes, counted as they come, and who sends it."""

import asyncio
import re
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect, HTTPConnection, Request

from muniment.addresses import plain
from resolvers.context import Repeatable
from resolvers.errors import BadInput, TooLarge
from schema.values import MOST_VALUES, count_values
from storage.networks import blocks_of

_KINDS = {"query": str, "operationName": str, "variables": dict, "extensions": dict}
BODY_SECONDS = 60.0
"""How long the body of an operation may take to come."""
SHORT = 4_096
"""Bytes that are parsed in the event loop. What is longer is charged for, and parsed in a thread of its caller's."""
_MOST_PARAMETERS = 20
"""How many parameters a query string may have."""
_KEY = re.compile(r"[!#-~]{1,255}")
_MOST_DIGITS = 18


class NotJson(BadInput):
    """What came can't be read at all: 400, whatever the manner of statuses."""


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises `TooLarge` as soon as more than `limit` bytes are announced or have come.

    Raises `NotJson` for one that breaks off, is framed wrongly, or is not whole after a minute.
    """
    if announced_size(request) > limit:
        raise TooLarge(f"The request is larger than the {limit} bytes that are accepted.")
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise TooLarge(f"The request is larger than the {limit} bytes that are accepted.")
                parts.append(part)
    except ClientDisconnect:
        raise NotJson("The body breaks off, or its framing is wrong.") from None
    except TimeoutError:
        raise NotJson(f"The body was not whole within {BODY_SECONDS:g} seconds.") from None
    return b"".join(parts)


def announced_size(request: Request) -> int:
    """How many bytes the request says its body has; 0 where it does not say so in digits."""
    announced = request.headers.get("content-length", "")
    if not (announced.isascii() and announced.isdigit()):
        return 0
    return int(announced) if len(announced) <= _MOST_DIGITS else 10**_MOST_DIGITS


def parse_json(raw: str | bytes) -> Any:
    """The JSON value in `raw`. Raises `NotJson` for anything else: bad UTF-8, absurd nesting, absurd numbers.

    Raises `BadInput` for more than 10,000 values: small ones take thirty times the memory of their text.
    """
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise NotJson("The body is not JSON. Send an object with `query`, and `variables` if there are any.") from None
    if len(raw) > SHORT and count_values(found, MOST_VALUES) > MOST_VALUES:
        message = f"The request holds more than {MOST_VALUES} values. Send them in several requests."
        raise BadInput(message, field="variables")
    return found


def parse_query_string(raw: bytes) -> dict[str, Any]:
    """The parameters in a query string, with `variables` and `extensions` as JSON. Raises `BadInput`."""
    try:
        found: dict[str, Any] = dict(
            parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        )
    except ValueError:
        raise BadInput(f"The query string has more than {_MOST_PARAMETERS} parameters.") from None
    for name in ("variables", "extensions"):
        if found.get(name):
            found[name] = parse_json(found[name])
    return found


def checked(found: Any) -> dict[str, Any]:
    """The parameters of a request, each of its kind; None where one is missing. Raises `BadInput`."""
    if not isinstance(found, dict):
        raise BadInput("The body must be one JSON object; batches are not accepted.")
    for name, kind in _KINDS.items():
        if found.get(name) is not None and not isinstance(found[name], kind):
            raise BadInput(f"`{name}` must be {'text' if kind is str else 'an object'}.", field=name)
    if not found.get("query"):
        raise BadInput("`query` is missing.", field="query")
    return {name: found.get(name) for name in _KINDS}


def repeatable(connection: HTTPConnection, asked: dict[str, Any]) -> Repeatable | None:
    """The request's Idempotency-Key with what is asked; None without one. Raises `BadInput` for what is no key.

    The key may stand in quotes, as the HTTP draft has it (draft-ietf-httpapi-idempotency-key-header), or without.
    """
    keys = connection.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0].removeprefix('"').removesuffix('"') if len(keys) == 1 else ""
    if not _KEY.fullmatch(key):
        raise BadInput("Idempotency-Key takes one key of 1 to 255 printable characters; a random UUID serves well.")
    try:
        return Repeatable(key, orjson.dumps(asked, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError:  # what orjson reads may be nested deeper than what it writes
        raise BadInput("`variables` or `extensions` are nested too deeply; send less.", field="variables") from None


def bearer_token(connection: HTTPConnection) -> str | None:
    """The token in `Authorization: Bearer …`; None where the header is missing."""
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else header


def address_of(connection: HTTPConnection) -> str | None:
    """The caller's IP address, in its usual form."""
    address = None if connection.client is None else plain(connection.client.host)
    return None if address is None else str(address)


def network_of(connection: HTTPConnection) -> str:
    """What counts as one caller without an account: an IPv4 address, or the IPv6 network that one is given (/64)."""
    return blocks_of(address_of(connection))[0]

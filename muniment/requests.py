"""What is taken from a request before anything acts on it: its bytes, counted as they come, and who sends it."""

import ipaddress
from typing import Any

import orjson
from starlette.requests import HTTPConnection, Request

from resolvers.errors import BadInput, TooLarge


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises `TooLarge` as soon as more than `limit` bytes are announced or have come."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(f"The request is larger than the {limit} bytes that are accepted.")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLarge(f"The request is larger than the {limit} bytes that are accepted.")
        parts.append(part)
    return b"".join(parts)


def parse_json(raw: bytes) -> Any:
    """The JSON value in `raw`. Raises `BadInput` for anything else: bad UTF-8, absurd nesting, absurd numbers."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise BadInput("The body is not JSON. Send an object with `query`, and `variables` if there are any.") from None


def bearer_token(connection: HTTPConnection) -> str | None:
    """The token in `Authorization: Bearer …`; None where the header is missing."""
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else header


def address_of(connection: HTTPConnection) -> str | None:
    """The peer's IP address, in its usual form."""
    if connection.client is None:
        return None
    try:
        return str(ipaddress.ip_address(connection.client.host))
    except ValueError:
        return None

"""WebSockets: graphql-transport-ws, with what is asked checked as it is over HTTP."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.http.typevars import RootValue
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.types.unset import UNSET, UnsetType

from muniment.callers import Caller
from muniment.crowds import Crowd
from muniment.documents import Documents
from muniment.requests import SHORT, NotJson, checked, parse_json
from muniment.threads import Threads
from resolvers.errors import BadInput, CodedError, MfaRequired, RateLimited, Unauthenticated
from schema.api import Schema
from schema.errors import coded_exception
from schema.limits import CHARACTERS_PER_UNIT

_LONGEST_ID = 255
_CLOSED_WITH: dict[type[Exception], int] = {RateLimited: 4429, Unauthenticated: 4401}
_HEAD = 600
_SUBSCRIBE = re.compile(r'\{ ?"(?:type": ?"subscribe", ?"|)id": ?"([^"\\]{1,255})"')
"""How clients begin a message whose operation can be refused before the rest is parsed."""
_WRONG_ID = f"An id is text of at most {_LONGEST_ID} characters"
KEEP_ALIVE_SECONDS = 30.0
"""Between two pings; whoever has said nothing from one to the next is gone, and stops counting as a connection held."""

INIT_SECONDS = 10.0
"""How long a new WebSocket may take to send `connection_init`."""
_OPERATIONS = 20
"""How many operations one connection may have under way."""


_UNPROVEN_CHARACTERS = 24 * 1024
"""How long a message may be before the caller is established: `connection_init` with its token."""
_REASON_BYTES = 123
"""How long a reason for closing may be (RFC 6455, 5.5): the library's repeat what the client sent, at any length."""


class Adapter(ASGIWebSocketAdapter):
    """The connection, as the library talks on it."""

    view: "Sockets"
    size = 0
    """Characters of the message in hand."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """Yield messages, each a JSON object. One before `connection_ack` is short; a long one is charged for.

        Raises `NonJsonMessageReceived` and `NonTextMessageReceived`, upon which the connection is closed (4400).
        """
        caller: Caller = self.ws.state.caller
        try:
            while self.ws.application_state != WebSocketState.DISCONNECTED:
                text = await self.ws.receive_text()
                self.size = len(text)
                if self.size > (self.view.body_limit if caller.entered else _UNPROVEN_CHARACTERS):
                    raise NonJsonMessageReceived
                if self.size <= SHORT:
                    yield _parse(text)
                    continue
                try:
                    found = await caller.in_thread(partial(_parse_at_cost, caller, text))
                except NonJsonMessageReceived:
                    raise
                except Exception as refused:  # of any kind, as over HTTP: the database may be away
                    if not await self._refuse(text, refused):
                        return
                    continue
                del text
                yield found
        except KeyError:
            raise NonTextMessageReceived from None
        except WebSocketDisconnect:
            return

    async def _refuse(self, text: str, refused: Exception) -> bool:
        """Say why a long message was not read, to its operation; or close the connection and return False."""
        found = _SUBSCRIBE.match(text, 0, _HEAD)
        if found is None:
            coded = coded_exception(refused)
            unforeseen = 4400 if isinstance(refused, CodedError) else 1011
            await self.close(_CLOSED_WITH.get(type(refused), unforeseen), coded["message"])
            return False
        await self.send_json({"type": "error", "id": found[1], "payload": [coded_exception(refused)]})
        return True

    async def close(self, code: int, reason: str) -> None:
        """Close it, with as much of the reason as fits a close frame."""
        await super().close(code, reason.encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore"))


class Handler(BaseGraphQLTransportWSHandler[Any, Any]):
    """One connection's talk."""

    view: "Sockets"
    websocket: Adapter
    _heard = True
    """Whether anything has come since the last ping."""

    def __init__(self, *arguments: Any, **given: Any) -> None:
        super().__init__(*arguments, **given)
        self._sizes: dict[str, int] = {}
        """Characters of the message of each operation under way."""

    async def handle(self) -> None:
        """The talk; while nobody says anything a ping keeps it open, and whoever answers none is let go."""
        pinging = asyncio.create_task(self._keep_open())
        try:
            await super().handle()
        finally:
            pinging.cancel()
            with suppress(asyncio.CancelledError):
                await pinging

    async def handle_message(self, message: Any) -> None:
        """Whatever it is, somebody is there."""
        self._heard = True
        await super().handle_message(message)

    async def _keep_open(self) -> None:
        with suppress(WebSocketDisconnected):
            while True:
                await asyncio.sleep(KEEP_ALIVE_SECONDS)
                if not self.connection_acknowledged:
                    continue
                if not self._heard:
                    await self.websocket.close(code=4410, reason="Nobody answers pings")
                    return
                self._heard = False
                ping: Any = {"type": "ping"}
                await self.send_message(ping)

    async def handle_subscribe(self, message: Any) -> None:
        """Refuse with a code what HTTP refuses too, and a flood; trusted documents get their text."""
        number = message["id"]
        if not _is_id(number):
            await self.handle_invalid_message(_WRONG_ID)
            return
        if self.connection_acknowledged:
            try:
                asked = checked(self.view.documents.resolved(_object(message["payload"])))
                if len(self.operations) >= _OPERATIONS and number not in self.operations:
                    raise RateLimited(f"A connection has {_OPERATIONS} operations under way at most; end one first.")
                self._sizes = {name: size for name, size in self._sizes.items() if name in self.operations}
                if sum(self._sizes.values()) + self.websocket.size > self.view.body_limit:
                    raise RateLimited("The operations under way here are as long as one connection may send; wait.")
            except CodedError as error:
                refusal: Any = {"type": "error", "id": number, "payload": [coded_exception(error)]}
                await self.send_message(refusal)
                return
            message = {**message, "payload": {name: asked[name] for name in ("query", "variables", "operationName")}}
            self._sizes[number] = self.websocket.size
        await super().handle_subscribe(message)

    async def handle_complete(self, message: Any) -> None:
        """End an operation, if it is still under way."""
        if not _is_id(message["id"]):
            await self.handle_invalid_message(_WRONG_ID)
            return
        await super().handle_complete(message)


class Sockets(GraphQL[Any, RootValue]):
    """The WebSocket half of the endpoint."""

    graphql_transport_ws_handler_class = Handler
    websocket_adapter_class = Adapter

    def __init__(
        self,
        schema: Schema,
        *,
        documents: Documents,
        crowd: Crowd,
        threads: Threads,
        body_limit: int,
        origins: tuple[str, ...],
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            max_subscriptions_per_connection=_OPERATIONS,
            allowed_origins=list(origins),
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS),
        )
        self.documents = documents
        self.crowd = crowd
        self._threads = threads
        self.body_limit = body_limit

    async def talk(self, socket: WebSocket) -> None:
        """A connection, from its handshake to its end."""
        socket.state.caller = Caller(socket, self._threads)
        try:
            await self.run(socket)
        finally:
            socket.state.caller.leave(self.crowd)

    def encode_json(self, data: object) -> str:
        """Return a message as JSON. What it carries of a result was encoded in the operation's thread."""
        return orjson.dumps(data).decode()

    async def get_context(self, request: Any, response: Any) -> Any:
        """A WebSocket's caller, named by its handshake or by connection_init."""
        return request.state.caller

    async def on_ws_connect(self, context: Any) -> UnsetType | dict[str, object] | None:
        """Refuse the connection of a caller whose token is not good enough, or who holds too many."""
        try:
            await context.in_thread(partial(context.enter, self.crowd))
        except (MfaRequired, RateLimited, Unauthenticated):
            raise ConnectionRejectionError from None
        unsaid: UnsetType = UNSET
        return unsaid


def _parse(text: str) -> dict[str, Any]:
    try:
        found = parse_json(text)
    except NotJson:
        raise NonJsonMessageReceived from None
    if not isinstance(found, dict):
        raise NonJsonMessageReceived
    return found


def _parse_at_cost(caller: Caller, text: str) -> dict[str, Any]:
    caller.pay(len(text) // CHARACTERS_PER_UNIT)
    return _parse(text)


def _is_id(found: Any) -> bool:
    return isinstance(found, str) and len(found) <= _LONGEST_ID


def _object(payload: Any) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise BadInput("The payload of `subscribe` is an object with `query`.")
    return payload

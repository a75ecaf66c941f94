"""WebSockets: graphql-transport-ws, with what is asked checked as it is over HTTP."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.http.typevars import RootValue
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.types.unset import UNSET, UnsetType

from muniment.callers import Caller
from muniment.crowds import Crowd
from muniment.documents import Documents
from muniment.requests import checked
from muniment.threads import Threads
from resolvers.errors import BadInput, CodedError, MfaRequired, RateLimited, Unauthenticated
from schema.api import Schema
from schema.errors import coded_exception

KEEP_ALIVE_SECONDS = 30.0
"""Between two pings; whoever has said nothing from one to the next is gone, and stops counting as a connection held."""

INIT_SECONDS = 10.0
"""How long a new WebSocket may take to send `connection_init`."""
_OPERATIONS = 20
"""How many operations one connection may have under way."""


_REASON_BYTES = 123
"""How long a reason for closing may be (RFC 6455, 5.5): the library's repeat what the client sent, at any length."""


class Adapter(ASGIWebSocketAdapter):
    """The connection, as the library talks on it."""

    async def close(self, code: int, reason: str) -> None:
        """Close it, with as much of the reason as fits a close frame."""
        await super().close(code, reason.encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore"))


class Handler(BaseGraphQLTransportWSHandler[Any, Any]):
    """One connection's talk."""

    view: "Sockets"
    _heard = True
    """Whether anything has come since the last ping."""

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
        if not isinstance(number, str):
            await self.handle_invalid_message("An id is text")
            return
        if self.connection_acknowledged:
            try:
                asked = checked(self.view.documents.resolved(_object(message["payload"])))
                if len(self.operations) >= _OPERATIONS and number not in self.operations:
                    raise RateLimited(f"A connection has {_OPERATIONS} operations under way at most; end one first.")
            except CodedError as error:
                refusal: Any = {"type": "error", "id": number, "payload": [coded_exception(error)]}
                await self.send_message(refusal)
                return
            message = {**message, "payload": {name: asked[name] for name in ("query", "variables", "operationName")}}
        await super().handle_subscribe(message)


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
        self._body_limit = body_limit

    async def talk(self, socket: WebSocket) -> None:
        """A connection, from its handshake to its end."""
        socket.state.caller = Caller(socket, self._threads)
        try:
            await self.run(socket)
        finally:
            socket.state.caller.leave(self.crowd)

    def decode_json(self, data: str | bytes) -> dict[str, Any]:
        """A WebSocket message, by the parser and limit of bodies. What is no message closes the connection (4400)."""
        if len(data) > self._body_limit:
            raise orjson.JSONDecodeError("a message larger than is accepted", "", 0)
        found = orjson.loads(data)
        if not isinstance(found, dict):
            raise orjson.JSONDecodeError("a message is an object", "", 0)
        return found

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


def _object(payload: Any) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise BadInput("The payload of `subscribe` is an object with `query`.")
    return payload

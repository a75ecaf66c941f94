"""The GraphQL endpoint: GraphQL over HTTP for queries and mutations, graphql-transport-ws for subscriptions.

Status codes and media types follow the GraphQL-over-HTTP specification: a client that accepts
`application/graphql-response+json` gets 400 for a document that could not be run, one that knows `application/json`
alone gets 200 for every well-formed request.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import orjson
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError, MissingQueryError
from strawberry.http.typevars import RootValue
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UNSET, UnsetType

from muniment.requests import address_of, bearer_token, parse_json, read_body, repeatable
from resolvers.context import Asking, Context
from resolvers.errors import BadInput, Code, CodedError, Unauthenticated
from resolvers.house import House
from resolvers.identity import identify
from schema.api import Schema
from schema.errors import coded, coded_exception

MODERN = "application/graphql-response+json"
LEGACY = "application/json"
_STATUS = {
    Code.PAYLOAD_TOO_LARGE.value: 413,
    Code.UNAUTHENTICATED.value: 401,
    Code.INTERNAL_SERVER_ERROR.value: 500,
    Code.UNAVAILABLE.value: 503,
}
"""Of answers without data; 400 for every other code."""


class Endpoint(GraphQL[Any, RootValue]):
    """Serves `schema` for the house that `app.state` holds once the application has started."""

    def __init__(self, schema: Schema, *, body_limit: int, threads: int) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            max_subscriptions_per_connection=20,
        )
        self._schema = schema
        self._body_limit = body_limit
        self._threads = threads
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        media_type = _acceptable(request.headers.get("accept"))
        if media_type is None:
            return Response(f"This endpoint answers {MODERN} or {LEGACY}.\n", 406, media_type="text/plain")
        if request.method not in ("GET", "POST"):
            return Response("Use POST, or GET for queries.\n", 405, {"allow": "GET, POST"}, "text/plain")
        try:
            asked = await self._asked(request)
        except _WrongMediaType:
            return Response(f"Send the operation as {LEGACY}.\n", 415, media_type="text/plain")
        except CodedError as error:
            return _refusal(error, media_type)
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._threads)
        run = partial(self._run, request, asked, media_type)
        return await anyio.to_thread.run_sync(run, limiter=self._limiter)

    async def _asked(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            found: dict[str, Any] = dict(request.query_params)
            for name in ("variables", "extensions"):
                if found.get(name):
                    found[name] = parse_json(found[name].encode())
        else:
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != LEGACY:
                raise _WrongMediaType
            found = parse_json(await read_body(request, self._body_limit))
        return _checked(found)

    def _run(self, request: Request, asked: dict[str, Any], media_type: str) -> Response:
        house: House = request.app.state.house
        allowed = {OperationType.QUERY} if request.method == "GET" else {OperationType.QUERY, OperationType.MUTATION}
        try:
            asking = _identified(house, request, bearer_token(request))
            context = Context(house, asking, repeatable=repeatable(request, asked))
            result = self._schema.execute_sync(
                asked["query"],
                variable_values=asked["variables"],
                operation_name=asked["operationName"],
                context_value=context,
                allowed_operation_types=allowed,
            )
        except InvalidOperationTypeError:
            if request.method == "GET":
                return Response("Send mutations by POST.\n", 405, {"allow": "POST"}, "text/plain")
            return _refusal(BadInput("Subscriptions go over WebSocket (graphql-transport-ws)."), media_type)
        except (MissingQueryError, CannotGetOperationTypeError):
            return _refusal(BadInput("The request names no operation to run."), media_type)
        except Exception as error:
            return _refusal(error, media_type)
        if not result.errors:
            return _json({"data": result.data}, media_type, 200)
        found = coded(result.errors, context.asking.correlation_id, context.principal)
        errors = [error.formatted for error in found]
        if result.data is None and _never_ran(errors):
            status = _status(errors[0]) if media_type == MODERN else 200
            return _json({"errors": errors}, media_type, status)
        return _json({"data": result.data, "errors": errors}, media_type, 200)

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
        return Socket(request)

    async def on_ws_connect(self, context: Any) -> UnsetType | dict[str, object] | None:
        """Refuse the connection of a caller whose token is not good."""
        try:
            await anyio.to_thread.run_sync(context.again)
        except Unauthenticated:
            raise ConnectionRejectionError from None
        unsaid: UnsetType = UNSET
        return unsaid


class Socket:
    """A WebSocket connection. Each operation on it gets a context of its own, its caller established anew."""

    def __init__(self, connection: WebSocket) -> None:
        self._connection = connection
        self.connection_params: Mapping[str, Any] = {}

    def again(self) -> Context:
        """A context for one operation. Raises `Unauthenticated`."""
        house: House = self._connection.app.state.house
        return Context(house, self._asking(house), renew=lambda: self._asking(house))

    def _asking(self, house: House) -> Asking:
        said = self.connection_params.get("authorization", self.connection_params.get("Authorization"))
        token = str(said).removeprefix("Bearer ").strip() if said is not None else bearer_token(self._connection)
        return _identified(house, self._connection, token)


class _WrongMediaType(Exception):
    """The body is announced as something other than JSON."""


def _identified(house: House, connection: HTTPConnection, token: str | None) -> Asking:
    agent = connection.headers.get("user-agent")
    return identify(house, token, ip_address=address_of(connection), user_agent=agent)


def _acceptable(accept: str | None) -> str | None:
    """The media type to answer in; None where the client takes neither."""
    if not accept or not accept.strip():
        return LEGACY
    ranges = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if MODERN in ranges:
        return MODERN
    return LEGACY if any(each in (LEGACY, "application/*", "*/*") for each in ranges) else None


def _checked(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise BadInput("The body must be one JSON object; batches are not accepted.")
    kinds = {"query": str, "operationName": str, "variables": dict, "extensions": dict}
    for name, kind in kinds.items():
        if found.get(name) is not None and not isinstance(found[name], kind):
            raise BadInput(f"`{name}` must be {'text' if kind is str else 'an object'}.", field=name)
    if not found.get("query"):
        raise BadInput("`query` is missing.", field="query")
    return {name: found.get(name) for name in kinds}


def _never_ran(errors: list[Any]) -> bool:
    """Whether the document was refused before it ran. Errors of fields have a path."""
    return all("path" not in error or error["path"] is None for error in errors)


def _refusal(error: Exception, media_type: str) -> Response:
    formatted = coded_exception(error)
    return _json({"errors": [formatted]}, media_type, _status(formatted))


def _status(error: Any) -> int:
    return _STATUS.get(error["extensions"]["code"], 400)


def _json(body: dict[str, Any], media_type: str, status: int) -> Response:
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return Response(orjson.dumps(body), status, headers, media_type=f"{media_type}; charset=utf-8")

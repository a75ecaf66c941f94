"""The GraphQL endpoint: GraphQL over HTTP, with subscriptions as server-sent events or on a WebSocket.

Status codes and media types follow the GraphQL-over-HTTP specification (`muniment.negotiation`): a client that accepts
`application/graphql-response+json` gets 400 for a document that could not be run, one that knows `application/json`
alone gets 200 for every well-formed request.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from muniment import events
from muniment.callers import Caller
from muniment.crowds import Crowd
from muniment.negotiation import EVENTS, LEGACY, MODERN, MOST_ACCEPTED, acceptable, status_of, status_of_error, told_as
from muniment.requests import SHORT, NotJson, checked, parse_json, parse_query_string, read_body, repeatable
from muniment.sockets import Sockets
from muniment.threads import Threads
from resolvers.context import Context
from resolvers.errors import BadInput, CodedError, CostExceeded
from schema.api import kind_of
from schema.documents import known
from schema.errors import coded, coded_exception
from schema.limits import CHARACTERS_PER_UNIT, read
from schema.meters import TOO_LARGE


class Endpoint:
    """Serves the schema for the house that `app.state` holds once the application has started."""

    def __init__(
        self, sockets: Sockets, *, body_limit: int, threads: Threads, response_limit: int, draft: bool = False
    ) -> None:
        self._sockets = sockets
        self._draft = draft
        self._schema = sockets.schema
        self._body_limit = body_limit
        self._response_limit = response_limit
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            response = await self._answered(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await self._sockets.talk(WebSocket(scope, receive, send))

    async def _answered(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except ClientDisconnect:
            raise
        except Exception as error:  # whatever was not foreseen is logged and coded, too
            return self._refusal(error, LEGACY)

    async def _answer(self, request: Request) -> Response:
        accept = request.headers.get("accept")
        if accept is not None and len(accept) > MOST_ACCEPTED:
            return Response(f"Accept is longer than {MOST_ACCEPTED} characters.\n", 431, media_type="text/plain")
        media_type, streams = acceptable(accept)
        if media_type is None and not streams:
            types = f"{MODERN}, {LEGACY} or {EVENTS}"
            return Response(f"This endpoint answers {types}.\n", 406, media_type="text/plain")
        if request.method not in ("GET", "POST"):
            return Response("Use POST, or GET for queries.\n", 405, {"allow": "GET, POST"}, "text/plain")
        caller = Caller(request, self._threads)
        context: Context | None = None
        try:
            raw = await self._raw(request)
            if len(raw) > SHORT:
                context, asked = await caller.in_thread(partial(self._asked_at_length, request, caller, raw))
            else:
                asked = self._asked(request, caller, raw)
        except _WrongMediaType:
            return Response(f"Send the operation as {LEGACY}.\n", 415, media_type="text/plain")
        except CodedError as error:
            return self._refusal(error, media_type or LEGACY)
        try:
            if streams:
                context, kind = await caller.in_thread(partial(_begin, caller, context, asked))
                if media_type is None or kind is OperationType.SUBSCRIPTION:
                    return await self._stream(request, caller, asked, kind)
            run = partial(self._run, request, caller, context, asked, media_type or LEGACY)
            answer: Response = await caller.in_thread(run)
        except Exception as refused:
            return self._refusal(refused, media_type or LEGACY)
        return answer

    async def _raw(self, request: Request) -> bytes:
        if request.method == "GET":
            query: bytes = request.scope["query_string"]
            return query
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != LEGACY:
            raise _WrongMediaType
        return await read_body(request, self._body_limit)

    def _asked(self, request: Request, caller: Caller, raw: bytes) -> dict[str, Any]:
        found = parse_query_string(raw) if request.method == "GET" else parse_json(raw)
        asked = checked(self._sockets.documents.resolved(found) if isinstance(found, dict) else found)
        caller.repeatable = repeatable(request, asked)
        return asked

    def _asked_at_length(self, request: Request, caller: Caller, raw: bytes) -> tuple[Context, dict[str, Any]]:
        context = caller.pay(len(raw) // CHARACTERS_PER_UNIT)
        asked = self._asked(request, caller, raw)
        context.repeatable = caller.repeatable
        return context, asked

    async def _stream(
        self, request: Request, caller: Caller, asked: dict[str, Any], kind: OperationType | None
    ) -> Response:
        if request.method == "GET" and kind is OperationType.MUTATION:
            return _by_post()
        try:
            await caller.in_thread(partial(caller.enter, self._sockets.crowd))
        except Exception as error:
            return self._refusal(error, LEGACY)
        except asyncio.CancelledError:  # counted in the thread, and gone since
            caller.leave(self._sockets.crowd)
            raise

        async def results() -> Any:
            source = await self._schema.stream(
                asked["query"],
                context_value=caller,
                variable_values=asked["variables"],
                operation_name=asked["operationName"],
            )
            async for event in events.told(source):
                yield event

        return _Stream(caller, self._sockets.crowd, results())

    def _run(
        self, request: Request, caller: Caller, context: Context | None, asked: dict[str, Any], media_type: str
    ) -> Response:
        allowed = {OperationType.QUERY} if request.method == "GET" else {OperationType.QUERY, OperationType.MUTATION}
        try:
            context = context or caller.again()
            result = self._schema.execute_sync(
                asked["query"],
                variable_values=asked["variables"],
                operation_name=asked["operationName"],
                context_value=context,
                allowed_operation_types=allowed,
            )
        except InvalidOperationTypeError:
            if request.method == "GET" and _kind(asked) is not OperationType.SUBSCRIPTION:
                return _by_post()
            ways = f"WebSocket (graphql-transport-ws), or come as {EVENTS} to whoever accepts that"
            return self._refusal(BadInput(f"Subscriptions go over {ways}."), media_type)
        except (MissingQueryError, CannotGetOperationTypeError):
            return self._refusal(BadInput("The request names no operation to run."), media_type)
        except Exception as error:
            return self._refusal(error, media_type)
        if result.errors:
            result.errors = coded(result.errors, context.asking.correlation_id, context.principal)
        body = events.formatted(result)
        if result.errors and result.data is None and _never_ran(body["errors"]):
            del body["data"]
        answer = self._json(body, media_type, status_of(body, media_type, draft=self._draft))
        answer.headers["x-correlation-id"] = str(context.asking.correlation_id)
        return answer

    def _refusal(self, error: Exception, media_type: str) -> Response:
        formatted = coded_exception(error)
        status = 400 if isinstance(error, NotJson) else status_of_error(formatted, draft=self._draft)
        response = self._json({"errors": [formatted]}, media_type, status)
        if seconds := formatted["extensions"].get("retryAfterSeconds"):
            response.headers["retry-after"] = str(seconds)
        return response

    def _json(self, body: dict[str, Any], media_type: str, status: int) -> Response:
        headers = {"www-authenticate": "Bearer"} if status == 401 else {}
        first = (body.get("errors") or [{}])[0]
        for told in (body.get("extensions", {}).get("cost", {}), first.get("extensions", {})):
            if seconds := told.get("retryAfterSeconds"):
                headers["retry-after"] = str(seconds)
        said = f"{told_as(media_type, status, draft=self._draft)}; charset=utf-8"
        content = orjson.dumps(body)
        if len(content) > self._response_limit:
            return self._refusal(CostExceeded(TOO_LARGE.format(self._response_limit)), media_type)
        return Response(content, status, headers, media_type=said)


class _Stream(StreamingResponse):
    """Server-sent events to a caller who is counted until they end, or never begin."""

    def __init__(self, caller: Caller, crowd: Crowd, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, headers={"x-accel-buffering": "no"}, media_type=EVENTS)
        self._caller, self._crowd = caller, crowd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._caller.leave(self._crowd)


class _WrongMediaType(Exception):
    """The body is announced as something other than JSON."""


def _begin(caller: Caller, context: Context | None, asked: dict[str, Any]) -> tuple[Context, OperationType | None]:
    """Return the operation's context and kind; None for one that can't be read: running it says why.

    The caller is established once, and reading is charged once. Raises `CodedError`.
    """
    context = context or caller.again()
    try:
        context.document = read(context, asked["query"])
        return context, kind_of(context.document, asked["operationName"])
    except (GraphQLError, RecursionError) as error:
        context.unreadable = error
        return context, None


def _kind(asked: dict[str, Any]) -> OperationType | None:
    """Return the kind of an operation that was read before."""
    try:
        return kind_of(known(asked["query"]), asked["operationName"])
    except (GraphQLError, RecursionError):
        return None


def _never_ran(errors: list[Any]) -> bool:
    """Whether the document was refused before it ran. Errors of fields have a path."""
    return all("path" not in error or error["path"] is None for error in errors)


def _by_post() -> Response:
    return Response("Send mutations by POST.\n", 405, {"allow": "POST"}, "text/plain")

"""Errors as clients see them: a code, a reference that finds the log line, and nothing from inside."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from policies.errors import NotFound, Refused
from policies.principals import ANONYMOUS, Kind, Principal
from resolvers.errors import Code, CodedError, LockedDown, Unavailable
from storage.blobs.errors import BlobStoreUnavailable
from storage.database import DatabaseUnreachable
from storage.keys.errors import KeyDestroyed, KeyStoreUnavailable

_log = structlog.get_logger(__name__)
_VARIABLE = re.compile(r"Variable '\$(?P<name>\w+)' has invalid value(?: at \.(?P<place>[\w.\[\]]+))?")
_ECHO = re.compile(r"(?:[,;] found|(?<!invalid) value): .*\Z", re.DOTALL)
_SUGGESTION = re.compile(r"\s*Did you mean .*\Z", re.DOTALL)
_LONGEST = 300
_MOST = 20


def coded(errors: Sequence[GraphQLError], ref: uuid.UUID, asker: Principal = ANONYMOUS) -> list[GraphQLError]:
    """The same errors in the form in which they leave the house; at most 20 of them.

    graphql-core's suggestions ("Did you mean …") spell out the schema: strangers, who may not introspect, see none.
    """
    found = [_coded(error, ref) for error in errors[:_MOST]]
    for error in errors:
        _let_go(error)
        _let_go(error.original_error)
    if asker.kind is Kind.ANONYMOUS:
        for error in found:
            error.message = _SUGGESTION.sub("", error.message)
    return found


def coded_exception(error: Exception) -> dict[str, Any]:
    """An exception outside GraphQL, in the same form."""
    return dict(_coded(GraphQLError("", original_error=error), uuid.uuid4()).formatted)


def code_of(error: Exception) -> str:
    """The code that clients are told for an exception."""
    known = _known(error)
    if isinstance(known, CodedError):
        return known.code.value
    return known.code if isinstance(known, Refused) else Code.INTERNAL_SERVER_ERROR.value


def code_of_graphql(error: GraphQLError) -> str:
    """The code that clients are told for an error of an operation, before it is `coded` and after."""
    if error.extensions and "code" in error.extensions:
        return str(error.extensions["code"])
    original = error.original_error
    if original is None or (error.path is None and error.nodes and not isinstance(original, CodedError | Refused)):
        return _own_code(error).value
    return code_of(original)


def _let_go(error: BaseException | None) -> None:
    """Have it no longer hold the frames it came through: they hold what was asked for and, in a circle, the error."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _known(original: Exception | None) -> Exception | None:
    """What clients may be told of in the place of what a lower room raised."""
    if isinstance(original, KeyDestroyed):
        return NotFound("thing")
    if isinstance(original, KeyStoreUnavailable):
        return Unavailable("The key store can't be reached. Nothing was changed; try again.")
    if isinstance(original, BlobStoreUnavailable):
        return Unavailable("The store of files can't be written or read. Nothing was changed; try again.")
    if isinstance(original, DatabaseUnreachable):
        # Not "nothing was changed": a connection may be lost after the commit was sent and before it was answered.
        return Unavailable("The database can't be reached. Look whether your change was made, then try again.")
    return original


def _coded(error: GraphQLError, ref: uuid.UUID) -> GraphQLError:
    original = _known(error.original_error)
    extensions: dict[str, str | int] = {"ref": str(ref)}
    if isinstance(original, CodedError):
        message, extensions["code"] = original.message, original.code.value
        if original.field is not None:
            extensions["field"] = original.field
        if isinstance(original, Unavailable) and original.retry_after is not None:
            extensions["retryAfterSeconds"] = original.retry_after
        if isinstance(original, LockedDown):
            extensions |= {"since": original.since.isoformat(), "until": original.until.isoformat()}
    elif isinstance(original, Refused):
        message, extensions["code"] = str(original), original.code
    elif original is None or (error.path is None and error.nodes):
        message, extensions["code"] = _own_words(error.message), _own_code(error).value
        if found := _VARIABLE.match(error.message):
            extensions["field"] = found["place"] or found["name"]
    else:
        _log.error("operation.failed", correlation_id=str(ref), exc_info=original)
        message = "Something failed on our side. Nothing of it is shown here; quote the ref when you ask."
        extensions["code"] = Code.INTERNAL_SERVER_ERROR.value
    return GraphQLError(message, nodes=error.nodes, path=error.path, extensions=extensions)


def _own_words(message: str) -> str:
    """What graphql-core found wrong with a document or its variables, without what it quotes of the values."""
    suggestion = _SUGGESTION.search(message)
    said = _ECHO.sub("", message[: suggestion.start()] if suggestion else message)
    return said[:_LONGEST] + (suggestion[0][:_LONGEST] if suggestion else "")


def _own_code(error: GraphQLError) -> Code:
    if isinstance(error, GraphQLSyntaxError):
        return Code.GRAPHQL_PARSE_FAILED
    if _VARIABLE.match(error.message):
        return Code.BAD_USER_INPUT
    return Code.GRAPHQL_VALIDATION_FAILED

"""Errors as clients see them: a code, a reference that finds the log line, and nothing from inside."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from policies.errors import NotFound, Refused
from policies.principals import ANONYMOUS, Kind, Principal
from resolvers.errors import Code, CodedError, ContentMissing, LockedDown, RateLimited, Unavailable
from storage.blobs.errors import BlobMissing, BlobStoreUnavailable
from storage.database import DatabaseUnreachable, OutcomeUnknown
from storage.keys.errors import KeyDestroyed, KeyStoreUnavailable

_log = structlog.get_logger(__name__)
_VARIABLE = re.compile(r"Variable '\$(?P<name>\w+)' has invalid value(?: at \.(?P<place>[\w.\[\]]+))?")
_ECHO = re.compile(r"(?:[,;] found|(?<!invalid) value): ")
_SUGGESTION = "Did you mean "
_ECHO_OF_SUGGESTION = " Found: "
_LONGEST = 300
MOST = 20
"""The most errors of one response."""
# Not "nothing was changed": what is read or recorded after a commit may fail too, and then the change is made.
_TRY_AGAIN = (
    "Send the same request again if it changes nothing or has an Idempotency-Key; "
    "otherwise look first whether your change was made."
)


def coded(errors: Sequence[GraphQLError], ref: uuid.UUID, asker: Principal = ANONYMOUS) -> list[GraphQLError]:
    """The same errors in the form in which they leave the house; at most 20 of them.

    graphql-core's suggestions ("Did you mean …") spell out the schema: strangers, who may not introspect, see none.
    """
    found = [_coded(error, ref) for error in errors[:MOST]]
    for error in errors:
        _let_go(error)
        _let_go(error.original_error)
    if asker.kind is Kind.ANONYMOUS:
        for error in found:
            error.message = _without_suggestion(error.message)
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
        return Unavailable(f"The key store can't be reached. {_TRY_AGAIN}")
    if isinstance(original, BlobStoreUnavailable):
        return Unavailable(f"The store of files can't be written or read. {_TRY_AGAIN}")
    if isinstance(original, BlobMissing):
        return ContentMissing("The file is missing from storage. The operators have been notified; ask them for it.")
    if isinstance(original, OutcomeUnknown):
        return Unavailable(f"The outcome is unknown: your change may have been made. {_TRY_AGAIN}")
    if isinstance(original, DatabaseUnreachable):
        return Unavailable(f"The database can't be reached. {_TRY_AGAIN}")
    return original


def _coded(error: GraphQLError, ref: uuid.UUID) -> GraphQLError:
    original = _known(error.original_error)
    extensions: dict[str, Any] = {"ref": str(ref)}
    if isinstance(original, CodedError):
        message, extensions["code"] = original.message, original.code.value
        if original.field is not None:
            extensions["field"] = original.field
        if isinstance(original, RateLimited | Unavailable) and original.retry_after is not None:
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
    """Return what graphql-core says is wrong with a document or its variables, without the values it quotes.

    A message quotes what the client sent at any length. So nothing here takes more than linear time.
    """
    before, found, suggestion = message.partition(_SUGGESTION)
    if echo := _ECHO.search(before):
        before = before[: echo.start()]
    suggestion = suggestion.partition(_ECHO_OF_SUGGESTION)[0]
    return before.rstrip()[:_LONGEST] + (f" {found}{suggestion}"[:_LONGEST] if found else "")


def _without_suggestion(message: str) -> str:
    return message.partition(_SUGGESTION)[0].rstrip()


def _own_code(error: GraphQLError) -> Code:
    if isinstance(error, GraphQLSyntaxError):
        return Code.GRAPHQL_PARSE_FAILED
    if _VARIABLE.match(error.message):
        return Code.BAD_USER_INPUT
    return Code.GRAPHQL_VALIDATION_FAILED

"""Media types and statuses of GraphQL over HTTP: which a client takes, and which tells what became of a request.

Where the draft of August 2026 and the audits of the reference suite disagree, the audits are followed; the draft is for
those who ask for it (`MUNIMENT_HTTP_DRAFT`). By it, what never ran has its 4xx or 5xx also for clients that know
`application/json` alone, what is not valid is 422, and an answer with data and errors is 294.
"""

from typing import Any

from resolvers.errors import Code

MODERN = "application/graphql-response+json"
LEGACY = "application/json"
EVENTS = "text/event-stream"

MOST_ACCEPTED = 1_000
"""How long an Accept header may be: browsers send 200 characters."""

_STATUS = {
    Code.PAYLOAD_TOO_LARGE.value: 413,
    Code.UNAUTHENTICATED.value: 401,
    Code.RATE_LIMITED.value: 429,
    Code.INTERNAL_SERVER_ERROR.value: 500,
    Code.LOCKED_DOWN.value: 503,
    Code.UNAVAILABLE.value: 503,
}
"""Of answers without data; 400 for every other code."""

_STATUS_OF_DRAFT = _STATUS | {
    Code.BAD_USER_INPUT.value: 422,
    Code.COST_EXCEEDED.value: 422,
    Code.GRAPHQL_VALIDATION_FAILED.value: 422,
}
_PARTIAL = 294


def acceptable(accept: str | None) -> tuple[str | None, bool]:
    """The JSON media type to answer in, None where the client takes neither; and whether it takes events.

    The most specific range that fits a type decides (RFC 9110, 12.5.1); of two that are taken alike, the modern one.
    """
    if not accept or not accept.strip():
        return LEGACY, False
    ranges = dict(_range(part) for part in accept.split(","))
    wild = ranges.get("application/*", ranges.get("*/*", 0.0))
    modern, legacy = ranges.get(MODERN, 0.0), ranges.get(LEGACY, wild)
    streams = ranges.get(EVENTS, 0.0) > 0
    if not max(modern, legacy):
        return None, streams
    return (MODERN if modern >= legacy else LEGACY), streams


def status_of(answer: dict[str, Any], media_type: str, *, draft: bool) -> int:
    """The status of a well-formed answer: 200 for what ran; for what did not, that of its first error.

    Without the draft, clients that know `application/json` alone are told by the errors only.
    """
    if "data" in answer:
        return _PARTIAL if draft and media_type == MODERN and answer.get("errors") else 200
    if media_type == LEGACY and not draft:
        return 200
    return status_of_error(answer["errors"][0], draft=draft)


def status_of_error(error: dict[str, Any], *, draft: bool) -> int:
    """The status of an answer that holds this error and no data."""
    return (_STATUS_OF_DRAFT if draft else _STATUS).get(error["extensions"]["code"], 400)


def told_as(media_type: str, status: int, *, draft: bool) -> str:
    """What an answer is announced as: by the draft, `application/json` is for what went well."""
    return MODERN if draft and status >= 300 else media_type


def _range(part: str) -> tuple[str, float]:
    name, _, rest = part.partition(";")
    for parameter in rest.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                return name.strip().lower(), min(max(float(value), 0.0), 1.0)
            except ValueError:
                break
    return name.strip().lower(), 1.0

"""A mutation asked for under an Idempotency-Key: done once, and answered the same way for a day.

A key belongs to the caller who sent it, and to the first request under it that changed something. What is kept of the
request is a keyed hash; of the answer, sealed, what it takes to give it again.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from policies.principals import Kind, Principal
from resolvers.context import Context
from resolvers.errors import Conflict, IdempotencyMismatch, Unauthenticated
from resolvers.identity import principal_of_session
from storage import idempotency
from storage.idempotency import IdempotentAnswer


@dataclass(frozen=True)
class Claim:
    """One mutation field of a request under a key: keyed hashes of caller and key, of the field's place, of it all.

    Each as it is written down now, and then as it may have been before, while the key of these hashes is rotated.
    """

    keys: list[bytes]
    places: list[bytes]
    requests: list[bytes]
    session_id: uuid.UUID | None


def claim(context: Context, place: str) -> Claim:
    """The claim of the field that is answered as `place`. Raises RuntimeError where the request came without a key."""
    asked = context.repeatable
    if asked is None:
        raise RuntimeError("only a request with an Idempotency-Key has a claim")
    hashes = context.house.store.keyring.keyed_hashes
    caller = context.principal.id.hex if context.principal.id else "nobody"
    key = f"{caller} {asked.key}"
    return Claim(
        hashes("idempotency key", key),
        hashes("idempotency place", f"{key} {place}"),
        hashes("idempotency request", asked.request),
        context.asking.session_id,
    )


@contextmanager
def alone(context: Context, claim: Claim) -> Iterator[None]:
    """Let nobody else work under the same key meanwhile; others wait."""
    with idempotency.alone(context.work.session, claim.keys):
        yield


def told(context: Context, claim: Claim) -> Any:
    """What was answered to this claim before; None where nothing was. The operation goes on as whoever it made it.

    Raises `IdempotencyMismatch` where the key was used for another request, `Unauthenticated` where the session that
    the answer opened has ended.
    """
    rows = idempotency.under_keys(context.work.session, claim.keys)
    if any(row.request_hash not in claim.requests for row in rows):
        raise IdempotencyMismatch("This Idempotency-Key was used for another request. Take a new key for each request.")
    row = next((row for row in rows if row.place_hash in claim.places), None)
    if row is None:
        return None
    answer = context.work.vault.open_as_system(row, "answer", reason="said again")
    if row.session_id is not None:
        principal = principal_of_session(context.house, row.session_id)
        if principal is None:
            raise Unauthenticated("The session that this request opened has ended. Sign in again, with a new key.")
        context.become(principal, row.session_id)
    return answer


def keep(context: Context, claim: Claim, answer: Any) -> None:
    """Keep `answer` (what JSON holds) in the transaction of the change. Raises `Conflict` where one is kept already."""
    work = context.work
    opened = context.asking.session_id if context.asking.session_id != claim.session_id else None
    row = IdempotentAnswer(
        owner_id=_subject(context.principal),
        session_id=opened,
        key_hash=claim.keys[0],
        place_hash=claim.places[0],
        request_hash=claim.requests[0],
        expires_at=work.now + context.limits.idempotency,
    )
    work.vault.seal(row, answer=answer)
    try:
        idempotency.add(work.session, row)
    except idempotency.AnswerTaken:
        raise Conflict("The same request is being carried out at this moment. Send it again for its answer.") from None


def _subject(principal: Principal) -> uuid.UUID | None:
    """The contributor with whose account an answer goes; None for staff."""
    return None if principal.kind is Kind.STAFF else principal.on_behalf_of or principal.id

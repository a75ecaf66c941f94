"""Challenges for passkeys: handed out, answered once, and used up by any answer, good or not."""

import base64
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fido2.webauthn import AttestedCredentialData

from resolvers import ceremonies
from resolvers.attempts import Attempt
from resolvers.ceremonies import Answer, NotProven, RelyingParty
from resolvers.context import Context
from resolvers.errors import Conflict, Keep
from storage import passkeys
from storage.ids import new_id
from storage.ledger import events
from storage.ledger.events import Outcome, SignInRefusal
from storage.passkeys import CHALLENGE_LASTS, Passkey, PasskeyChallenge, PasskeyUse
from storage.sessions import SubjectKind
from storage.work import UnitOfWork

_RANDOM_BYTES = 32
_ID_BYTES = 16


@dataclass(frozen=True)
class Asker:
    """Whose passkey is to sign, for what, and in which session, where there is one."""

    kind: SubjectKind
    id: uuid.UUID
    use: PasskeyUse
    session_id: uuid.UUID | None = None

    @property
    def subject(self) -> uuid.UUID | None:
        """Whom the trail names: contributors."""
        return self.id if self.kind is SubjectKind.CONTRIBUTOR else None


@dataclass(frozen=True)
class Unproven:
    """What was given proves nothing: why, and what must be written although nothing else is."""

    reason: SignInRefusal
    also: Keep | None = None


def site_of(context: Context) -> RelyingParty:
    """Whose passkeys they are here. Raises `Conflict` where the operator's public address has no name in it."""
    if context.house.site is None:
        raise Conflict("Passkeys need a server with a name: whoever runs this one sets MUNIMENT_PUBLIC_URL to it.")
    return context.house.site


def ask(work: UnitOfWork, asker: Asker) -> str:
    """Hand out a challenge, and record it; in the form in which browsers take it."""
    row = PasskeyChallenge(
        id=new_id(),
        kind=asker.kind,
        subject_id=asker.id,
        use=asker.use,
        session_id=asker.session_id,
        expires_at=work.now + CHALLENGE_LASTS,
    )
    challenge = row.id.bytes + secrets.token_bytes(_RANDOM_BYTES)
    work.vault.seal(row, challenge=challenge)
    passkeys.ask(work.session, row)
    work.record(events.PasskeyAsked(resource_id=row.id, subject_id=asker.subject, use=asker.use))
    return base64url(challenge)


def to_sign(context: Context, asker: Asker, known: Sequence[Passkey]) -> str:
    """What `navigator.credentials.get` takes, as JSON: a fresh challenge, for these passkeys. Raises as `site_of`."""
    site = site_of(context)
    ids = [credential(context.work, each).credential_id for each in known]
    return _options(site, ask(context.work, asker), ids)


def decoy(context: Context, attempt: Attempt) -> str:
    """Options as `to_sign` returns them for no passkeys, which none answers: for a wrong password at a limit.

    Raises as `site_of`.
    """
    site, work = site_of(context), context.work
    throttled = events.SessionThrottled(resource_id=None, subject_id=attempt.subject, failures=attempt.limit)
    work.record(throttled, Outcome.DENIED)
    return _options(site, base64url(new_id().bytes + secrets.token_bytes(_RANDOM_BYTES)), [])


def _options(site: RelyingParty, challenge: str, credential_ids: Sequence[bytes]) -> str:
    options: dict[str, Any] = {
        "challenge": challenge,
        "timeout": int(CHALLENGE_LASTS.total_seconds() * 1000),
        "rpId": site.id,
        "allowCredentials": [{"type": "public-key", "id": base64url(each)} for each in credential_ids],
        "userVerification": "required",
    }
    return json.dumps(options)


def described(work: UnitOfWork, passkey: Passkey) -> dict[str, str]:
    """The passkey as browsers are told of it."""
    return {"type": "public-key", "id": base64url(credential(work, passkey).credential_id)}


def credential(work: UnitOfWork, passkey: Passkey) -> AttestedCredentialData:
    """The id and public key of a passkey."""
    return AttestedCredentialData(work.vault.open_as_system(passkey, "credential", reason="passkey"))


def taken(work: UnitOfWork, asker: Asker, answer: Answer) -> bytes:
    """The challenge that this answers, which is used up by it. Raises `NotProven` for one that is not theirs."""
    if len(answer.challenge) != _ID_BYTES + _RANDOM_BYTES:
        raise NotProven(SignInRefusal.UNKNOWN_CHALLENGE)
    row = passkeys.waiting(work.session, _id_of(answer), work.now)
    if row is None or Asker(row.kind, row.subject_id, row.use, row.session_id) != asker:
        raise NotProven(SignInRefusal.UNKNOWN_CHALLENGE)
    challenge: bytes = work.vault.open_as_system(row, "challenge", reason="passkey")
    if not passkeys.use_up(work.session, row.id):
        raise NotProven(SignInRefusal.UNKNOWN_CHALLENGE)
    return challenge


def proven(context: Context, asker: Asker, known: Sequence[Passkey], answer: Answer) -> Unproven | None:
    """Whether one of `known` has signed a challenge of theirs: why not, or None where it has.

    A passkey whose count went back is marked: from then on it proves nothing. Raises as `site_of` does.
    """
    work, site = context.work, site_of(context)
    try:
        challenge = taken(work, asker, answer)
    except NotProven as refused:
        return Unproven(refused.reason)
    spent = spending(answer)
    found = next((one for one in known if credential(work, one).credential_id == answer.credential_id), None)
    if found is None:
        return Unproven(SignInRefusal.UNKNOWN_PASSKEY, spent)
    try:
        count = ceremonies.asserted(answer, challenge, site, credential(work, found), synced=found.synced)
    except NotProven as refused:
        return Unproven(refused.reason, spent)
    if found.copied_at is not None:
        return Unproven(SignInRefusal.COPIED_PASSKEY, spent)
    if not passkeys.use(work.session, found, count, work.now):
        return Unproven(SignInRefusal.COPIED_PASSKEY, partial(_give_up, _id_of(answer), found.id, asker.subject))
    return None


def spending(answer: Answer) -> Keep:
    """Use up the challenge that this answers although nothing else is kept."""
    return partial(_spend, _id_of(answer))


def refusing(asker: Asker, unproven: Unproven) -> Keep:
    """Record that somebody was refused, besides what the refusal itself leaves."""

    def keep(work: UnitOfWork) -> None:
        reason = unproven.reason
        refused = events.SessionRefused(resource_id=asker.session_id, subject_id=asker.subject, reason=reason)
        work.record(refused, Outcome.DENIED)

    return with_also(unproven, keep)


def with_also(unproven: Unproven, keep: Keep) -> Keep:
    """Keep both: what the refusal itself leaves, and what refusing leaves."""
    also = unproven.also

    def both(work: UnitOfWork) -> None:
        if also is not None:
            also(work)
        keep(work)

    return both if also is not None else keep


def base64url(data: bytes) -> str:
    """Bytes as Web Authentication writes them in JSON: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _id_of(answer: Answer) -> uuid.UUID:
    return uuid.UUID(bytes=answer.challenge[:_ID_BYTES])


def _spend(challenge_id: uuid.UUID, work: UnitOfWork) -> None:
    passkeys.use_up(work.session, challenge_id)


def _give_up(challenge_id: uuid.UUID, passkey_id: uuid.UUID, subject: uuid.UUID | None, work: UnitOfWork) -> None:
    _spend(challenge_id, work)
    passkeys.mark_copied(work.session, passkey_id, work.now)
    work.record(events.PasskeyCopied(resource_id=passkey_id, subject_id=subject), Outcome.DENIED)

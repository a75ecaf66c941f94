"""Passkeys of one's own account: registering one, seeing which there are, and doing without one again.

Proving one is part of signing in and stepping up (`resolvers.sessions`). What comes from an authenticator is compared
in `resolvers.ceremonies`.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from policies.actions import Action
from policies.errors import NotFound
from policies.principals import Kind
from resolvers import ceremonies, challenges
from resolvers.ceremonies import ALGORITHMS, NotProven
from resolvers.challenges import Asker, Unproven, base64url
from resolvers.context import Context
from resolvers.credential_notices import Change, notify
from resolvers.errors import Conflict, Unauthenticated
from resolvers.factors import address_of, held, locked, new_recovery_codes, stepped_up, without
from storage import accounts, factors, passkeys
from storage.ids import new_id
from storage.ledger import events
from storage.passkeys import CHALLENGE_LASTS, Passkey, PasskeyUse
from storage.sessions import Session, SubjectKind

MOST = 10
"""Passkeys that one account may have."""


@dataclass(frozen=True)
class Enrolled:
    """A passkey that is in force, and recovery codes, which are shown this once; none where there are some already."""

    passkey: Passkey
    recovery_codes: list[str]


def enrol(context: Context) -> str:
    """Begin to register a passkey; answers what `navigator.credentials.create` takes, as JSON.

    Raises as `factors.enrol` does, and `Conflict` where there are as many as there may be, or this server has no name.
    """
    session, site = stepped_up(context), challenges.site_of(context)
    known = held(context.work, session.kind, session.subject_id).passkeys
    _demand_room(known)
    name = address_of(context, session)
    options: dict[str, Any] = {
        "rp": {"id": site.id, "name": context.work.store.origin},
        "user": {"id": base64url(session.subject_id.bytes), "name": name, "displayName": name},
        "challenge": challenges.ask(context.work, _asker(session)),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": int(CHALLENGE_LASTS.total_seconds() * 1000),
        "excludeCredentials": [challenges.described(context.work, each) for each in known],
        "authenticatorSelection": {"residentKey": "preferred", "userVerification": "required"},
        "attestation": "none",
    }
    return json.dumps(options)


def confirm(context: Context, credential: str) -> Enrolled:
    """Put a new passkey in force by what its authenticator answered; every other session ends.

    Raises as `enrol` does, `BadInput` for what can't be an answer, and `Unauthenticated` for one that proves nothing:
    its challenge is used up then too.
    """
    session, work, site = stepped_up(context), context.work, challenges.site_of(context)
    answer = ceremonies.registration(credential, "credential")
    asker, mine = _asker(session), held(work, session.kind, session.subject_id)
    _demand_room(mine.passkeys)
    spent = None
    try:
        challenge = challenges.taken(work, asker, answer)
        spent = challenges.spending(answer)
        made = ceremonies.registered(answer, challenge, site)
    except NotProven as refused:
        keep = challenges.refusing(asker, Unproven(refused.reason, spent))
        raise Unauthenticated(ceremonies.TOLD[refused.reason], field="credential", keep=keep) from None
    if any(challenges.credential(work, each).credential_id == made.credential_id for each in mine.passkeys):
        raise Conflict("This passkey is registered already.", field="credential")
    row = Passkey(
        id=new_id(),
        kind=session.kind,
        subject_id=session.subject_id,
        sign_count=answer.data.counter,
        synced=answer.data.is_backup_eligible(),
    )
    work.vault.seal(row, credential=bytes(made))
    work.session.add(row)
    session.second_factor_at = work.now
    accounts.revoke_sessions(work.session, session.subject_id, except_for=session.id)
    notify(work, session, Change.PASSKEY_ENROLLED)
    work.record(events.PasskeyEnrolled(resource_id=row.id, subject_id=asker.subject, synced=row.synced))
    there = factors.unused_codes(work.session, session.subject_id)
    return Enrolled(row, [] if there else new_recovery_codes(work, session.subject_id))


def remove(context: Context, passkey_id: uuid.UUID) -> None:
    """Do without a passkey. Raises as `factors.enrol` does, `NotFound` for one that is not the account's, and
    `Conflict` for the last second factor of staff.
    """
    session, work = stepped_up(context), context.work
    mine = locked(work, session)
    found = next((each for each in mine.passkeys if each.id == passkey_id), None)
    if found is None:
        raise NotFound("Passkey", Action.REVOKE)
    last = mine.app is None and not any(each.id != passkey_id for each in mine.good)
    if last and session.kind is SubjectKind.STAFF:
        raise Conflict("Staff work with a second factor, and this is your last. Register another passkey first.")
    passkeys.remove(work.session, found)
    without(work, session, last=last)
    notify(work, session, Change.PASSKEY_REMOVED)
    work.record(events.PasskeyRemoved(resource_id=passkey_id, subject_id=_asker(session).subject))


def of_caller(context: Context) -> list[Passkey]:
    """The passkeys of whoever asks, oldest first. Raises `Unauthenticated` for an API key, which has none."""
    kinds = {Kind.CONTRIBUTOR: SubjectKind.CONTRIBUTOR, Kind.STAFF: SubjectKind.STAFF}
    kind, caller = kinds.get(context.principal.kind), context.principal.id
    if kind is None or caller is None:
        raise Unauthenticated("This needs a session: sign in with e-mail and password. An API key won't do.")
    return passkeys.of_account(context.work.session, kind, caller)


def model_of(context: Context, passkey: Passkey) -> str:
    """The model of a passkey's authenticator (AAGUID), as a UUID is written; zeros where it says none."""
    return str(challenges.credential(context.work, passkey).aaguid)


def _demand_room(known: tuple[Passkey, ...]) -> None:
    if len(known) >= MOST:
        raise Conflict(f"An account has {MOST} passkeys at most: remove one first.")


def _asker(session: Session) -> Asker:
    return Asker(session.kind, session.subject_id, PasskeyUse.REGISTER, session.id)

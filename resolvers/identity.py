"""Who is calling: a bearer token becomes a `Principal`."""

import hashlib
import re
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from policies.actions import Action
from policies.errors import NotFound, StepUpRequired
from policies.principals import ANONYMOUS, Kind, Principal, Scope
from resolvers import federation, networks
from resolvers.context import Asking
from resolvers.denial_summaries import DenialSummaries
from resolvers.errors import MfaRequired, Unauthenticated
from resolvers.house import House
from resolvers.issuers import Issuer
from resolvers.refusals import Refusal
from resolvers.tickets import Bearer, Purpose, Ticket
from storage import accounts
from storage import federation as identities
from storage.clock import now
from storage.database import Transaction, transaction
from storage.federation import FederatedIdentity
from storage.ledger.events import ApiKeyNewPlace, CredentialReason, Resource
from storage.ledger.scope import AuditScope
from storage.networks import MOST
from storage.sessions import ApiKey, Session, SubjectKind
from storage.vault import Vault

SESSION_TOKEN = "mun_s_"  # noqa: S105 - a prefix, so that secret scanners recognise what follows it
API_KEY = "mun_k_"
log = structlog.get_logger("muniment.identity")
_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{1,200}")
_NOTE_USE_EVERY = timedelta(minutes=1)


class _Caller(NamedTuple):
    principal: Principal
    analysed: bool = False
    throttled: bool = False


def new_token(prefix: str) -> str:
    """A bearer token with 256 random bits behind its prefix."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept of an API key, sealed: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def identify(
    house: House, token: str | None, *, ip_address: str | None = None, user_agent: str | None = None
) -> Asking:
    """The principal behind `token`, with the request's facts. Without a token: nobody.

    The token is a session's, an API key, or one that the configured issuer signed.

    Raises `Unauthenticated` for a token that is unknown, expired or revoked: a caller who thinks they are signed in
    must hear that they are not. Raises `MfaRequired` for a session of staff that was begun without a second factor.
    """
    caller, session_id, identity_id = _Caller(ANONYMOUS), None, None
    kind = "Platform"
    try:
        if token is not None and house.issuer is not None and federation.looks_like_one(token):
            kind = "FederatedIdentity"
            caller, identity_id = _by_issuer(house, house.issuer, token)
        elif token is not None:
            found = None
            if _WELL_FORMED.fullmatch(token):
                kind = "ApiKey" if token.startswith(API_KEY) else "Session"
                if token.startswith(API_KEY):
                    found = _by_api_key(house, token, ip_address, user_agent)
                else:
                    found = _by_session(house, token)
            if found is None:
                raise Unauthenticated("This token is not valid (any more). Sign in again.")
            caller, session_id = found
        if _lacks_second_factor(caller.principal):
            raise MfaRequired("Staff work with a second factor: sign in again, with one.")
    except (Unauthenticated, MfaRequired) as refused:
        scope = _stranger(house, ip_address, user_agent)
        if house.denials is not None:
            house.denials.add(scope, Refusal("authenticate", kind, refused.code.value))
            if token is not None and kind in ("ApiKey", "Session"):
                _count_credential(house, house.denials, scope, token)
        raise
    return Asking(
        caller.principal,
        session_id,
        ip_address=ip_address,
        user_agent=user_agent[:400] if user_agent else None,
        correlation_id=uuid.uuid4(),
        identity_id=identity_id,
        analysed=caller.analysed,
        throttled=caller.throttled,
    )


def _stranger(house: House, ip_address: str | None, user_agent: str | None) -> AuditScope:
    kind, version = Kind.ANONYMOUS.value, house.policy.version
    return AuditScope("api", kind, None, None, ip_address, user_agent, uuid.uuid4(), version)


def _count_credential(house: House, denials: DenialSummaries, scope: AuditScope, token: str) -> None:
    """Count the use of a credential that was ended or suspended, and of an API key's prefix with a wrong secret."""
    with transaction(house.store.engine, read_only=True) as reading:
        if token.startswith(API_KEY):
            prefix, _, secret = token.removeprefix(API_KEY).partition("_")
            key = accounts.api_key_by_prefix(reading, prefix)
            if key is None or key.expires_at <= now():
                return
            reason = CredentialReason.SUSPENDED if key.suspended_at is not None else None
            if key.revoked_at is not None:
                reason = CredentialReason.REVOKED
            if not Vault(house.store.keyring).matches(key, "secret_digest", digest(secret)):
                reason = CredentialReason.WRONG_SECRET
            if reason is None:
                return
            denials.add_credential(scope, Resource.API_KEY, key.id, key.owner_id, reason)
            return
        session = accounts.revoked_session(reading, house.store.keyring.keyed_hashes("session", token))
        if session is not None:
            subject = session.subject_id if session.kind is SubjectKind.CONTRIBUTOR else None
            denials.add_credential(scope, Resource.SESSION, session.id, subject, CredentialReason.REVOKED)


def principal_of_session(house: House, session_id: uuid.UUID) -> Principal | None:
    """The principal of a session; None once it has ended."""
    with transaction(house.store.engine, read_only=True) as reading:
        session = accounts.live_session_by_id(reading, session_id)
        caller = None if session is None else _of_session(reading, session)
    return None if caller is None or _lacks_second_factor(caller.principal) else caller.principal


def identify_bearer(house: House, ticket: Ticket) -> Principal:
    """The principal whose request minted `ticket`.

    Raises `NotFound` once their session or key has ended, and `StepUpRequired` for an export while it is held.
    """
    found: Session | ApiKey | FederatedIdentity | None
    with transaction(house.store.engine, read_only=True) as reading:
        if ticket.bearer is Bearer.SESSION:
            found = accounts.live_session_by_id(reading, ticket.bearer_id)
            caller = None if found is None else _of_session(reading, found)
        elif ticket.bearer is Bearer.IDENTITY:
            found = identities.by_id(reading, ticket.bearer_id)
            until = None if found is None else found.tokens_refused_until
            if until is not None and ticket.expires_at - house.limits.ticket <= until:
                raise NotFound("Ticket")
            # Whoever minted it had proven a second factor, if they are staff: without one nothing is answered.
            caller = None if found is None else _of_account(reading, found.kind, found.subject_id, mfa=True)
        else:
            found = accounts.live_api_key_by_id(reading, ticket.bearer_id)
            caller = None if found is None else _of_api_key(reading, found)
    if found is None or caller is None or _lacks_second_factor(caller.principal):
        raise NotFound("Ticket")
    if ticket.purpose is Purpose.EXPORT and isinstance(found, Session | ApiKey) and found.exports_held_at is not None:
        raise StepUpRequired("Export", Action.EXPORT)
    return caller.principal


def _lacks_second_factor(principal: Principal) -> bool:
    return principal.kind is Kind.STAFF and not principal.mfa


def _by_session(house: House, token: str) -> tuple[_Caller, uuid.UUID | None] | None:
    hashes = house.store.keyring.keyed_hashes("session", token)
    signed_in = accounts.signed_in(house.store.engine, hashes)
    if signed_in is not None:
        principal = _of_contributor(signed_in)
        return _Caller(principal, bool(signed_in.analytics), _is_throttled(signed_in)), signed_in.id
    with transaction(house.store.engine, read_only=True) as reading:
        session = accounts.live_session(reading, hashes)
        caller = None if session is None else _of_session(reading, session)
        if session is not None and caller is not None:
            return caller._replace(throttled=_is_throttled(session)), session.id
        owner = accounts.receipt_owner(reading, hashes)
        return None if owner is None else (_Caller(Principal(Kind.DEPARTING, owner)), None)


def _of_contributor(session: accounts.SignedIn) -> Principal:
    stepped_up = session.stepped_up_until is not None and session.stepped_up_until > now()
    mfa = session.second_factor_at is not None
    return Principal(Kind.CONTRIBUTOR, session.subject_id, mfa=mfa, stepped_up=stepped_up)


def _is_throttled(credential: accounts.SignedIn | Session | ApiKey | FederatedIdentity) -> bool:
    return credential.throttled_until is not None and credential.throttled_until > now()


def _by_issuer(house: House, issuer: Issuer, token: str) -> tuple[_Caller, uuid.UUID]:
    """Whose account a token of the configured issuer is for. Nobody steps up by one: that needs a session.

    An access token does what its scopes say, as an API key does.
    """
    said = issuer.verified(token)
    with transaction(house.store.engine, read_only=True) as reading:
        tie = identities.by_name(reading, federation.lookups(house, said))
        caller = None if tie is None else _of_account(reading, tie.kind, tie.subject_id, mfa=said.mfa)
        has_factor = tie is not None and federation.has_second_factor(reading, tie.kind, tie.subject_id)
    if tie is None or caller is None:
        log.info("token.refused", reason="NOT_LINKED")
        raise Unauthenticated(
            "This identity is tied to no account here: sign in with a password, and call linkIdentity."
        )
    if tie.tokens_refused_until is not None and said.issued_at < int(tie.tokens_refused_until.timestamp()) + 1:
        log.info("token.refused", reason="REVOKED", claim="iat")
        raise Unauthenticated("The sessions of this account were ended. Sign in again at the provider.")
    if not said.mfa and (has_factor or tie.kind is SubjectKind.STAFF):
        log.info("token.refused", reason="SECOND_FACTOR_MISSING", claim="amr")
        raise MfaRequired("This account needs a second factor: sign in at the provider with more than a password.")
    if said.scopes is not None:
        if tie.kind is SubjectKind.STAFF:
            log.info("token.refused", reason="STAFF_BY_ACCESS_TOKEN")
            raise Unauthenticated("Staff sign in with an ID token or a session, not with an access token.")
        limited = Principal(Kind.API_KEY, tie.id, scopes=said.scopes, on_behalf_of=tie.subject_id)
        caller = caller._replace(principal=limited)
    issued = datetime.fromtimestamp(said.issued_at, UTC)
    if issued > now():
        _note_issued(house, caller.principal, tie.id, issued)
    return caller._replace(throttled=_is_throttled(tie)), tie.id


def _note_issued(house: House, caller: Principal, tie: uuid.UUID, issued: datetime) -> None:
    kind, version = caller.kind.value, house.policy.version
    scope = AuditScope("api", kind, caller.id, caller.on_behalf_of, None, None, uuid.uuid4(), version)
    with house.store.begin(scope) as work:
        identities.note_issued(work.session, tie, issued)


def _of_session(reading: Transaction, session: Session) -> _Caller | None:
    stepped_up = session.stepped_up_until is not None and session.stepped_up_until > now()
    mfa = session.second_factor_at is not None
    return _of_account(reading, session.kind, session.subject_id, mfa=mfa, stepped_up=stepped_up)


def _of_account(
    reading: Transaction, kind: SubjectKind, subject: uuid.UUID, *, mfa: bool, stepped_up: bool = False
) -> _Caller | None:
    if kind is SubjectKind.STAFF:
        roles = accounts.roles_of(reading, subject)
        return _Caller(Principal(Kind.STAFF, subject, roles=roles, mfa=mfa, stepped_up=stepped_up), analysed=True)
    analysed = accounts.may_be_analysed(reading, subject)
    if analysed is None:
        return None
    return _Caller(Principal(Kind.CONTRIBUTOR, subject, mfa=mfa, stepped_up=stepped_up), analysed)


def _of_api_key(reading: Transaction, key: ApiKey) -> _Caller | None:
    analysed = accounts.may_be_analysed(reading, key.owner_id)
    if analysed is None:
        return None
    held = frozenset({Scope.EXPORT}) if key.exports_held_at is not None else frozenset[str]()
    scopes = frozenset(key.scopes) - held
    principal = Principal(Kind.API_KEY, key.id, scopes=scopes, on_behalf_of=key.owner_id)
    return _Caller(principal, analysed, _is_throttled(key))


def _by_api_key(
    house: House, token: str, ip_address: str | None, user_agent: str | None
) -> tuple[_Caller, uuid.UUID | None] | None:
    prefix, _, secret = token.removeprefix(API_KEY).partition("_")
    with transaction(house.store.engine, read_only=True) as reading:
        key = accounts.live_api_key(reading, prefix)
        if key is None or not Vault(house.store.keyring).matches(key, "secret_digest", digest(secret)):
            return None
        caller = _of_api_key(reading, key)
        last_used = key.last_used_at
    if caller is None:
        return None
    if last_used is None or last_used < now() - _NOTE_USE_EVERY:
        _note_use(house, caller.principal, ip_address, user_agent)
    return caller, None


def _note_use(house: House, key: Principal, ip_address: str | None, user_agent: str | None) -> None:
    """Note that a key was used now, and tell of a network that it was never seen in."""
    scope = AuditScope(
        "api", key.kind.value, key.id, key.on_behalf_of, ip_address, user_agent, uuid.uuid4(), house.policy.version
    )
    with house.store.begin(scope) as work:
        row = None if key.id is None else accounts.live_api_key_by_id(work.session, key.id)
        if row is None:
            return
        accounts.touch_api_key(work.session, row.id)
        seen_in = len(networks.known(work, row))
        if seen_in < MOST and networks.is_new(work, row, ip_address):
            moved = ApiKeyNewPlace(resource_id=row.id, subject_id=row.owner_id, known_count=seen_in)
            work.record(moved)

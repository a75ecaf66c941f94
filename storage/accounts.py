"""Look-ups by which a caller is recognised: there is no principal yet, so they stand beside the door. No content."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BindParameter, Engine, Update, bindparam, false, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as Transaction

from storage import federation
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus, PrivacyPreferences
from storage.database import looking
from storage.deletions import Deletion, DeletionReceipt
from storage.records import UtcDateTime
from storage.sessions import ApiKey, Session, SubjectKind
from storage.staff import StaffMember, held
from storage.statements import Question

Lookups = Sequence[bytes]
"""What something may have been written down as: under the key in use, or one that it is just taking over from."""

_ADDING = 0x6D756E6B  # any number does that nothing else on that server locks


class AlreadyExists(Exception):
    """A row with this unique value is there already."""


@dataclass(frozen=True)
class Account:
    """An account found by its e-mail's keyed hash. `row` is a Contributor or a StaffMember."""

    kind: SubjectKind
    row: Contributor | StaffMember


def add_account(transaction: Transaction, lookups: Lookups, *rows: object) -> None:
    """Add the rows of an account at once. Raises `AlreadyExists` where its e-mail is taken.

    While the key of the look-ups is rotated an e-mail may be written down under either; whoever could then write down
    the one does so alone, and looks for the other first.
    """
    if len(lookups) > 1:
        _demand_free(transaction, lookups)
    add_unique(transaction, *rows)


def move_account(transaction: Transaction, lookups: Lookups, row: Contributor) -> None:
    """Let an account be found under another e-mail from now on. Raises `AlreadyExists` where that is taken.

    An address that differs only in what the keyed hash leaves out is the same one.
    """
    if row.email_lookup not in lookups:
        _demand_free(transaction, lookups)
        row.email_lookup = lookups[0]
    row.email_refused_at = None
    add_unique(transaction, row)


def lock_contributor(transaction: Transaction, contributor_id: uuid.UUID) -> None:
    """Keep others from what takes this lock too, for the same contributor, until this transaction ends."""
    transaction.execute(select(Contributor.id).where(Contributor.id == contributor_id).with_for_update())


def _demand_free(transaction: Transaction, lookups: Lookups) -> None:
    if len(lookups) > 1 and transaction.get_bind().dialect.name == "postgresql":
        transaction.execute(select(func.pg_advisory_xact_lock(_ADDING)))
    if account_by_email(transaction, lookups) is not None:
        raise AlreadyExists


def add_unique(transaction: Transaction, *rows: object) -> None:
    """Add rows at once. Raises `AlreadyExists` where a unique value is taken."""
    transaction.add_all(rows)
    try:
        transaction.flush()
    except IntegrityError as error:
        raise AlreadyExists from error


def account_by_email(transaction: Transaction, lookups: Lookups) -> Account | None:
    """The account under this e-mail, contributors before staff; None where there is none or it is being erased.

    Both are asked in any case: how much is asked says nothing about what is there.
    """
    contributor = transaction.scalar(_CONTRIBUTOR_BY_EMAIL, {"lookups": list(lookups)})
    member = transaction.scalar(_STAFF_BY_EMAIL, {"lookups": list(lookups)})
    if contributor is not None:
        return Account(SubjectKind.CONTRIBUTOR, contributor)
    return None if member is None else Account(SubjectKind.STAFF, member)


def account_of(transaction: Transaction, kind: SubjectKind, subject: uuid.UUID) -> Account | None:
    """The account with this id."""
    row: Contributor | StaffMember | None
    if kind is SubjectKind.CONTRIBUTOR:
        row = transaction.get(Contributor, subject)
    else:
        row = transaction.get(StaffMember, subject)
    return None if row is None else Account(kind, row)


# Asked for each request, and so built once: building a statement takes longer than these take to run.
_LIVE_SESSION = select(Session).where(
    Session.token_hash.in_(bindparam("hashes", expanding=True)),
    Session.expires_at > bindparam("at", type_=UtcDateTime()),
    Session.revoked_at.is_(None),
)
_LOOKUPS: BindParameter[bytes] = bindparam("lookups", expanding=True)
_CONTRIBUTOR_BY_EMAIL = select(Contributor).where(
    Contributor.email_lookup.in_(_LOOKUPS), Contributor.status == ContributorStatus.ACTIVE
)
_STAFF_BY_EMAIL = select(StaffMember).where(StaffMember.email_lookup.in_(_LOOKUPS))
_LIVE_API_KEY = select(ApiKey).where(
    ApiKey.prefix == bindparam("prefix"),
    ApiKey.expires_at > bindparam("at", type_=UtcDateTime()),
    ApiKey.revoked_at.is_(None),
    ApiKey.suspended_at.is_(None),
)
_RECEIPT_OWNER = (
    select(Deletion.owner_id)
    .join(DeletionReceipt, DeletionReceipt.deletion_id == Deletion.id)
    .where(
        DeletionReceipt.token_hash.in_(bindparam("hashes", expanding=True)),
        DeletionReceipt.expires_at > bindparam("at", type_=UtcDateTime()),
    )
)
_PREFERENCES = Question(
    select(func.coalesce(PrivacyPreferences.analytics, false()).label("analytics"))
    .select_from(Contributor)
    .outerjoin(PrivacyPreferences, PrivacyPreferences.owner_id == Contributor.id)
    .where(Contributor.id == bindparam("contributor"), Contributor.status == ContributorStatus.ACTIVE)
)
_SIGNED_IN = Question(
    select(
        Session.id,
        Session.subject_id,
        Session.second_factor_at,
        Session.stepped_up_until,
        Session.throttled_until,
        func.coalesce(PrivacyPreferences.analytics, false()).label("analytics"),
    )
    .join(Contributor, Contributor.id == Session.subject_id)
    .outerjoin(PrivacyPreferences, PrivacyPreferences.owner_id == Contributor.id)
    .where(
        Session.token_hash.in_((bindparam("hash"), bindparam("older_hash"))),
        Session.expires_at > bindparam("at", type_=UtcDateTime()),
        Session.revoked_at.is_(None),
        Session.kind == SubjectKind.CONTRIBUTOR,
        Contributor.status == ContributorStatus.ACTIVE,
    )
)


class SignedIn(NamedTuple):
    """A contributor's session, and whether they let their use be analysed."""

    id: uuid.UUID
    subject_id: uuid.UUID
    second_factor_at: datetime | None
    stepped_up_until: datetime | None
    throttled_until: datetime | None
    analytics: bool


def signed_in(engine: Engine, hashes: Lookups) -> SignedIn | None:
    """The contributor's session with this token, if it and their account are in use.

    Asked for each request: one statement, past the unit of work.
    """
    if len(hashes) > 2:
        return None
    with looking(engine) as connection:
        found = _SIGNED_IN.ask(connection, {"hash": hashes[0], "older_hash": hashes[-1], "at": now()})
    if not found.rows:
        return None
    [values] = zip(*map(found.column, range(len(found.names))), strict=True)
    return SignedIn(*values)


def live_session(transaction: Transaction, hashes: Lookups) -> Session | None:
    """The session with this token, unless it has expired or was revoked."""
    return transaction.scalar(_LIVE_SESSION, {"hashes": list(hashes), "at": now()})


def last_session_end(transaction: Transaction, before: datetime) -> datetime | None:
    """When the last of the sessions ends that were begun before `before` and are live; None if there is none."""
    live = Session.revoked_at.is_(None) & (Session.created_at < before)
    return transaction.scalar(select(func.max(Session.expires_at)).where(live))


def may_be_analysed(transaction: Transaction, contributor: uuid.UUID) -> bool | None:
    """Whether somebody lets their use be analysed; None where there is no account of theirs that is in use."""
    transaction.flush()
    found = _PREFERENCES.ask(transaction.connection(), {"contributor": contributor}).column(0)
    return bool(found[0]) if found else None


def roles_of(transaction: Transaction, staff: uuid.UUID) -> frozenset[str]:
    """The roles a member of staff holds now."""
    return frozenset(role.value for role in held(transaction, staff, now()))


def live_session_by_id(transaction: Transaction, session: uuid.UUID) -> Session | None:
    """The session with this id, unless it has expired or was revoked."""
    row = transaction.get(Session, session)
    return None if row is None or row.revoked_at is not None or row.expires_at <= now() else row


def live_api_key_by_id(transaction: Transaction, key: uuid.UUID) -> ApiKey | None:
    """The API key with this id, unless it has expired, was revoked, or is suspended."""
    row = transaction.get(ApiKey, key)
    ended = row is None or row.revoked_at is not None or row.suspended_at is not None
    return None if row is None or ended or row.expires_at <= now() else row


def live_api_key(transaction: Transaction, prefix: str) -> ApiKey | None:
    """The API key with this prefix, unless it has expired, was revoked, or is suspended."""
    return transaction.scalar(_LIVE_API_KEY, {"prefix": prefix, "at": now()})


def api_key_by_prefix(transaction: Transaction, prefix: str) -> ApiKey | None:
    """The API key with this prefix, whether or not it is in use."""
    return transaction.scalar(select(ApiKey).where(ApiKey.prefix == prefix))


def revoked_session(transaction: Transaction, hashes: Lookups) -> Session | None:
    """The session with this token, if it was ended before its time and that time has not come."""
    ended = Session.revoked_at.is_not(None) & (Session.expires_at > now())
    return transaction.scalar(select(Session).where(Session.token_hash.in_(list(hashes)), ended))


def touch_api_key(transaction: Transaction, key: uuid.UUID) -> None:
    """Note that the key was used now."""
    transaction.execute(update(ApiKey).where(ApiKey.id == key).values(last_used_at=now()))


def receipt_owner(transaction: Transaction, hashes: Lookups) -> uuid.UUID | None:
    """Whose deletion this receipt lets its bearer watch."""
    return transaction.scalar(_RECEIPT_OWNER, {"hashes": list(hashes), "at": now()})


def leave_receipts(transaction: Transaction, subject: uuid.UUID, deletion: uuid.UUID) -> None:
    """Let the bearer of each live session of an account watch its deletion, when the sessions themselves end."""
    live = select(Session).where(
        Session.subject_id == subject, Session.revoked_at.is_(None), Session.expires_at > now()
    )
    for each in transaction.scalars(live):
        receipt = DeletionReceipt(token_hash=each.token_hash, deletion_id=deletion, expires_at=each.expires_at)
        transaction.merge(receipt)


def revoke_sessions(transaction: Transaction, subject: uuid.UUID, *, except_for: uuid.UUID | None = None) -> int:
    """End every session of an account, and each token of its issuer; returns how many sessions were live."""
    ended = update(Session).where(Session.subject_id == subject, Session.revoked_at.is_(None))
    if except_for is not None:
        ended = ended.where(Session.id != except_for)
    federation.refuse_tokens(transaction, subject, now())
    return _changed(transaction, ended.values(revoked_at=now()))


def revoke_api_keys(transaction: Transaction, owner: uuid.UUID) -> int:
    """End every API key of a contributor; answers how many were live."""
    ended = update(ApiKey).where(ApiKey.owner_id == owner, ApiKey.revoked_at.is_(None)).values(revoked_at=now())
    return _changed(transaction, ended)


def _changed(transaction: Transaction, statement: Update) -> int:
    """How many rows the statement changed."""
    return transaction.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]

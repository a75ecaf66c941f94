"""What is done with a credential at once, without a person. It meets sessions, keys and grants, never an account.

Gently first: who proves anew that it is they goes on exporting, and who is slowed down is so for a quarter of an hour.
"""

import enum
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Update, or_, select, update
from sqlalchemy.orm import Session as Transaction

from storage import accounts, federation, grants
from storage.federation import FederatedIdentity
from storage.grants import AccessGrant
from storage.sessions import ApiKey, Session

THROTTLED_FOR = timedelta(minutes=15)


class Measure(enum.StrEnum):
    """What a detection does with the credential that it met."""

    NONE = "NONE"
    HOLD_EXPORTS = "HOLD_EXPORTS"  # nothing is exported by it before its owner has proven anew who they are
    THROTTLE = "THROTTLE"  # it is answered so often a minute and no oftener, for a quarter of an hour
    SUSPEND_CREDENTIAL = "SUSPEND_CREDENTIAL"  # sessions and grants of staff end, an API key is suspended


@dataclass(frozen=True)
class Contained:
    """How many sessions and keys a measure met, and which grants ended, each with whether it had begun."""

    sessions: int = 0
    keys: int = 0
    grants: tuple[tuple[AccessGrant, bool], ...] = ()


def carry_out(session: Transaction, measure: Measure, kind: str, actor_id: uuid.UUID, moment: datetime) -> Contained:
    """Do with the credential of an actor of this kind what the measure says. Whoever has it already is left alone."""
    match measure:
        case Measure.HOLD_EXPORTS:
            return _hold(session, kind, actor_id, moment)
        case Measure.THROTTLE:
            return _throttle(session, kind, actor_id, moment)
        case Measure.SUSPEND_CREDENTIAL:
            return _suspend(session, kind, actor_id, moment)
    return Contained()


def release_exports(session: Transaction, session_id: uuid.UUID, owner: uuid.UUID) -> None:
    """Somebody has proven who they are, in this session: it exports again, and so do the keys that they own."""
    _changed(session, update(Session).where(Session.id == session_id).values(exports_held_at=None))
    _changed(session, update(ApiKey).where(ApiKey.owner_id == owner).values(exports_held_at=None))


def lift(session: Transaction, key_id: uuid.UUID) -> uuid.UUID | None:
    """Let an API key do again what measures keep it from; answers whose it is, None where nothing does."""
    columns = (ApiKey.suspended_at, ApiKey.exports_held_at, ApiKey.throttled_until)
    kept = or_(*(column.is_not(None) for column in columns))
    row = session.scalar(select(ApiKey).where(ApiKey.id == key_id, kept).with_for_update())
    if row is None:
        return None
    row.suspended_at = row.exports_held_at = row.throttled_until = None
    return row.owner_id


def _hold(session: Transaction, kind: str, actor_id: uuid.UUID, moment: datetime) -> Contained:
    if kind == "API_KEY":
        held = update(ApiKey).where(_live_key(actor_id), ApiKey.exports_held_at.is_(None))
        return Contained(keys=_changed(session, held.values(exports_held_at=moment)))
    held = update(Session).where(_live_sessions(actor_id), Session.exports_held_at.is_(None))
    # What was proven before counts no more: whoever holds the token has to prove it now.
    return Contained(sessions=_changed(session, held.values(exports_held_at=moment, stepped_up_until=None)))


def _throttle(session: Transaction, kind: str, actor_id: uuid.UUID, moment: datetime) -> Contained:
    until = moment + THROTTLED_FOR
    if kind == "API_KEY":
        slowed = update(ApiKey).where(_live_key(actor_id)).values(throttled_until=until)
        by_token = update(FederatedIdentity).where(FederatedIdentity.id == actor_id).values(throttled_until=until)
        return Contained(keys=_changed(session, slowed) + _changed(session, by_token))
    tie = update(FederatedIdentity).where(FederatedIdentity.subject_id == actor_id).values(throttled_until=until)
    slowed = update(Session).where(_live_sessions(actor_id)).values(throttled_until=until)
    return Contained(sessions=_changed(session, tie) + _changed(session, slowed))


def _suspend(session: Transaction, kind: str, actor_id: uuid.UUID, moment: datetime) -> Contained:
    if kind == "API_KEY":
        suspended = update(ApiKey).where(_live_key(actor_id)).values(suspended_at=moment)
        return Contained(keys=_changed(session, suspended) + federation.forget_tie(session, actor_id))
    ended = accounts.revoke_sessions(session, actor_id)
    federation.forget(session, actor_id)  # a token of an issuer would outlive them: whoever signs in ties it anew
    return Contained(sessions=ended, grants=tuple(grants.end_of(session, actor_id, moment)))


def _live_key(key_id: uuid.UUID) -> ColumnElement[bool]:
    return (ApiKey.id == key_id) & ApiKey.revoked_at.is_(None) & ApiKey.suspended_at.is_(None)


def _live_sessions(subject: uuid.UUID) -> ColumnElement[bool]:
    return (Session.subject_id == subject) & Session.revoked_at.is_(None)


def _changed(session: Transaction, statement: Update) -> int:
    changed = session.execute(statement, execution_options={"synchronize_session": False})
    return changed.rowcount  # type: ignore[attr-defined, no-any-return]

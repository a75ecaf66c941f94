"""Locking the platform down, and opening it again: by two of staff, or by whoever runs the server at its command line.

Every process knows of it within a second: it looks twice a second by an index, and PostgreSQL tells it at once.
"""

import uuid
from datetime import datetime, timedelta

import structlog

from policies.actions import Action
from policies.force import InForce
from policies.principals import ANONYMOUS
from resolvers import inputs
from resolvers.context import Asking, Context
from resolvers.errors import BadInput, Conflict
from resolvers.house import House
from storage import lockdowns
from storage.bells import RIGHTS
from storage.clock import now
from storage.database import transaction
from storage.ids import new_id
from storage.ledger.events import LockdownBegun, LockdownEnded
from storage.lockdowns import AlreadyLockedDown, Lockdown, LockdownEnding, LockdownStatus
from storage.work import Store, UnitOfWork

LONGEST_HOURS = 168
"""How long a lock-down may be on at the most; another one can follow, with another reason."""
USUAL_HOURS = 24

log = structlog.get_logger("muniment.lockdown")


def follow(store: Store, force: InForce) -> bool:
    """Take over what the database says of a lock-down; whether that is news here."""
    with force.looking:
        before = force.lockdown
        with transaction(store.engine, read_only=True) as session:
            found = lockdowns.standing(session, now())
        force.lockdown = found
    if found == before:
        return False
    if found is not None:
        log.warning("the platform is locked down", since=found.since.isoformat(), until=found.until.isoformat())
    else:
        log.warning("the platform is open again")
    return True


def noticed(context: Context) -> None:
    """What was just decided holds in this process from the next request on; whoever follows something looks again."""
    if follow(context.house.store, context.house.force):
        context.house.bell.ring(RIGHTS)


def begin(context: Context, reason: str, hours: int) -> Lockdown:
    """Lock the platform down from this moment on.

    Raises Forbidden, StepUpRequired, `BadInput` for a reason or a time that is none, `Conflict` where it is already.
    """
    context.access.check(Action.LOCK_DOWN)
    lockdown = _begun(context.work, reason, hours, context.caller_id)
    return context.access.get(Lockdown, lockdown.id, Action.READ)


def end(context: Context, lockdown_id: uuid.UUID) -> Lockdown:
    """Open it again, as another person than whoever locked it down. Raises `Conflict` for one that is over."""
    lockdown = context.access.get(Lockdown, lockdown_id, Action.END)
    work = context.work
    if lockdowns.lock(work.session, lockdown) is not LockdownStatus.ACTIVE or lockdown.expires_at <= work.now:
        raise Conflict("This lock-down is over.")
    _end(work, lockdown, LockdownEnding.SECOND_PERSON, context.caller_id)
    return lockdown


def begin_at_machine(house: House, reason: str, hours: int) -> datetime:
    """Lock down without anybody signed in; answers until when. Raises `BadInput` and `Conflict`."""
    with Context(house, Asking(ANONYMOUS)).writing("lock_down") as context:
        return _begun(context.work, reason, hours, None).expires_at


def end_at_machine(house: House) -> None:
    """Open it again without anybody signed in. Raises `Conflict` where there is no lock-down."""
    with Context(house, Asking(ANONYMOUS)).writing("end_lockdown") as context:
        found = lockdowns.active(context.work.session, context.work.now)
        if found is None:
            raise Conflict("There is no lock-down.")
        _end(context.work, found, LockdownEnding.MACHINE, None)


def expire(work: UnitOfWork) -> bool:
    """Note of a lock-down whose time is up that it has ended, if nobody has; whether there was one.

    It held nobody back since: every process goes by its end.
    """
    over = lockdowns.expire(work.session, work.now)
    if over is None:
        return False
    lasted = int((over.expires_at - over.begun_at).total_seconds())
    work.record(
        LockdownEnded(resource_id=over.id, subject_id=None, ending=LockdownEnding.EXPIRED, lasted_seconds=lasted)
    )
    return True


def _begun(work: UnitOfWork, reason: str, hours: int, staff: uuid.UUID | None) -> Lockdown:
    inputs.text(reason, "reason", at_most=2_000, at_least=10)
    if not 1 <= hours <= LONGEST_HOURS:
        raise BadInput(f"hours lies between 1 and {LONGEST_HOURS}: a lock-down ends by itself.", field="hours")
    expire(work)  # one whose end nobody has noted yet stands in the way of no other
    lockdown = Lockdown(id=new_id(), begun_by=staff, begun_at=work.now, expires_at=work.now + timedelta(hours=hours))
    work.vault.seal(lockdown, reason=reason)
    try:
        lockdowns.begin(work.session, lockdown)
    except AlreadyLockedDown:
        raise Conflict("The platform is locked down already.") from None
    work.record(
        LockdownBegun(
            resource_id=lockdown.id, subject_id=None, lifetime_seconds=hours * 3600, at_the_machine=staff is None
        )
    )
    return lockdown


def _end(work: UnitOfWork, lockdown: Lockdown, ending: LockdownEnding, staff: uuid.UUID | None) -> None:
    lockdown.status, lockdown.ended_at, lockdown.ended_by = LockdownStatus.ENDED, work.now, staff
    work.session.flush()
    lasted = int((work.now - lockdown.begun_at).total_seconds())
    work.record(LockdownEnded(resource_id=lockdown.id, subject_id=None, ending=ending, lasted_seconds=lasted))

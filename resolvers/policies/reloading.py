"""Bringing another policy into force: one member of staff proposes it, a second one confirms the very same text."""

import re
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from policies.actions import Action
from policies.compiled import AT_MOST_BYTES, Policy, hash_of, version_of
from policies.errors import NotFound, PolicyError
from policies.workbench import approvals, checking, comparisons
from policies.workbench.comparisons import Change
from resolvers.context import Context
from resolvers.errors import BadInput, CodedError, Conflict
from resolvers.policies import standing
from storage import policies
from storage.database import Transaction
from storage.ids import new_id
from storage.ledger.events import (
    Identifier,
    Outcome,
    PolicyFault,
    PolicyProposed,
    PolicyRefusal,
    PolicyReloadFailed,
    PolicyReloadRefused,
)
from storage.policies import PolicyChange, PolicyOrigin, PolicyOvertaken
from storage.work import UnitOfWork

LIFE = timedelta(hours=24)
"""How long a proposal waits for its confirmation."""

TAKE_BACK = timedelta(days=7)
"""For how long after a change the policy before it may be proposed again without approvals."""

_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_TOLD = 4000


def prepare(context: Context) -> None:
    """Compile what may be proposed or confirmed before the transaction begins, which on SQLite others wait for."""
    if Action.RELOAD_POLICY not in context.access.platform():
        return
    with context.glance() as work:
        known = policies.newest(work.session)
        since = work.now - LIFE
        changes = [] if known is None else policies.waiting(work.session, known.number, since)
        sources = [policies.source_of(work.session, change.hash) or b"" for change in changes[:1]]
        before = None if known is None else policies.before(work.session, known, work.now - TAKE_BACK)
        sources += [] if before is None else [before[1]]
    with suppress(PolicyError):  # the use case finds it too, and says so
        sources.append(standing.read(context.house.sources))
    for source in sources:
        checking.check_source(source, context.house.sources.file.name)


def propose(context: Context, policy_hash: str) -> PolicyChange:
    """Propose the policy file as it is now, which must be the one of this hash. Nothing changes yet.

    The policy that was in force before the present one, for a week at most, is proposed by its hash alone: its text is
    in the database, and what it gives was given before. So a mistake is taken back by the two people who made it.

    Raises Forbidden; BadInput for another file, and for one that can't be served, with every finding; Conflict for
    rights that it gives and no approval names, and for the one in force.
    """
    context.access.check(Action.RELOAD_POLICY)
    _demand_hash(policy_hash)
    work = context.work
    before = _before(work.session, policy_hash, work.now)
    content = _file(context) if before is None else before
    found = hash_of(content)
    policy = _sound(context, content)
    if found != policy_hash:
        told = f"The policy file of this server has the hash {found}: propose what you have read."
        raise _kept_out(told, found, PolicyRefusal.NOT_PROPOSED, "hash")
    number = _in_force(context, found)
    changes = list(comparisons.changes(context.policy, policy))
    if before is None:
        _demand_approval(context, changes, found)
    try:
        policies.keep(work.session, policy.hash, policy.version, content)
    except PolicyOvertaken:
        raise Conflict("Somebody else proposed the same policy at this moment: look at the proposals.") from None
    change = PolicyChange(
        id=new_id(), hash=found, origin=PolicyOrigin.RELOAD, follows=number, proposed_by=context.principal.id
    )
    policies.propose(work.session, change)
    gained = sum(each.gained for each in changes)
    work.session.flush()
    work.record(
        PolicyProposed(
            resource_id=change.id,
            subject_id=None,
            version=Identifier(policy.version),
            gained_count=gained,
            lost_count=len(changes) - gained,
            taken_back=before is not None,
        )
    )
    return change


def confirm(context: Context, proposal: uuid.UUID, policy_hash: str) -> PolicyChange:
    """Bring a proposed policy into force, as another person than whoever proposed it.

    Raises Forbidden; NotFound where there is no such proposal; Conflict for another hash, one's own proposal, one that
    was overtaken or made more than a day ago; BadInput if it can't be served any more.
    """
    context.access.check(Action.RELOAD_POLICY)
    _demand_hash(policy_hash)
    work = context.work
    change = policies.proposal(work.session, proposal)
    if change is None or change.origin is not PolicyOrigin.RELOAD:
        raise NotFound("PolicyChange", Action.RELOAD_POLICY)
    version = change.hash
    if change.hash != policy_hash:
        told = f"The proposal is about the policy {change.hash}: confirm what you have read."
        raise _kept_out(told, version, PolicyRefusal.NOT_PROPOSED, "hash")
    if change.proposed_by == context.principal.id:
        raise _kept_out("You proposed it: somebody else has to confirm it.", version, PolicyRefusal.OWN_PROPOSAL)
    known = policies.newest(work.session)
    if change.number is not None or known is None or known.number != change.follows:
        told = "Another policy came into force since it was proposed: propose it again."
        raise _kept_out(told, version, PolicyRefusal.OVERTAKEN)
    if change.proposed_at < work.now - LIFE:
        raise _kept_out("It was proposed more than a day ago: propose it again.", version, PolicyRefusal.TOO_OLD)
    source = policies.source_of(work.session, change.hash) or b""
    _sound(context, source)
    change.sound_mark = standing.sound_mark(work.store, source)
    change.confirmed_by = context.principal.id
    try:
        policies.enter(work.session, change)
    except PolicyOvertaken:
        told = "Another policy came into force at this moment: propose it again."
        raise _kept_out(told, version, PolicyRefusal.OVERTAKEN) from None
    work.record(standing.entered(change, known))
    return change


def waiting(context: Context) -> list[PolicyChange]:
    """Proposals that can still be confirmed, newest first, for those who may confirm one."""
    context.access.check(Action.RELOAD_POLICY)
    known = policies.newest(context.work.session)
    return [] if known is None else policies.waiting(context.work.session, known.number, context.work.now - LIFE)


def changes_of(context: Context, policy_hash: str) -> list[Change]:
    """What a proposed policy gives and takes, compared with the one in force. Raises BadInput if it can't be served."""
    source = policies.source_of(context.work.session, policy_hash) or b""
    return list(comparisons.changes(context.policy, _sound(context, source)))


def _file(context: Context) -> bytes:
    try:
        return standing.read(context.house.sources)
    except PolicyError as problem:
        raise _broken(str(problem), None, PolicyFault.MISSING) from problem


def _before(session: Transaction, policy_hash: str, moment: datetime) -> bytes | None:
    """Return the text of this hash, if it may be taken back to: see `propose`."""
    known = policies.newest(session)
    before = None if known is None else policies.before(session, known, moment - TAKE_BACK)
    return before[1] if before is not None and before[0] == policy_hash else None


def _demand_hash(policy_hash: str) -> None:
    if not _HASH.fullmatch(policy_hash):
        told = "hash takes the SHA-256 of the policy file, 64 hex digits: `sha256sum policy.polar`."
        raise BadInput(told, field="hash")


def _sound(context: Context, content: bytes) -> Policy:
    try:
        return checking.demand(content, context.house.sources.file.name)
    except PolicyError as problem:
        if len(content) > AT_MOST_BYTES:  # and what was read of it has another hash
            raise _broken(str(problem), None, PolicyFault.TOO_LONG) from problem
        raise _broken(str(problem), hash_of(content), PolicyFault.BROKEN) from problem


def _in_force(context: Context, found: str) -> int:
    """The number that a proposal follows. Raises Conflict where there is nothing to change, or no firm ground."""
    known = policies.newest(context.work.session)
    if known is None or known.hash != context.policy.hash:
        raise _kept_out("Another policy came into force just now: look at it first.", found, PolicyRefusal.OVERTAKEN)
    if known.hash == found:
        raise Conflict("This policy is in force already.")
    return known.number


def _demand_approval(context: Context, changes: Sequence[Change], found: str) -> None:
    try:
        approved = approvals.load(context.house.sources.approvals)
    except approvals.ApprovalError as problem:
        raise Conflict(str(problem)) from problem
    gains = [each for each in changes if each.gained and not any(entry.covers(each) for entry in approved)]
    if gains:
        told = "; ".join(f"{g.role} would {g.action} {g.resource} ({g.digest})" for g in gains[:5])
        more = f", and {len(gains) - 5} more" if len(gains) > 5 else ""
        raise _kept_out(
            f"It gives rights that no entry of approvals.yaml names: {told}{more}. `policy diff` shows the entries.",
            found,
            PolicyRefusal.UNAPPROVED_GAIN,
        )


def _broken(told: str, policy_hash: str | None, fault: PolicyFault) -> CodedError:
    version = None if policy_hash is None else Identifier(version_of(policy_hash))

    def keep(work: UnitOfWork) -> None:
        failed = PolicyReloadFailed(resource_id=None, subject_id=None, version=version, reason=fault)
        work.record(failed, Outcome.FAILED)

    return BadInput(f"This policy can't be used.\n{told}"[:_MOST_TOLD], field="hash", keep=keep)


def _kept_out(told: str, policy_hash: str, reason: PolicyRefusal, field: str | None = None) -> CodedError:
    version = Identifier(version_of(policy_hash))

    def keep(work: UnitOfWork) -> None:
        refused = PolicyReloadRefused(resource_id=None, subject_id=None, version=version, reason=reason)
        work.record(refused, Outcome.DENIED)

    return Conflict(told, field=field, keep=keep)

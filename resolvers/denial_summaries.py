"""Refusals of callers without a good credential: counted by address, and written once a minute.

One by one they would let a stranger write the audit log full. A single refusal of an address in its minute is written
as it is. Of many addresses those with the most refusals get an entry of their own, and the others one together. What is
counted is lost with a process that is killed: a minute of it at most.
"""

import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace

import structlog

from resolvers.refusals import Refusal, denied
from storage import networks
from storage.ledger.events import CredentialReason, CredentialRefused, Identifier, Outcome, Resource, StrangersDenied
from storage.ledger.scope import AuditScope
from storage.work import Store, UnitOfWork

MOST_ADDRESSES = 1_000
"""Addresses that are told apart in a minute; the refusals of more are counted together."""
MOST_ENTRIES = 100
"""Entries that are written of a minute, in each process, for addresses and for credentials."""
MOST_KINDS = 30
"""Kinds of refusals that are told apart of one address."""
_OTHERS = "others"

log = structlog.get_logger("muniment.denials")


@dataclass
class _Tally:
    """What was refused to one address, or to several: the first refusal as it was, and all by what they were."""

    scope: AuditScope
    first: Refusal
    count: int = 0
    addresses: int = 1
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, kinds: Counter[str]) -> None:
        for kind, count in kinds.items():
            self.count += count
            if kind in self.kinds or len(self.kinds) < MOST_KINDS:
                self.kinds[kind] += count


@dataclass(frozen=True)
class _Credential:
    """A session or API key that is not good any more, or a key whose secret was wrong, and whose it is."""

    resource: Resource
    id: uuid.UUID
    subject: uuid.UUID | None
    reason: CredentialReason


class DenialSummaries:
    """The refusals of one process since they were last written. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._tallies: dict[str, _Tally] = {}
        self._credentials: dict[_Credential, tuple[AuditScope, int]] = {}

    def add(self, scope: AuditScope, refusal: Refusal) -> None:
        """Count a refusal of `scope`'s caller."""
        block = networks.blocks_of(scope.ip_address)[0]
        kind = f"{refusal.attempted[:30]}:{Resource.of(refusal.resource).value}:{refusal.code.lower()}"
        with self._lock:
            self._add(block, _Tally(_within(scope, block), refusal), Counter({kind: 1}))

    def add_credential(
        self, scope: AuditScope, resource: Resource, row: uuid.UUID, subject: uuid.UUID | None, reason: CredentialReason
    ) -> None:
        """Count that a credential was used that is not good."""
        with self._lock:
            self._add_credential(_Credential(resource, row, subject, reason), scope, 1)

    def flush(self, store: Store) -> None:
        """Write what was counted; it is kept, and counted on, where it can't be written. Raises nothing."""
        with self._writing:
            with self._lock:
                tallies, self._tallies = self._tallies, {}
                credentials, self._credentials = self._credentials, {}
            if not (tallies or credentials):
                return
            try:
                _write(store, tallies, credentials)
            except Exception:
                log.exception("denials.not_recorded", count=sum(each.count for each in tallies.values()))
                with self._lock:
                    for block, tally in tallies.items():
                        self._add(block, replace(tally, count=0, kinds=Counter()), tally.kinds)
                    for credential, (scope, count) in credentials.items():
                        self._add_credential(credential, scope, count)

    def _add(self, block: str, new: _Tally, kinds: Counter[str]) -> None:
        tally = self._tallies.get(block)
        if tally is None:
            if len(self._tallies) >= MOST_ADDRESSES:
                block = _OTHERS
            tally = self._tallies.get(block)
            if tally is None:
                tally = self._tallies[block] = new
            else:
                tally.addresses += new.addresses
        tally.add(kinds)

    def _add_credential(self, credential: _Credential, scope: AuditScope, count: int) -> None:
        known = self._credentials.get(credential)
        if known is not None or len(self._credentials) < MOST_ADDRESSES:
            first, before = known or (scope, 0)
            self._credentials[credential] = (first, before + count)


def _write(store: Store, tallies: dict[str, _Tally], credentials: dict[_Credential, tuple[AuditScope, int]]) -> None:
    ordered = sorted(tallies.values(), key=lambda each: -each.count)
    alone, others = ordered[:MOST_ENTRIES], ordered[MOST_ENTRIES:]
    if others:
        together = _Tally(replace(others[0].scope, ip_address=None, user_agent=None), others[0].first, addresses=0)
        for each in others:
            together.addresses += each.addresses
            together.add(each.kinds)
        alone.append(together)
    most_used = sorted(credentials.items(), key=lambda each: -each[1][1])[:MOST_ENTRIES]
    with store.begin(alone[0].scope if alone else most_used[0][1][0]) as work:
        for tally in alone:
            work.scope = tally.scope
            _record(work, tally)
        for credential, (scope, count) in most_used:
            work.scope = scope
            refused = CredentialRefused(
                resource_id=credential.id,
                subject_id=credential.subject,
                resource_kind=credential.resource,
                reason=credential.reason,
                refusal_count=count,
            )
            work.record(refused, Outcome.DENIED)


def _record(work: UnitOfWork, tally: _Tally) -> None:
    if tally.count == 1:
        work.record(denied(tally.first), Outcome.DENIED)
        return
    summary = StrangersDenied(
        resource_id=None,
        subject_id=None,
        denial_count=tally.count,
        address_count=tally.addresses,
        denials=tuple(Identifier(f"{kind}:{count}") for kind, count in tally.kinds.most_common()),
    )
    work.record(summary, Outcome.DENIED)


def _within(scope: AuditScope, block: str) -> AuditScope:
    """The scope of all callers of a block: of IPv6 the network, since each of its addresses is one caller's."""
    return replace(scope, ip_address=block) if "/" in block else scope

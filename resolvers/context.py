"""What a use case works with: who asks, the unit of work, and the door."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from policies.access import Access
from policies.errors import Refused
from policies.principals import Kind, Principal
from resolvers.budgets import Charge
from resolvers.errors import CodedError, CostExceeded, RateLimited, Unauthenticated, again_in
from resolvers.house import House, Limits
from resolvers.lockdowns import holding
from resolvers.refusals import Refusal, denied
from resolvers.watching import Ending
from storage import damages, grants
from storage.blobs.errors import BlobDamaged
from storage.grants import AccessGrant
from storage.ledger.events import Event, Outcome, TrailRead
from storage.ledger.reads import Opened, content_reads, others, reader_of, trail_openings
from storage.ledger.scope import AuditScope
from storage.networks import blocks_of
from storage.records import Record
from storage.work import UnitOfWork

_COUNTED_FREE, _COUNTED_FOR_ONE = 1_000, 10
"""Rows that a `totalCount` counts for its own price, and how many cost a unit where it counts more."""

KEYS_TOGETHER = 4
"""How many times the budget of one caller the API keys of an account may use together."""


@dataclass(frozen=True)
class Asking:
    """The facts of one request that end up in its audit events."""

    principal: Principal
    session_id: uuid.UUID | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    correlation_id: uuid.UUID = field(default_factory=uuid.uuid4)
    analysed: bool = False
    """Whether traces may say which calls are this caller's: staff at work, and contributors who allow it."""
    identity_id: uuid.UUID | None = None
    """The tie by which a token of the configured issuer led to the principal."""
    throttled: bool = False
    """Whether the credential is slowed down for a while, because of an incident."""


@dataclass(frozen=True)
class Repeatable:
    """A request that came with an Idempotency-Key: the key, and what was asked, always in the same form."""

    key: str
    request: bytes


class Context:
    """One operation's surroundings. `work` and `access` belong to the transaction that is open at the moment."""

    def __init__(
        self,
        house: House,
        asking: Asking,
        renew: Callable[[], Asking] | None = None,
        repeatable: Repeatable | None = None,
    ) -> None:
        self.house = house
        self.policy = house.policy
        """What this operation is decided by, from its beginning to its end; of a subscription, one event."""
        self.asking = asking
        self.repeatable = repeatable
        self.renew = renew
        """Establishes the caller anew from their token, for what goes on after it may have been revoked."""
        self.trail_read = 0
        """How many entries of the trail this operation has read."""
        self.unmasked: dict[uuid.UUID, tuple[uuid.UUID, frozenset[uuid.UUID]]] = {}
        """Entries whose personal side this operation has opened: under which investigation, and who is in it."""
        self.refusals: list[Refusal] = []
        """What this operation was refused while reading."""
        self.readings: list[Event] = []
        """What else of this reading belongs into the trail."""
        self.seen: str | None = None
        """Of a subscription: the cursor of the last event that its client has seen, where it says so."""
        self.cursor: str | None = None
        """Of a subscription: that of the last event it was told."""
        self.document: Any = None
        """The document, where it was read before the operation begins; `unreadable` says why it could not be."""
        self.unreadable: Exception | None = None
        self.judged: Any = None
        """Of a subscription: what became of its document, which is judged in a worker thread before it begins."""
        self.cost = 0
        """What the operation costs; of a subscription, each event."""
        self.watched: Ending | None = None
        """The operation, as the house's watch knows it."""
        self.in_thread: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread
        """Runs a function in a worker thread, within the share of threads that this caller has."""
        self._told: set[Opened] = set()
        """Rows of others that were opened and the trail knows of: a subscription opens them again and again."""
        self._open: tuple[UnitOfWork, Access] | None = None
        self._ends = 0.0
        """When the operation, or this event of a subscription, has taken too long, by the monotonic clock."""

    @property
    def principal(self) -> Principal:
        return self.asking.principal

    @property
    def limits(self) -> Limits:
        return self.house.limits

    @property
    def work(self) -> UnitOfWork:
        return self._current()[0]

    @property
    def access(self) -> Access:
        return self._current()[1]

    @property
    def caller_id(self) -> uuid.UUID:
        """The contributor on whose account this operation works: the caller, or the owner of the caller's API key.

        Raises `Unauthenticated` where there is none.
        """
        subject = self.principal.on_behalf_of or self.principal.id
        if subject is None:
            raise Unauthenticated("Sign in first: send `Authorization: Bearer <token>`.")
        return subject

    def charge(self, cost: int) -> Charge:
        """Take `cost` from what the caller may ask for: a principal's own, or that of a stranger's address (IPv6: /64).

        Whoever is slowed down may besides ask only so often in a minute, at whatever cost.
        """
        name = str(self.principal.id or blocks_of(self.asking.ip_address)[0])
        if self.asking.throttled:
            slowed = self.house.budgets.charge(f"throttled {name}", 1, self.limits.throttled_per_minute)
            if slowed.retry_after is not None:
                return slowed
        if self.principal.kind is Kind.API_KEY:
            account = f"keys of {self.principal.on_behalf_of}"
            together = self.house.budgets.charge(account, cost, KEYS_TOGETHER * self.limits.cost_per_minute)
            if together.retry_after is not None:
                return together
        return self.house.budgets.charge(name, cost, self.limits.cost_per_minute)

    def charge_for_count(self, counted: int | None) -> None:
        """Charge for a `totalCount` by the rows it counted, known only afterwards. None: no count was requested.

        Raises `RateLimited` if the remaining budget is smaller: many counts in one document end there.
        """
        if counted is None or counted < _COUNTED_FREE:
            return
        half = self.limits.cost_per_minute // 2  # the document itself was charged: a full budget would never be left
        charge = self.charge(min(counted // _COUNTED_FOR_ONE, half))
        if charge.retry_after is not None:
            message = f"Counting {counted:,} rows takes more than you have left in this minute."
            message += f" {again_in(charge.retry_after)}"
            raise RateLimited(message, retry_after=charge.retry_after)

    def become(self, principal: Principal, session_id: uuid.UUID) -> None:
        """From here on the operation is `principal`'s, who has just proven who they are."""
        self.asking = replace(self.asking, principal=principal, session_id=session_id)
        if self._open is not None:
            work = self._open[0]
            work.scope = self.scope()
            self._open = (work, Access(self.policy, principal, work.session))

    def again(self) -> "Context":
        """A context of the same caller's for a later operation, with who they are established anew."""
        return Context(self.house, self.asking if self.renew is None else self.renew(), renew=self.renew)

    def renewed(self, attempted: str) -> None:
        """Establish who is asking anew, for what goes on. Raises what `renew` raises once their right has ended."""
        self.policy = self.house.policy
        holding.admit(self, attempted)
        if self.renew is None:
            return
        try:
            self.asking = replace(self.renew(), correlation_id=self.asking.correlation_id)
        except Refused as refusal:
            self.record_refusal(attempted, refusal)
            raise
        except Unauthenticated as ended:
            if self.principal.kind is Kind.STAFF:  # how long they were still told something is asked of the trail
                self.record(Refusal(attempted, "Platform", ended.code.value))
            raise

    @contextmanager
    def glance(self) -> Iterator[UnitOfWork]:
        """A short read of its own, for what must be known before the transaction that changes something begins."""
        with self.house.store.begin(self.scope(), read_only=True) as work:
            try:
                yield work
            finally:
                if self._open is not None:  # a change is under way in this thread: told when that has ended
                    self._open[0].vault.damaged.extend(work.vault.damaged)
                    work.vault.damaged.clear()

    @contextmanager
    def reading(self) -> Iterator["Context"]:
        """A read-only unit of work. What it opened of other people's content is recorded before the block ends."""
        with self._unit(read_only=True) as work:
            yield self
        self._record_reads(work)

    @contextmanager
    def writing(self, attempted: str) -> Iterator["Context"]:
        """A unit of work that changes something: all of it, with its audit event, or nothing.

        A refusal rolls the change back and is recorded in a transaction of its own, as `attempted`.
        """
        outer, self._open = self._open, None
        try:
            with self._unit(read_only=False, within=outer is not None) as work:
                yield self
                if work.last_event_id is None:
                    raise RuntimeError(f"{attempted} changed something without recording an event")
            self._record_reads(work)
        except Refused as refusal:
            self.record_refusal(attempted, refusal)
            raise
        except CodedError as error:
            if error.keep is not None:
                with self.house.store.begin(self.scope()) as work:
                    error.keep(work)
            elif isinstance(error, Unauthenticated):
                self.record(Refusal(attempted, "Platform", error.code.value))
            raise
        finally:
            self._open = None if outer is None else self._afresh(outer[0])

    def refuse(self, attempted: str, refusal: Refused) -> None:
        """Have a refusal recorded once the reading is done; the same one of many rows of a list is one entry."""
        found = Refusal.of(attempted, refusal)
        if found not in self.refusals:
            self.refusals.append(found)

    def record_refusal(self, attempted: str, refusal: Refused) -> None:
        """As `record`, that `attempted` was denied."""
        self.record(Refusal.of(attempted, refusal))

    def record(self, refusal: Refusal) -> None:
        """Record a refusal in a transaction of its own; that of a stranger is counted, and written within a minute."""
        if not self.house.counts(self.scope(), refusal):
            with self.house.store.begin(self.scope()) as work:
                work.record(denied(refusal), Outcome.DENIED)

    def file_is_damaged(self, blob_id: uuid.UUID, error: BlobDamaged) -> None:
        """Have it recorded that a file that the caller was given does not open."""
        with self.house.store.begin(self.scope(), read_only=True) as work:
            work.vault.damaged.append(damages.of_file(work.session, blob_id, error))

    @contextmanager
    def asked(self, attempted: str) -> Iterator["Context"]:
        """A `reading` of one thing: a refusal in it is recorded as `attempted`."""
        try:
            with self.reading():
                yield self
        except Refused as refusal:
            self.record_refusal(attempted, refusal)
            raise

    def _afresh(self, work: UnitOfWork) -> tuple[UnitOfWork, Access]:
        """A reading that goes on after a change: it sees what was written, as whoever is asking now."""
        work.session.rollback()
        return work, Access(self.policy, self.principal, work.session)

    def _current(self) -> tuple[UnitOfWork, Access]:
        if self._open is None:
            raise RuntimeError("no unit of work is open: use Context.reading() or Context.writing()")
        if time.monotonic() > self._ends:
            seconds = int(self.limits.operation.total_seconds())
            raise CostExceeded(f"The operation was stopped after {seconds} seconds. Ask for less at a time.")
        return self._open

    @property
    def ends(self) -> float:
        """When the operation has taken too long, by the monotonic clock."""
        return self._ends

    @contextmanager
    def _unit(self, *, read_only: bool, within: bool = False) -> Iterator[UnitOfWork]:
        """A unit of work. One `within` another has no time of its own: an operation with many ends like any other."""
        store = self.house.store
        with store.traffic.entered(read_only=read_only), store.begin(self.scope(), read_only=read_only) as work:
            self._open = (work, Access(self.policy, self.principal, work.session))
            if not within:
                self._ends = time.monotonic() + self.limits.operation.total_seconds()
            try:
                yield work
            finally:
                self._open = None

    def scope(self) -> AuditScope:
        """Whose entries these are."""
        asking = self.asking
        return AuditScope(
            component="api",
            actor_kind=asking.principal.kind.value,
            actor_id=asking.principal.id,
            on_behalf_of=asking.principal.on_behalf_of,
            ip_address=asking.ip_address,
            user_agent=asking.user_agent,
            correlation_id=asking.correlation_id,
            policy_version=self.policy.version,
        )

    def _record_reads(self, work: UnitOfWork) -> None:
        """What was read of others' content, and what was refused, is in the trail before the answer leaves."""
        trail_read, self.trail_read = self.trail_read, 0
        refusals, self.refusals = [each for each in self.refusals if not self.house.counts(work.scope, each)], []
        unmasked, self.unmasked = self.unmasked, {}
        readings, self.readings = [*self.readings, *trail_openings(unmasked)], []
        scope = work.scope
        opened = work.vault.opened_beyond(reader_of(scope))
        foreign = others((one for one in opened.keys() - self._told if one[2] not in unmasked), scope)
        if not (trail_read or refusals or readings or foreign):
            return
        with self.house.store.begin(scope) as unit:
            if trail_read:
                unit.record(TrailRead(resource_id=None, subject_id=None, event_count=trail_read))
            for refusal in refusals:
                unit.record(denied(refusal), Outcome.DENIED)
            for reading in readings:
                unit.record(reading)
            rows = {key: opened[key] for key in foreign}
            for event in content_reads(foreign, scope, self.grants_used(unit, rows, since=work.now)):
                unit.record(event)
        self._told |= opened.keys()

    def grants_used(
        self, unit: UnitOfWork, rows: Mapping[Opened, Record], *, since: datetime
    ) -> dict[Opened, AccessGrant]:
        """The access grants under which the caller, being staff, came to open each of `rows` after `since`."""
        if self.principal.kind is not Kind.STAFF or self.principal.id is None:
            return {}
        return grants.used(unit.session, self.principal.id, rows, since)

"""The courier: a thread that brings each published entry to the operator's webhook, in order, until it was received.

What has been acknowledged is kept in the database as a place in the log, so that a process that is killed goes on where
the last one ended: at least once, and seldom twice. Nothing is queued per entry: the log itself is the queue.
"""

import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from agents import loops
from agents.egress import Closed, EgressRefused, Gate, Sending
from agents.outward import post
from agents.webhooks import posted
from storage.database import transaction
from storage.ledger import deliveries, envelopes, feeds, sequencing
from storage.ledger.events import DeliveryFailure, Outcome, WebhookFailed
from storage.ledger.scope import AuditScope
from storage.ledger.sequencing import Lease
from storage.services import DataCategory, address_of
from storage.work import Store

PAUSES = (5, 15, 60, 300, 900, 3600)
"""Seconds before what was not received is sent again; the last one over and over. Up to a fifth more, at random."""

_POLLING_SECONDS = 1.0
_AT_ONCE = 100
"""Entries between two looks at how far the log has come."""

_NAMELESS = Sending(frozenset({DataCategory.AUDIT_EVENTS}))

log = structlog.get_logger("muniment.ledger")


@dataclass(frozen=True)
class Webhook:
    """Where to, signed with which keys. `inside_too` lets addresses of this network through: development only."""

    url: str
    keys: tuple[bytes, ...]
    inside_too: bool = False


class NotReceived(Exception):
    """A delivery was not acknowledged with a status of 2xx."""

    def __init__(self, reason: DeliveryFailure) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Courier:
    """Delivers until it is stopped."""

    def __init__(
        self,
        store: Store,
        webhook: Webhook,
        policy_version: Callable[[], str],
        *,
        gate: Gate | None = None,
        send: Callable[..., int] = post,
    ) -> None:
        """`gate` says before each delivery whether it may be made; without one, none is."""
        self._gate = gate or Closed()
        self._store = store
        self._webhook = webhook
        self._policy_version = policy_version
        self._send = send
        self._holder = uuid.uuid4()
        self._failures = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Work in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the delivery that is under way."""
        self._ending.set()
        self._thread.join(timeout=30)

    def advance(self) -> int:
        """Deliver what has been published since; answers how many entries. Raises NotReceived for the first that isn't.

        Does nothing while another process has the lease.
        """
        with transaction(self._store.engine, read_only=True) as session:
            start = deliveries.next_index(session)
        if start >= feeds.published_size(self._store.engine) or not self._claim():
            return 0
        delivered = 0
        for index, form in feeds.entries(self._store.engine, self._store.archive, start, _AT_ONCE):
            if self._ending.is_set():
                break
            try:
                body = envelopes.envelope(form, origin=self._store.origin, index=index)
            except Exception as error:
                if loops.may_pass(error):
                    raise
                loops.set_aside(self._store, self._scope(), "webhook", uuid.UUID(form["id"]), error)
            else:
                self._deliver(form["id"], body)
            delivered += 1
            with transaction(self._store.engine) as session:
                deliveries.acknowledged(session, index)
                if not sequencing.claim(session, self._holder, Lease.DELIVERY):
                    break  # this one took so long that another process has gone on
        return delivered

    def _claim(self) -> bool:
        try:
            with transaction(self._store.engine) as session:
                return sequencing.claim(session, self._holder, Lease.DELIVERY)
        except sequencing.Overtaken:
            return False

    def _deliver(self, message_id: str, body: bytes) -> None:
        webhook = self._webhook
        try:
            self._gate.clear(address_of(webhook.url), _NAMELESS)
        except EgressRefused:
            raise NotReceived(DeliveryFailure.SERVICE_NOT_APPROVED) from None
        failure = posted(webhook.url, webhook.keys, message_id, body, inside_too=webhook.inside_too, send=self._send)
        if failure is not None:
            raise NotReceived(failure)

    def _run(self) -> None:
        while not self._ending.wait(_POLLING_SECONDS):
            try:
                while self.advance() == _AT_ONCE and not self._ending.is_set():
                    pass
                self._failures = 0
            except NotReceived as failure:
                self.failed(failure)
            except Exception:
                log.exception("delivering failed")
                self._ending.wait(PAUSES[0])
        self._release()

    def failed(self, failure: NotReceived, *, pause: bool = True) -> None:
        """Say so, in the trail once per outage, and wait before the next attempt: longer each time."""
        self._failures += 1
        log.warning("a webhook was not received", reason=failure.reason.value, attempt=self._failures)
        if self._failures == 1:
            with self._store.begin(self._scope()) as work:
                work.record(WebhookFailed(resource_id=None, subject_id=None, reason=failure.reason), Outcome.FAILED)
        if pause:
            seconds = PAUSES[min(self._failures, len(PAUSES)) - 1]
            self._ending.wait(seconds * random.uniform(1, 1.2))  # noqa: S311 - spreads retries, guards nothing

    def _scope(self) -> AuditScope:
        return AuditScope("agent:ledger", "AGENT", None, None, None, None, uuid.uuid4(), self._policy_version())

    def _release(self) -> None:
        try:
            with transaction(self._store.engine) as session:
                sequencing.release(session, self._holder)
        except Exception:
            log.exception("the lease was left to run out")

"""The token of a SIEM: it reads every entry of the audit log, nameless, and nothing else.

The operator sets its SHA-256, so that settings and their backups do not hold the token. Its reading is recorded once an
hour, with the number of entries: an entry for each page would be in the next page, and so on without end.
"""

import hashlib
import hmac
import re
import threading
import time
import uuid
from collections.abc import Iterable

from policies.principals import Kind
from resolvers.house import House
from storage.ledger.events import TrailRead
from storage.ledger.scope import AuditScope

PREFIX = "mun_l_"
"""Begins each token, so that secret scanners recognise what follows."""
COMPONENT = "siem"
RECORD_EVERY_SECONDS = 3600.0

_TOKEN = re.compile(r"mun_l_[A-Za-z0-9_-]{43}")


def digest(token: str) -> str:
    """Return what the setting holds of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class SiemReader:
    """Knows the tokens of one server by their digests, and counts what was read with them."""

    def __init__(self, digests: Iterable[str]) -> None:
        self._digests = tuple(digests)
        self._lock = threading.Lock()
        self._unrecorded = 0
        self._recorded: float | None = None

    def accepts(self, token: str | None) -> bool:
        """Return whether this is a token of the SIEM. What does not look like one is not compared."""
        if token is None or not _TOKEN.fullmatch(token):
            return False
        given = digest(token)
        return any(hmac.compare_digest(given, known) for known in self._digests)

    def record(self, house: House, count: int, address: str | None, agent: str | None) -> None:
        """Record that so many entries were read: at once the first time in an hour, and the rest with the next.

        Raises what writing an entry raises; what was not recorded is counted again.
        """
        with self._lock:
            self._unrecorded += count
            moment = time.monotonic()
            due = self._recorded is None or moment - self._recorded >= RECORD_EVERY_SECONDS
            if not self._unrecorded or not due:
                return
            self._write(house, address, agent)
            self._recorded = moment

    def close(self, house: House) -> None:
        """Record what was read since the last entry."""
        with self._lock:
            if self._unrecorded:
                self._write(house, None, None)

    def _write(self, house: House, address: str | None, agent: str | None) -> None:
        scope = AuditScope(
            component=COMPONENT,
            actor_kind=Kind.AGENT.value,
            actor_id=None,
            on_behalf_of=None,
            ip_address=address,
            user_agent=agent[:400] if agent else None,
            correlation_id=uuid.uuid4(),
            policy_version=house.policy.version,
        )
        with house.store.begin(scope) as work:
            work.record(TrailRead(resource_id=None, subject_id=None, event_count=self._unrecorded))
        self._unrecorded = 0

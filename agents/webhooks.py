"""Webhooks: one signed message posted to an address, and what became of it in the words of the trail."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agents.outward import AddressRefused, NoAnswer, post
from storage.ledger.envelopes import signed_headers
from storage.ledger.events import DeliveryFailure

REST_SECONDS, LONGEST_REST_SECONDS = 10.0, 300.0
_MOST_RESTING = 1_000


@dataclass
class Receivers:
    """Hosts that did not answer: for a while nothing is sent there, so that they don't hold up what goes elsewhere.

    Whoever named them. The first rest is short, each further one twice as long. Bounded; the oldest go.
    """

    _resting: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By host: until when (monotonic), and for how long."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_resting(self, host: str) -> bool:
        """Return whether nothing is sent to this host at the moment."""
        with self._lock:
            return host in self._resting and time.monotonic() < self._resting[host][0]

    def note(self, host: str, *, answered: bool) -> None:
        """Note whether it answered just now."""
        with self._lock:
            _, rest = self._resting.pop(host, (0.0, REST_SECONDS / 2))
            if answered:
                return
            rest = min(rest * 2, LONGEST_REST_SECONDS)
            self._resting[host] = time.monotonic() + rest, rest
            if len(self._resting) > _MOST_RESTING:
                del self._resting[next(iter(self._resting))]


def posted(
    url: str,
    keys: Sequence[bytes],
    message_id: str,
    body: bytes,
    *,
    inside_too: bool = False,
    send: Callable[..., int] = post,
    receivers: Receivers | None = None,
) -> DeliveryFailure | None:
    """Post `body`, signed now with each of `keys`; None where it was acknowledged with a status of 2xx.

    Nothing is sent to a host that rests among `receivers`: that counts as no answer.
    """
    host = (urlsplit(url).hostname or "").lower()
    if receivers is not None and receivers.is_resting(host):
        return DeliveryFailure.NO_ANSWER
    failure = _posted(url, keys, message_id, body, inside_too, send)
    if receivers is not None:
        receivers.note(host, answered=failure is not DeliveryFailure.NO_ANSWER)
    return failure


def _posted(
    url: str, keys: Sequence[bytes], message_id: str, body: bytes, inside_too: bool, send: Callable[..., int]
) -> DeliveryFailure | None:
    headers = signed_headers(keys, message_id, int(time.time()), body)
    try:
        status = send(url, body, headers, inside_too=inside_too)
    except AddressRefused:
        return DeliveryFailure.ADDRESS_REFUSED
    except NoAnswer:
        return DeliveryFailure.NO_ANSWER
    return None if 200 <= status < 300 else DeliveryFailure.NOT_ACCEPTED

"""Webhooks: one signed message posted to an address, and what became of it in the words of the trail."""

import time
from collections.abc import Callable, Sequence

from agents.outward import AddressRefused, NoAnswer, post
from storage.ledger.envelopes import signed_headers
from storage.ledger.events import DeliveryFailure


def posted(
    url: str,
    keys: Sequence[bytes],
    message_id: str,
    body: bytes,
    *,
    inside_too: bool = False,
    send: Callable[..., int] = post,
) -> DeliveryFailure | None:
    """Post `body`, signed now with each of `keys`; None where it was acknowledged with a status of 2xx."""
    headers = signed_headers(keys, message_id, int(time.time()), body)
    try:
        status = send(url, body, headers, inside_too=inside_too)
    except AddressRefused:
        return DeliveryFailure.ADDRESS_REFUSED
    except NoAnswer:
        return DeliveryFailure.NO_ANSWER
    return None if 200 <= status < 300 else DeliveryFailure.NOT_ACCEPTED

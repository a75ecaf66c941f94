"""Identifiers: UUIDv7 (RFC 9562), so that an index on id is also an index on time."""

import base64
import uuid
from datetime import datetime

from uuid_utils import compat


def new_id() -> uuid.UUID:
    """A fresh UUIDv7, monotonic within this process. It shows its creation time: fit for ids, never for secrets."""
    return compat.uuid7()


def earliest_id(moment: datetime) -> uuid.UUID:
    """The smallest UUIDv7 that was made at that moment or later, to the millisecond: where an index on ids begins."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def global_id(type_name: str, row_id: uuid.UUID) -> str:
    """The global id (Relay) of a row: as clients know it, in the API and in what is sent to them."""
    return base64.urlsafe_b64encode(f"{type_name}:{row_id.hex}".encode()).rstrip(b"=").decode()

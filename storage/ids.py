"""Identifiers: UUIDv7 (RFC 9562), so that an index on id is also an index on time."""

import uuid

from uuid_utils import compat


def new_id() -> uuid.UUID:
    """A fresh UUIDv7, monotonic within this process. It shows its creation time: fit for ids, never for secrets."""
    return compat.uuid7()

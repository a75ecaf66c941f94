"""Tickets: short-lived rights to one transfer of bytes, and cursors: places in a list. Both are authenticated.

A ticket names what it admits to, the session, API key or tie to an issuer's identity that asked, and when it ends. It
is not stored: it is good as long as its MAC is, its time has not passed, and whoever asked is still signed in and still
allowed. The last two are asked again when it is used.
"""

import base64
import binascii
import enum
import hmac
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from policies.errors import NotFound
from resolvers.errors import BadInput
from storage.clock import now
from storage.keys.keyring import Keyring

_LAYOUT = struct.Struct(">BB16sB16sQ")
_VERSION = 1
_MAC_BYTES = 16


class Purpose(enum.IntEnum):
    """What a ticket admits to."""

    UPLOAD = 1
    CONTENT = 2
    EXPORT = 3
    THUMBNAIL = 4


class Bearer(enum.IntEnum):
    """What stood behind the request that minted a ticket."""

    SESSION = 1
    API_KEY = 2
    IDENTITY = 3  # a token of the configured issuer; what is asked again is whether its tie still stands


@dataclass(frozen=True)
class Ticket:
    """The right to one transfer."""

    purpose: Purpose
    object_id: uuid.UUID
    bearer: Bearer
    bearer_id: uuid.UUID
    expires_at: datetime


def mint(
    keyring: Keyring, purpose: Purpose, object_id: uuid.UUID, bearer: Bearer, bearer_id: uuid.UUID, life: timedelta
) -> str:
    """A ticket in the form that goes into a URL."""
    ends = int((now() + life).timestamp())
    packed = _LAYOUT.pack(_VERSION, purpose, object_id.bytes, bearer, bearer_id.bytes, ends)
    return _encode(packed + _mac(keyring, "ticket", packed))


def redeem(keyring: Keyring, token: str, purpose: Purpose) -> Ticket:
    """The ticket behind `token`. Raises `NotFound` for one not minted here, ended, or meant for another use."""
    raw = _decode(token)
    if raw is None or len(raw) != _LAYOUT.size + _MAC_BYTES:
        raise NotFound("Ticket")
    packed, mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    if not _is_ours(keyring, "ticket", packed, mac):
        raise NotFound("Ticket")
    version, said, object_id, bearer, bearer_id, ends = _LAYOUT.unpack(packed)
    expires_at = datetime.fromtimestamp(ends, UTC)
    if version != _VERSION or said != purpose or expires_at <= now():
        raise NotFound("Ticket")
    return Ticket(purpose, uuid.UUID(bytes=object_id), Bearer(bearer), uuid.UUID(bytes=bearer_id), expires_at)


def cursor(keyring: Keyring, listing: str, row: uuid.UUID) -> str:
    """An opaque place in the list named `listing`."""
    return _encode(row.bytes + _mac(keyring, "cursor", listing.encode() + row.bytes))


def place(keyring: Keyring, listing: str, text: str, field: str) -> uuid.UUID:
    """The row a cursor points at. Raises `BadInput` for one that this list did not hand out."""
    raw = _decode(text)
    if raw is not None and len(raw) == 16 + _MAC_BYTES:
        row, mac = raw[:16], raw[16:]
        if _is_ours(keyring, "cursor", listing.encode() + row, mac):
            return uuid.UUID(bytes=row)
    raise BadInput(f"{field} is not a cursor of this list; pass one that it answered.", field=field)


def state_cursor(keyring: Keyring, followed: str, state: bytes) -> str:
    """An opaque name for the `state` in which what is `followed` was told. It says nothing of either."""
    digest = _mac(keyring, "followed state", followed.encode() + b"\0" + state)
    return _encode(digest + _mac(keyring, "cursor", followed.encode() + digest))


def demand_state_cursor(keyring: Keyring, followed: str, text: str, field: str) -> None:
    """Raises `BadInput` for a cursor that no event of what is `followed` carried."""
    raw = _decode(text)
    if raw is not None and len(raw) == 2 * _MAC_BYTES:
        digest, mac = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if _is_ours(keyring, "cursor", followed.encode() + digest, mac):
            return
    raise BadInput(f"{field} is no cursor of this; pass one that an event of it carried.", field=field)


def _mac(keyring: Keyring, purpose: str, data: bytes) -> bytes:
    return keyring.keyed_hash(purpose, data)[:_MAC_BYTES]


def _is_ours(keyring: Keyring, purpose: str, data: bytes, mac: bytes) -> bool:
    """Whether the key in use made it, or one that it is just taking over from."""
    return any(hmac.compare_digest(mac, made[:_MAC_BYTES]) for made in keyring.keyed_hashes(purpose, data))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None

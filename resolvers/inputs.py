"""Checks on what comes in, shared by the use cases. Each raises `BadInput` with the field's name and what to write."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from resolvers.errors import BadInput
from storage.normalization import normalize

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}\.[^@\s.\x00-\x1f]{1,63}")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,99}")


def text(value: str, field: str, *, at_most: int, at_least: int = 1) -> str:
    """`value` as given, if it has `at_least` to `at_most` characters and no NUL, which PostgreSQL can't store."""
    if "\x00" in value:
        raise BadInput(f"{field} holds a NUL character; remove it.", field=field)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{field} holds half of a surrogate pair; send well-formed Unicode.", field=field) from None
    if len(value.strip()) < at_least:
        raise BadInput(f"{field} is empty; write something.", field=field)
    if len(value) > at_most:
        raise BadInput(f"{field} has {len(value)} characters; {at_most} are accepted.", field=field)
    return value


def email(value: str) -> str:
    """The address in the form in which it is looked up: NFC, lower case, no blanks around it."""
    tidy = normalize("NFC", text(value, "email", at_most=254)).strip().casefold()
    if not _EMAIL.fullmatch(tidy):
        raise BadInput("email is not an address; write it like name@example.org.", field="email")
    return tidy


def password(value: str) -> str:
    """A new password of 12 characters or more; no rule on which (NIST SP 800-63B, 3.1.1)."""
    text(value, "password", at_most=1024)
    if len(value) < 12:
        raise BadInput("password has fewer than 12 characters; choose a longer one.", field="password")
    return value


def media_type(value: str, accepted: Sequence[str]) -> str:
    """A media type (RFC 6838, lower case, no parameters) that uploads may have."""
    if not _MEDIA_TYPE.fullmatch(value) or value not in accepted:
        raise BadInput(f"mediaType is not accepted; accepted are {', '.join(accepted)}.", field="mediaType")
    return value


def webhook(value: str, *, plain_too: bool = False) -> str:
    """An https address to which something is posted later; `plain_too` takes http as well: development.

    Where it leads is looked at when it is used (`agents.outward`), since names may lead elsewhere by then.
    """
    address = text(value, "webhookUrl", at_most=2000).strip()
    try:
        parts = urlsplit(address)
        good = bool(parts.hostname) and parts.port != 0 and address.isascii() and address.isprintable()
    except ValueError:
        good = False
    if not good or " " in address or parts.scheme not in (("https", "http") if plain_too else ("https",)):
        raise BadInput("webhookUrl is not an https address; write https://example.org/hook.", field="webhookUrl")
    if parts.username or parts.password or parts.fragment:
        raise BadInput("webhookUrl holds a user, a password or a fragment; leave them out.", field="webhookUrl")
    return address


def between(value: int, field: str, *, at_least: int, at_most: int) -> int:
    """`value` if it lies within the bounds, both included."""
    if not at_least <= value <= at_most:
        raise BadInput(f"{field} is {value}; it must lie between {at_least} and {at_most}.", field=field)
    return value

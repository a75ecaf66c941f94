"""Names of keysets, and the one unambiguous way in which names and other fields are joined into bytes."""

import uuid
from typing import Literal, NamedTuple


class KeysetName(NamedTuple):
    """A keyset: one per contributor, project and blob (`id` is its UUID as text), and a few of the platform's.

    A "search" keyset has its project's id: the pseudo-random function by which the project's words are found again.
    """

    kind: Literal["contributor", "project", "blob", "search", "platform"]
    id: str


CREDENTIALS = KeysetName("platform", "credentials")
"""Seals what the platform itself must open: password hashes, staff accounts; and what API keys are compared with."""

LEDGER = KeysetName("platform", "ledger")
"""Seals the personal side of audit entries that concern no contributor."""

HASHES = KeysetName("platform", "hashes")
"""The pseudo-random function by which accounts are found by their e-mail."""

SESSIONS = KeysetName("platform", "sessions")
"""The pseudo-random function behind what ends by itself: sessions, tickets, places in lists, repeated requests."""

SIGNING = KeysetName("platform", "signing")
"""The Ed25519 key that signs checkpoints and certificates."""


def join(*fields: bytes) -> bytes:
    """`fields` with a 4-byte big-endian length before each, so that no two lists of fields give the same bytes."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def contributor_keyset(contributor: uuid.UUID) -> KeysetName:
    """The keyset that seals a contributor's profile and wraps their exports."""
    return KeysetName("contributor", str(contributor))


def project_keyset(project: uuid.UUID) -> KeysetName:
    """The keyset that seals everything in a project and wraps its blobs."""
    return KeysetName("project", str(project))


def search_keyset(project: uuid.UUID) -> KeysetName:
    """The keyset that hashes the words of a project, wrapped by the project's own."""
    return KeysetName("search", str(project))


def blob_keyset(blob: uuid.UUID) -> KeysetName:
    """The keyset that seals a file, wrapped by its project's or its contributor's."""
    return KeysetName("blob", str(blob))

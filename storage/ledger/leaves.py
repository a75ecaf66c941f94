"""Leaves: the bytes that the trail is made of, and the commitments that let a person be forgotten in them.

A leaf holds no personal value. Where one belongs there is a commitment: the SHA-256 of the field's label, 32 random
bytes of salt, and the value. Whoever holds salt and value can show that the leaf was about them; once these are
destroyed, nobody can, and every hash over the leaf stays valid. A value that is absent is committed to as well, so that
a leaf does not tell whether it had one. Pure: knows neither database nor keys, so that a verifier can run anywhere.
"""

# NOTE: the format is frozen. A leaf written today is hashed into trees and held by people outside this system. Never
# change what version 1 looks like: add a version, and keep reading the old ones (tests/golden/audit_leaf_v1.json).

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from storage.ledger.canonical import canonical

VERSION = 1
LARGEST = 65_535
"""The most bytes a leaf may have: C2SP tlog-tiles writes its length in 16 bits."""

ACTOR = ("userId", "onBehalfOf", "ipAddress", "userAgent")
"""Personal fields about the one who acted."""

SUBJECT = ("subjectId", "resourceId")
"""Personal fields about the one whose data it concerns. `resourceId` is committed where it is a person's id."""

_SALT = 32
_CONTEXT = b"muniment audit commitment v1"


class LeafDamaged(ValueError):
    """Bytes that are not a leaf of a known version."""


class CommitmentMismatch(ValueError):
    """A value and salt that the leaf does not commit to; `label` names the field."""

    def __init__(self, label: str) -> None:
        super().__init__(f"{label} is not what the leaf commits to")
        self.label = label


@dataclass(frozen=True)
class Opening:
    """What opens one commitment: the value (None: there was none) and the salt."""

    value: str | None
    salt: bytes

    def __repr__(self) -> str:
        return "<opening>"


def fresh(values: Mapping[str, str | None]) -> dict[str, Opening]:
    """The values, each with a salt of its own from the system's random source."""
    salts = secrets.token_bytes(_SALT * len(values))  # the system is asked once for all of them
    return {
        label: Opening(value, salts[place : place + _SALT])
        for place, (label, value) in zip(range(0, len(salts), _SALT), values.items(), strict=True)
    }


def commitment(label: str, opening: Opening) -> str:
    """What stands in a leaf for `opening`: lower-case hex of SHA-256 over context, label, salt and value.

    Each part is preceded by its length in 4 bytes, big-endian, so that no two inputs run together into the same bytes;
    the value is one byte 0 if absent, else one byte 1 and UTF-8.
    """
    value = b"\x00" if opening.value is None else b"\x01" + opening.value.encode()
    beginning = _BEGINNINGS.get(label) or _beginning(label)
    return hashlib.sha256(beginning + _preceded(opening.salt) + _preceded(value)).hexdigest()


def _preceded(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def _beginning(label: str) -> bytes:
    return _preceded(_CONTEXT) + _preceded(label.encode())


_BEGINNINGS = {label: _beginning(label) for label in (*ACTOR, *SUBJECT)}


def build(record: Mapping[str, Any], personal: Mapping[str, Opening]) -> bytes:
    """The leaf of `record`, with commitments in place of `personal`, which names every field of ACTOR and SUBJECT.

    Raises ValueError if one is missing, or if the leaf would exceed `LARGEST` bytes.
    """
    if personal.keys() != _BEGINNINGS.keys():
        raise ValueError("every personal field is committed to, present or not")
    commitments = {label: commitment(label, opening) for label, opening in personal.items()}
    leaf = canonical({**record, "version": VERSION, "commitments": commitments})
    if len(leaf) > LARGEST:
        raise ValueError(f"a leaf has at most {LARGEST} bytes, this one {len(leaf)}")
    return leaf


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf as it enters a Merkle tree: SHA-256(0x00 ‖ leaf), RFC 9162 section 2.1.1."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def read(leaf: bytes) -> dict[str, Any]:
    """The record in a leaf, commitments and version included. Raises LeafDamaged."""
    try:
        record = json.loads(leaf)
        known = type(record) is dict and canonical(record) == leaf
    except (ValueError, TypeError, RecursionError) as cause:
        raise LeafDamaged("not a leaf") from cause
    if not known or repr(record.get("version")) != repr(VERSION) or type(record.get("commitments")) is not dict:
        raise LeafDamaged("not a leaf of a known version, or not in canonical form")
    return cast(dict[str, Any], record)


def check_commitments(leaf: bytes, personal: Mapping[str, Opening]) -> None:
    """Return if `leaf` commits to every value in `personal`; fields already forgotten are simply not in it.

    Raises CommitmentMismatch for the first that it does not commit to, LeafDamaged if it is no leaf.
    """
    committed = read(leaf)["commitments"]
    for label, opening in personal.items():
        if committed.get(label) != commitment(label, opening):
            raise CommitmentMismatch(label)

"""What a deletion certificate says, version 1: an in-toto Statement (https://in-toto.io/Statement/v1) of one deletion.

Frozen: certificates issued today are opened for ever; another layout gets another predicate type. It holds ids, counts,
times and fixed sentences. An account is named by a salted commitment alone, which only the copy of whoever left opens.
"""

import base64
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from storage.deletions import Deletion, DeletionOrigin, DeletionScope
from storage.recalls import Unconfirmed

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://muniment.dev/deletion-certificate/v1"
"""A name, not an address that is fetched."""
ADDENDUM = "https://muniment.dev/deletion-addendum/v1"
"""Of what providers answered after the certificate was signed. Frozen as well."""

SALT_BYTES = 16
_LABEL = b"muniment deletion subject 1\n"

METHODS = {
    "keysets": "the wrapped keysets are deleted from the key store: what was sealed under them opens nowhere any more",
    "records": "rows are deleted from the database, children before parents",
    "files": "ciphertext is unlinked from the file store, with previews, unfinished uploads, and exports with copies",
    "queue": "what the queue knew of runs on it is deleted",
}
_SQLITE = "deleted bytes are overwritten (secure_delete) and the write-ahead log is truncated"
_POSTGRESQL = (
    "dead rows and write-ahead log stay until the server reuses them: what is in them is sealed, and its keys are gone"
)

IDENTITY_CHECKS = {
    DeletionOrigin.CONTRIBUTOR: "a signed-in contributor who had just proved again who they are (stepUp)",
    DeletionOrigin.RETENTION: "none: the time that the contributor had chosen for it was up",
}

ALGORITHM = "AES-256-GCM (content), HMAC-SHA-256 (search words); keysets wrapped by AES-256-GCM or the key service"


@dataclass(frozen=True)
class BackupPeriods:
    """How long the operator keeps backups of the data, and of the keys. None: they have not said."""

    data: timedelta | None = None
    keys: timedelta | None = None


UNSAID = BackupPeriods()


@dataclass(frozen=True)
class Findings:
    """What the verifier found and knows beside the deletion's own row."""

    verifier: str
    checks: Mapping[str, int]
    """Each place that was looked into, and how much was left there."""
    residue: Sequence[Mapping[str, str | None]]
    copies: Sequence[Mapping[str, Any]]
    event_id: uuid.UUID
    """The entry of the trail that says the same."""
    checkpoint: str | None
    """The newest signed checkpoint of the trail."""
    cache_seconds: float
    """How long a process may still hold a destroyed key."""
    database: str
    backups: BackupPeriods
    moment: datetime


def commitment(object_id: uuid.UUID, salt: bytes) -> str:
    """By which a certificate names what was deleted: nobody finds the id in it without the salt."""
    return hashlib.sha256(_LABEL + salt + object_id.bytes).hexdigest()


def statement(deletion: Deletion, salt: bytes, found: Findings) -> bytes:
    """The payload to be signed, as JSON."""
    digest = {"sha256": commitment(deletion.object_id, salt)}
    said = {
        "_type": STATEMENT,
        "subject": [{"name": deletion.scope.value.lower(), "digest": digest}],
        "predicateType": PREDICATE,
        "predicate": _predicate(deletion, salt, found),
    }
    return orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)


def addendum(
    deletion: Deletion,
    unconfirmed: Sequence[Unconfirmed],
    event_id: uuid.UUID,
    checkpoint: str | None,
    moment: datetime,
) -> bytes:
    """The payload of an addendum to the deletion's certificate, about the very same subject."""
    certified = base64.b64decode((deletion.certificate or {})["payload"])
    before = orjson.loads(certified)
    left = [
        {"location": each.provider, "model": each.model, "count": each.number, "lastAnswer": each.last_answer}
        for each in unconfirmed
    ]
    predicate = {
        "certificateId": deletion.id,
        "certificate": {"sha256": hashlib.sha256(certified).hexdigest()},
        "status": "UNCONFIRMED" if left else "CONFIRMED",
        "issuedAt": moment,
        "opening": before["predicate"]["opening"],
        "copies": deletion.copies,
        "unconfirmed": left,
        "audit": {"eventId": event_id, "checkpoint": checkpoint},
    }
    said = {"_type": STATEMENT, "subject": before["subject"], "predicateType": ADDENDUM, "predicate": predicate}
    return orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)


def copies_in(envelope: Mapping[str, Any]) -> Any:
    """What a certificate or an addendum of ours says of copies; nothing is verified."""
    return orjson.loads(base64.b64decode(envelope["payload"]))["predicate"]["copies"]


def opening(object_id: uuid.UUID, salt: bytes) -> dict[str, str]:
    """What opens the commitment."""
    return {"id": str(object_id), "salt": salt.hex()}


def _predicate(deletion: Deletion, salt: bytes, found: Findings) -> dict[str, Any]:
    whole_account = deletion.scope is DeletionScope.ACCOUNT
    destroyed_at = deletion.keys_destroyed_at or found.moment
    return {
        "certificateId": deletion.id,
        "status": "ERASED",
        "issuedAt": found.moment,
        "request": {
            "kind": deletion.scope.value,
            "requestedAt": deletion.requested_at,
            "by": deletion.origin.value,
            "identityCheck": IDENTITY_CHECKS[deletion.origin],
            "deferredByLegalHoldAt": deletion.deferred_at,
        },
        "opening": None if whole_account else opening(deletion.object_id, salt),
        "scope": {"types": dict(sorted(deletion.destroyed.items())), "bytes": deletion.bytes_destroyed},
        "method": {**METHODS, "database": _SQLITE if found.database == "sqlite" else _POSTGRESQL},
        "keys": {
            "count": deletion.keysets_destroyed,
            "algorithm": ALGORITHM,
            "destroyedAt": destroyed_at,
            "outOfUseBy": destroyed_at + timedelta(seconds=found.cache_seconds),
        },
        "copies": list(found.copies),
        "verification": {
            "by": found.verifier,
            "method": "full: every table with ids is searched for the deleted id, every file and key asked for",
            "checks": [{"what": what, "left": left} for what, left in sorted(found.checks.items())],
            "at": found.moment,
        },
        "backups": {
            "dataUntil": _until(found.moment, found.backups.data),
            "keysUntil": _until(destroyed_at, found.backups.keys),
            "note": "a backup that is restored is erased again from the journal before anything is served",
        },
        "residue": list(found.residue),
        "audit": {"eventId": found.event_id, "checkpoint": found.checkpoint},
    }


def _until(moment: datetime, period: timedelta | None) -> datetime | None:
    return None if period is None else moment + period

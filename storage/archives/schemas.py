"""JSON Schemas (draft 2020-12) of the files that do not come from one table: the trail's events, and the manifest."""

from typing import Any

from storage.archives import layout

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string"}
_TEXT_OR_NOTHING = {"type": ["string", "null"]}
_ID = {"type": "string", "format": "uuid"}
_ID_OR_NOTHING = {"anyOf": [_ID, {"type": "null"}]}
_MOMENT = {"type": "string", "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}


def _object(title: str, description: str, properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


EVENT: dict[str, Any] = {
    "$schema": _DRAFT,
    **_object(
        "AuditEvent",
        "One entry of the audit trail: what happened, to what, by whom, and how it went. It holds no content.",
        {
            "id": _ID,
            "timestamp": _MOMENT,
            "category": _TEXT,
            "action": _TEXT,
            "outcome": {"type": "string", "enum": ["SUCCESS", "DENIED", "FAILED"]},
            "component": _TEXT,
            "actorKind": _TEXT,
            "userId": _ID_OR_NOTHING,
            "onBehalfOf": _ID_OR_NOTHING,
            "ipAddress": _TEXT_OR_NOTHING,
            "userAgent": _TEXT_OR_NOTHING,
            "resource": _TEXT,
            "resourceId": _ID_OR_NOTHING,
            "details": {"type": "object"},
            "grantId": _ID_OR_NOTHING,
            "rule": _TEXT_OR_NOTHING,
            "correlationId": _ID,
            "policyVersion": _TEXT,
        },
    ),
}
"""A line of access_log.jsonl."""

PROVEN_EVENT: dict[str, Any] = {
    **EVENT,
    "properties": {
        **EVENT["properties"],
        "leaf": {"type": "string", "contentEncoding": "base64", "description": "The entry as the log hashed it."},
        "proof": {
            "anyOf": [
                _object(
                    "Proof",
                    "That the leaf is in the log: its place, and the hashes that lead to the root (RFC 9162).",
                    {"index": _COUNT, "hashes": {"type": "array", "items": _TEXT}},
                ),
                {"type": "null"},
            ],
            "description": "Null for what happened too shortly before the export for a checkpoint to cover it.",
        },
    },
    "required": [*EVENT["required"], "leaf", "proof"],
}
"""A line of audit_events.jsonl."""

MANIFEST: dict[str, Any] = {
    "$schema": _DRAFT,
    **_object(
        "Manifest",
        "What the archive holds: each file with its size and SHA-256, and how many records of each kind.",
        {
            "format": {"const": layout.FORMAT},
            "schemaVersion": {"const": 1},
            "exportId": _ID,
            "ownerId": _ID,
            "scope": {"type": "string", "enum": ["ACCOUNT", "PROJECT"]},
            "projectId": _ID_OR_NOTHING,
            "createdAt": _MOMENT,
            "period": _object(
                "Period",
                "Of which time files, outputs and audit events are in it: all until the moment of the snapshot; from a "
                "moment on, and an hour before it, where only what is new since then was asked for.",
                {"from": {"anyOf": [_MOMENT, {"type": "null"}]}, "until": _MOMENT},
            ),
            "checkpoint": {
                "type": ["string", "null"],
                "description": "What the audit log was at that moment: a signed note (C2SP tlog-checkpoint). Keep it.",
            },
            "vkey": {"type": "string", "description": "The key that signed it: C2SP signed-note verifier key."},
            "counts": {"type": "object", "additionalProperties": _COUNT},
            "files": {
                "type": "array",
                "items": _object(
                    "File",
                    "One file of the archive.",
                    {
                        "path": _TEXT,
                        "bytes": _COUNT,
                        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                        "type": _TEXT,
                        "countsAs": _TEXT,
                    },
                    optional=("countsAs",),
                ),
            },
            "missing": {
                "type": "array",
                "description": "Files that should be here and were not in storage when the archive was made.",
                "items": _object(
                    "Missing",
                    "One such file: where it would be, whose bytes they are, how many, and a code for the reason.",
                    {"path": _TEXT, "assetId": _ID, "bytes": _COUNT, "reason": _TEXT},
                ),
            },
        },
        optional=("missing",),
    ),
}
"""manifest.json."""

"""Checking an archive's audit events against the log: each is proven by the checkpoint in the manifest. Pure."""

import base64
import json
from collections.abc import Iterable
from typing import Any

from storage.ledger import checkpoint, leaves, merkle
from storage.ledger.checkpoint import Checkpoint

EVENTS = "audit_events.jsonl"
_HIDDEN = {"version", "commitments"}


def check(lines: Iterable[bytes], note: str, vkey: str) -> tuple[list[str], str]:
    """Hold every event that carries a proof against the signed checkpoint; answers the problems, and a fact.

    An event's published fields must be those of its leaf, and the leaf in the log at its index.
    """
    try:
        signed = checkpoint.verified(note, vkey)
    except ValueError:
        return ["the checkpoint in the manifest is not signed by the key."], "No audit event was proven."
    problems, proven, recent = [], 0, 0
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
            if event["proof"] is None:
                recent += 1
                continue
            _check(event, signed)
            proven += 1
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            problems.append(f"{EVENTS} line {number} is not the entry that was in the log.")
    return problems, (
        f"{proven} audit events are in the log of {signed.size} entries; {recent} were too recent to be proven."
    )


def _check(event: dict[str, Any], signed: Checkpoint) -> None:
    leaf = base64.b64decode(event["leaf"], validate=True)
    for name, value in leaves.read(leaf).items():
        is_filled_in = name == "resourceId" and value is None  # a person's id, which the leaf only commits to
        if name not in _HIDDEN and not is_filled_in and event[name] != value:
            raise ValueError("the event says something else than its leaf")
    hashes = [base64.b64decode(each, validate=True) for each in event["proof"]["hashes"]]
    merkle.verify_inclusion(leaves.leaf_hash(leaf), event["proof"]["index"], signed.size, hashes, signed.root)

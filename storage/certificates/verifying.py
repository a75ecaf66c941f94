"""Checking a deletion certificate offline: that it is one, whole, and signed. Needs the file and the verifier key.

Knows neither the database nor the key store, so that it works on anyone's machine.
"""

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storage.certificates import envelopes
from storage.certificates.envelopes import EnvelopeRefused
from storage.certificates.statements import ADDENDUM, PREDICATE, SALT_BYTES, STATEMENT, commitment
from storage.ledger import checkpoint as checkpoints
from storage.ledger.checkpoint import CheckpointRefused
from storage.ledger.notes import NoteRefused

_LARGEST = 16 * 1024 * 1024
OPENING = "opening"
"""Beside the signed payload, in the copy of whoever left: what opens the commitment to their account."""


@dataclass
class Report:
    """What a verification found. `problems` in the order found: the first is the first bad thing."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when the certificate is signed and says that all is gone, 1 when anything is wrong."""
        return 1 if self.problems else 0

    @property
    def lines(self) -> list[str]:
        """The findings as sentences for a person, the verdict first."""
        if self.problems:
            return [f"Do not trust it: {self.problems[0]}", *self.problems[1:], *self.warnings]
        return ["The certificate is signed and unchanged.", *self.warnings, *self.facts]


def verify(path: Path, vkey: str | None = None) -> Report:
    """Check the certificate at `path`; with `vkey`, that just this key signed it. May raise OSError."""
    report = Report()
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    try:
        envelope = json.loads(content) if len(content) <= _LARGEST else None
        if not isinstance(envelope, dict):
            raise EnvelopeRefused("not a deletion certificate")
        key = vkey or envelopes.signers(envelope)[0]
        if vkey is None:
            report.warnings.append(
                "Checked with the key that came inside it, which shows that nothing was changed by accident. "
                "To be sure who signed it, pass --vkey with the platform's published key (/ledger/vkey)."
            )
        said = json.loads(envelopes.verified(envelope, key))
        subject, told = _of_this_kind(said)
        if said["predicateType"] == PREDICATE:
            _check_counts(told, report)
        _check(said, subject, told, envelope.get(OPENING), key, report)
        report.facts += _facts(told) if said["predicateType"] == PREDICATE else _facts_added(told, report)
    except (EnvelopeRefused, NoteRefused, CheckpointRefused) as refused:
        report.problems.append(f"{refused}.")
    except (ValueError, RecursionError):
        report.problems.append("it is not JSON.")
    except (KeyError, TypeError, AttributeError, IndexError):
        report.problems.append("it is signed, and does not say what a certificate of this version says.")
    return report


def _of_this_kind(said: Any) -> tuple[str, dict[str, Any]]:
    if said["_type"] != STATEMENT or said["predicateType"] not in (PREDICATE, ADDENDUM):
        raise EnvelopeRefused("signed, but no deletion certificate of a version that this program knows")
    [subject] = said["subject"]
    return str(subject["digest"]["sha256"]), dict(said["predicate"])


def _check_counts(told: dict[str, Any], report: Report) -> None:
    left = sum(check["left"] for check in told["verification"]["checks"])
    if told["status"] != "ERASED" or left:
        report.problems.append("it says that something is left.")


def _check(said: Any, subject: str, told: dict[str, Any], beside: Any, key: str, report: Report) -> None:
    opened = beside or told["opening"]
    kind = said["subject"][0]["name"]
    if opened is None:
        report.facts.append(f"It is about an {kind} that it does not name: only the copy of whoever left opens that.")
    elif commitment(uuid.UUID(opened["id"]), _salt(opened["salt"])) != subject:
        report.problems.append("what it says it is about is not what was signed.")
    else:
        report.facts.append(f"It is about the {kind} {opened['id']}.")
    if told["audit"]["checkpoint"] is not None:
        size = checkpoints.verified(told["audit"]["checkpoint"], key).size
        report.facts.append(f"When it was issued, the audit trail had {size} entries under a signed checkpoint.")


def _facts_added(told: dict[str, Any], report: Report) -> list[str]:
    for each in told["unconfirmed"]:
        answer = each["lastAnswer"] or "it was not asked yet"
        report.warnings.append(f"Not confirmed by {each['location']}: {each['count']} answers (last: {answer}).")
    if (told["status"] == "CONFIRMED") == bool(told["unconfirmed"]):
        report.problems.append("it says both that all was confirmed and that something was not.")
    return [
        f"Addendum to the certificate {told['certificateId']} (SHA-256 of what was signed then:"
        f" {told['certificate']['sha256']}), issued {told['issuedAt']}.",
        *(f"Copy elsewhere: {each['location']}: {each['result']}." for each in told["copies"]),
    ]


def _salt(said: str) -> bytes:
    salt = bytes.fromhex(said)
    if len(salt) != SALT_BYTES:
        raise EnvelopeRefused("what opens it is malformed")
    return salt


def _facts(told: dict[str, Any]) -> list[str]:
    records = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in told["scope"]["types"].items())
    backups, keys, counted = told["backups"], told["keys"], told["verification"]
    until = backups["keysUntil"] or backups["dataUntil"]
    return [
        f"Certificate {told['certificateId']}, issued {told['issuedAt']}.",
        f"Asked for {told['request']['requestedAt']}. Destroyed: {records or 'nothing that was still there'};"
        f" {told['scope']['bytes']} bytes of files; {keys['count']} keysets, at {keys['destroyedAt']}.",
        f"Counted afterwards by {counted['by']}: nothing left in {len(counted['checks'])} places.",
        f"Backups: not to be opened any more after {until}."
        if until
        else "Backups: the operator has not said how long they are kept.",
        *(f"Stays: {each['what']} ({each['why']})." for each in told["residue"]),
        *(f"Copy elsewhere: {each['location']}: {each['result']}." for each in told["copies"]),
    ]

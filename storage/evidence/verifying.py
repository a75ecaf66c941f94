"""Checking an evidence pack offline: every file against the signed statement, every list against its envelope.

Knows neither the database nor the key store, so that it works on anyone's machine.
"""

import hashlib
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from storage.archives import layout
from storage.archives.verifying import DAMAGE, Report
from storage.certificates import envelopes
from storage.certificates.envelopes import EnvelopeRefused
from storage.certificates.statements import STATEMENT
from storage.evidence.packs import PREDICATE, SIGNATURE
from storage.ledger import checkpoint as checkpoints
from storage.ledger.checkpoint import CheckpointRefused
from storage.ledger.notes import NoteRefused

_LARGEST = 1024**3
_CHUNK = 1024 * 1024
_LISTS, _ENVELOPE, _LINES = "populations/", ".envelope.json", ".jsonl"


def verify(path: Path, vkey: str | None = None) -> Report:
    """Check the pack at `path`; with `vkey`, that just this key signed it.

    Raises OSError when the file can't be opened; everything that is wrong inside it is in the report.
    """
    report = Report()
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check(archive, vkey, report)
        except (EnvelopeRefused, NoteRefused, CheckpointRefused) as refused:
            report.problems.append(f"{refused}.")
        except DAMAGE:
            report.problems.append("the file is not a whole evidence pack.")
        except (KeyError, TypeError, AttributeError, IndexError):
            report.problems.append("it is signed, and does not say what a pack of this version says.")
    return report


def _check(archive: zipfile.ZipFile, vkey: str | None, report: Report) -> None:
    names = [info.filename for info in archive.infolist()]
    for name, times in Counter(names).items():
        if times > 1:
            report.problems.append(f"{name!r} is in the pack {times} times.")
        if not layout.is_safe_path(name):
            report.problems.append(f"{name!r} would be unpacked outside its directory.")
    if SIGNATURE not in names:
        report.problems.append(f"{SIGNATURE} is missing.")
        return
    key, said = _signed(_read(archive, SIGNATURE), vkey, report)
    expected = {str(each["name"]): str(each["digest"]["sha256"]) for each in said["subject"]}
    present = set(names) - {SIGNATURE}
    missing, beside = sorted(expected.keys() - present), sorted(present - expected.keys())
    report.problems += [f"{name} was signed for, and is missing." for name in missing]
    report.problems += [f"{name} is in the pack, and nobody signed for it." for name in beside]
    for name in sorted(expected.keys() & present):
        if _digest(archive, name) != expected[name]:
            report.problems.append(f"{name} is not the file that was signed for: its SHA-256 differs.")
    if not report.problems:
        _check_lists(archive, present, report)
        _say_facts(said["predicate"], key, report)


def _signed(content: bytes, vkey: str | None, report: Report) -> tuple[str, dict[str, Any]]:
    """The key, and what it signed. Raises EnvelopeRefused and NoteRefused."""
    envelope = json.loads(content)
    key = vkey or envelopes.signers(envelope)[0]
    if vkey is None:
        report.warnings.append(
            "Checked with the key that came inside it, which shows that nothing was changed by accident. "
            "To be sure who signed it, pass --vkey with the platform's published key (/ledger/vkey)."
        )
    said = json.loads(envelopes.verified(envelope, key))
    if said["_type"] != STATEMENT or said["predicateType"] != PREDICATE:
        raise EnvelopeRefused("signed, but no evidence pack of a version that this program knows")
    return key, said


def _check_lists(archive: zipfile.ZipFile, present: set[str], report: Report) -> None:
    for name in sorted(each for each in present if each.startswith(_LISTS) and each.endswith(_ENVELOPE)):
        envelope = json.loads(_read(archive, name))
        lines = name.removesuffix(_ENVELOPE) + _LINES
        if not envelope["available"]:
            report.facts.append(f"{envelope['name']}: nothing records it. {' '.join(envelope['limitations'])}")
            continue
        content = _read(archive, lines)
        if hashlib.sha256(content).hexdigest() != envelope["sha256"] or content.count(b"\n") != envelope["rowCount"]:
            report.problems.append(f"{lines} is not the list that its envelope describes.")
        counted = envelope["reconciliation"]["sourceCount"]
        if counted is not None and counted != envelope["rowCount"]:
            report.problems.append(f"{lines} has {envelope['rowCount']} rows, and its source had {counted}.")
        if envelope["gaps"]:
            report.warnings.append(f"{envelope['name']} says that something is missing: {envelope['gaps']}.")


def _say_facts(told: dict[str, Any], key: str, report: Report) -> None:
    period = told["period"]
    report.facts.append(f"It was made by {told['origin']} at {told['madeAt']}, for {period['from']} to {period['to']}.")
    if told["checkpoint"] is not None:
        size = checkpoints.verified(told["checkpoint"], key).size
        report.facts.append(f"The audit trail then had {size} entries under a signed checkpoint.")
    amiss = told["failedChecks"]
    report.facts.append(f"Of {told['checks']} live checks {amiss} found something amiss: see controls.json.")


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _LARGEST:
        raise EnvelopeRefused(f"{name} is larger than any real one")
    return archive.read(name)


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    found = hashlib.sha256()
    with archive.open(name) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()

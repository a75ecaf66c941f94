"""Checking an archive offline: every byte against the manifest, the manifest against its signature.

Needs the archive and, to be sure who made it, the platform's verifier key (a C2SP `vkey`) from somewhere else. Knows
neither the database nor the key store, so that it works on anyone's machine.
"""

import hashlib
import json
import lzma
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from storage.archives import layout, proofs
from storage.ledger import notes

_ENCRYPTED = b"age-encryption.org/v1"
_OPEN_FIRST = "the file is encrypted: first open it, with `age --decrypt -i KEYFILE -o export.zip FILE`."
_MANIFEST_LIMIT = 512 * 1024 * 1024
_CHUNK = 1024 * 1024
_LINE_LIMIT = 1024 * 1024
_MOST_NAMED = 100
"""Missing files that are reported one by one."""

DAMAGE = (
    # What the standard library raises when the bytes of a ZIP archive are not what they should be.
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, OverflowError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclass
class Report:
    """What a verification found. `problems` in the order found: the first is the first bad thing."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    missing: int = 0
    """Files that were not in storage when the archive was made; its manifest names them."""

    @property
    def ok(self) -> bool:
        """True when every check passed."""
        return not self.problems

    @property
    def exit_code(self) -> int:
        """0 when the archive is whole and signed, 1 when anything is wrong."""
        return 0 if self.ok else 1

    @property
    def lines(self) -> list[str]:
        """The findings as sentences for a person, the verdict first."""
        whole = "The archive is complete and unchanged."
        if self.missing:
            whole = f"The archive is unchanged, but not complete: {self.missing} files were missing when it was made."
        verdict = whole if self.ok else f"Do not trust it: {self.problems[0]}"
        return [verdict, *self.problems[1:], *self.warnings, *self.facts]


def verify(path: Path, vkey: str | None = None) -> Report:
    """Check the archive at `path`; with `vkey`, that this very key signed it. Reads it once, in constant memory.

    Raises OSError when the file can't be opened; everything that is wrong inside it is in the report.
    """
    with path.open("rb") as file:
        return examine(file, vkey)


def examine(file: BinaryIO, vkey: str | None) -> Report:
    """`verify`, of an archive that is open already, at its beginning."""
    report = Report()
    if file.read(len(_ENCRYPTED)) == _ENCRYPTED:
        report.problems.append(_OPEN_FIRST)
        return report
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive, vkey, report)
    except DAMAGE:
        report.problems.append("the file is not a whole ZIP archive.")
    return report


def _check(archive: zipfile.ZipFile, vkey: str | None, report: Report) -> None:
    names = [info.filename for info in archive.infolist()]
    for name, times in Counter(names).items():
        if times > 1:
            report.problems.append(f"{name!r} is in the archive {times} times.")
        if not layout.is_safe_path(name):
            report.problems.append(f"{name!r} would be unpacked outside its directory.")
    missing = [name for name in (layout.MANIFEST, layout.SIGNATURE) if name not in names]
    report.problems.extend(f"{name} is missing." for name in missing)
    if missing:
        return
    content = _read(archive, layout.MANIFEST, report)
    note = _read(archive, layout.SIGNATURE, report)
    manifest = _parse(content, report) if content is not None and note is not None else None
    if content is None or note is None or manifest is None:
        return
    _check_signature(content, note, manifest, vkey, report)
    _check_files(archive, manifest, names, report)
    _check_missing(manifest, names, report)
    _check_events(archive, manifest, names, vkey, report)
    _say_facts(manifest, report)


def _read(archive: zipfile.ZipFile, name: str, report: Report) -> bytes | None:
    if archive.getinfo(name).file_size > _MANIFEST_LIMIT:
        report.problems.append(f"{name} is larger than any real one.")
        return None
    try:
        return archive.read(name)
    except DAMAGE:
        report.problems.append(f"{name} is damaged.")
        return None


def _parse(content: bytes, report: Report) -> dict[str, Any] | None:
    try:
        manifest = json.loads(content)
    except ValueError:
        report.problems.append(f"{layout.MANIFEST} is not JSON.")
        return None
    if not isinstance(manifest, dict) or manifest.get("format") != layout.FORMAT:
        report.problems.append(f"{layout.MANIFEST} does not say that its format is {layout.FORMAT}.")
        return None
    if not (isinstance(manifest.get("files"), list) and isinstance(manifest.get("counts"), dict)):
        report.problems.append(f"{layout.MANIFEST} lists no files or no counts.")
        return None
    return manifest


def _check_signature(
    content: bytes, note: bytes, manifest: Mapping[str, Any], vkey: str | None, report: Report
) -> None:
    key = vkey or manifest.get("vkey")
    if vkey is None:
        report.warnings.append(
            "Checked with the key that came inside the archive, which shows that nothing was changed by accident. "
            "To be sure who signed it, pass --vkey with the platform's published key (/ledger/vkey)."
        )
    if not isinstance(key, str):
        report.problems.append(f"{layout.MANIFEST} names no key, and none was given.")
        return
    try:
        signed = notes.verify_note(note.decode(), key)
    except ValueError:
        report.problems.append(f"{layout.SIGNATURE} is not a signature by the key {key.split('+')[0]!r}.")
        return
    if signed != layout.statement(hashlib.sha256(content).hexdigest()):
        report.problems.append(f"{layout.MANIFEST} is not the manifest that was signed.")


def _check_files(archive: zipfile.ZipFile, manifest: Mapping[str, Any], names: list[str], report: Report) -> None:
    counts: Counter[str] = Counter()
    present = set(names)
    listed = {layout.MANIFEST, layout.SIGNATURE}
    for line in manifest["files"]:
        path = str(line.get("path")) if isinstance(line, dict) else ""
        if not path or path in listed:
            report.problems.append(f"{layout.MANIFEST} has a line without a path of its own.")
            continue
        listed.add(path)
        if path not in present:
            report.problems.append(f"{path} is in the manifest but missing from the archive.")
            continue
        newlines = _check_file(archive, path, line, report)
        if line.get("countsAs"):
            counts[str(line["countsAs"])] += layout.records_in(str(line.get("type")), newlines)
    report.problems.extend(f"{name} is in the archive but not in the manifest." for name in sorted(present - listed))
    for kind in sorted(counts.keys() | manifest["counts"].keys()):
        if counts[kind] != manifest["counts"].get(kind, 0):
            expected = manifest["counts"].get(kind, 0)
            report.problems.append(f"there are {counts[kind]} {kind}, and the manifest says {expected}.")


def _check_missing(manifest: Mapping[str, Any], names: list[str], report: Report) -> None:
    """Report the files that the manifest names as missing: at most so many by name."""
    lines = manifest.get("missing", [])
    if not isinstance(lines, list) or not all(isinstance(line, dict) and line.get("path") for line in lines):
        report.problems.append(f"{layout.MANIFEST} does not say which files are missing.")
        return
    here = set(names)
    report.problems.extend(
        f"{line['path']} is in the archive, and the manifest says that it is missing."
        for line in lines
        if line["path"] in here
    )
    report.missing = len(lines)
    report.warnings.extend(
        f"{line['path']!r} is missing: it was not in storage when the archive was made ({line.get('reason')})."
        for line in lines[:_MOST_NAMED]
    )


def _check_file(archive: zipfile.ZipFile, path: str, line: Mapping[str, Any], report: Report) -> int:
    """Compares one file with its line of the manifest; answers its line feeds."""
    digest, size, newlines = hashlib.sha256(), 0, 0
    limit = line.get("bytes")
    if not isinstance(limit, int):
        report.problems.append(f"{path} has no size in the manifest.")
        return newlines
    try:
        with archive.open(path) as file:
            while size <= limit and (chunk := file.read(_CHUNK)):
                digest.update(chunk)
                size += len(chunk)
                newlines += chunk.count(b"\n")
    except DAMAGE:
        report.problems.append(f"{path} is damaged.")
        return newlines
    if size != limit or digest.hexdigest() != line.get("sha256"):
        report.problems.append(f"{path} is not the file that was exported: its size or SHA-256 differs.")
    return newlines


def _check_events(
    archive: zipfile.ZipFile, manifest: Mapping[str, Any], names: list[str], vkey: str | None, report: Report
) -> None:
    """Archives carry a checkpoint since there is a log; those made before, and those of one project, have no events."""
    note, key = manifest.get("checkpoint"), vkey or manifest.get("vkey")
    if not isinstance(note, str) or not isinstance(key, str) or proofs.EVENTS not in names:
        return
    try:
        with archive.open(proofs.EVENTS) as file:
            problems, fact = proofs.check(iter(lambda: file.readline(_LINE_LIMIT), b""), note, key)
    except DAMAGE:
        return  # said already, as the file's own
    report.problems.extend(problems)
    report.facts.append(fact)


def _say_facts(manifest: Mapping[str, Any], report: Report) -> None:
    sizes = [line.get("bytes") for line in manifest["files"] if isinstance(line, dict)]
    total = sum(size for size in sizes if isinstance(size, int))
    report.facts.append(f"Made {manifest.get('createdAt')}, scope {manifest.get('scope')}.")
    report.facts.append(f"{len(manifest['files'])} files, {total:,} bytes.")
    report.facts.extend(f"{kind}: {number}" for kind, number in sorted(manifest["counts"].items()))

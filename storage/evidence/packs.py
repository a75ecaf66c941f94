"""Evidence packs, version 1: one ZIP, with a statement over the SHA-256 of every other file in it, signed (DSSE).

Frozen: packs made today are verified for ever; another layout gets another predicate type. The statement is an in-toto
Statement (https://in-toto.io/Statement/v1) whose subjects are the files. Pure, except that it writes the file.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.certificates import envelopes
from storage.certificates.statements import STATEMENT

PREDICATE = "https://muniment.dev/evidence-pack/v1"
"""A name, not an address that is fetched."""

SIGNATURE = "pack.dsse.json"
MANIFEST = "manifest.json"
READ_ME = "VERIFY.md"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time that a ZIP says of each file: when it was made stands in the manifest."""

VERIFY = """\
# How to check this pack

It was made by the audited party. What follows needs only this file and the platform's verifier key, which you get from
somewhere else than from here (`/ledger/vkey` of the server, or from people you know there).

1. With the program: `python -m muniment evidence verify PACK.zip --vkey KEY`. It needs no server and no network.
2. Without it: `pack.dsse.json` is a DSSE envelope. Verify its Ed25519 signature over the pre-authentication encoding of
   `payload`; the key is the last 32 bytes of what follows the second `+` in KEY, base64. The payload is an in-toto
   Statement: compare the SHA-256 of every file with its `subject`. No file may be missing, and none may be beside them.
3. Each list is `populations/NAME.jsonl`, with `populations/NAME.envelope.json` beside it. `sha256` is that of the file,
   `rowCount` its lines, `reconciliation.sourceCount` a second count in the database, past the policy and the query.
   `query`, `parameters` and `filters` say how it came about, `gaps` what is missing from a sequence, `limitations` what
   it does not show. Where `available` is false nothing records it: look where `limitations` says.
4. Draw a sample yourself: sort the lines by the SHA-256 of SEED, a line feed, and the line with its line feed; take the
   first N. `python -m muniment evidence sample NAME --from … --to … --size N --seed SEED` draws the same.
5. `audit/checkpoint.txt` is the newest signed checkpoint of the audit trail (C2SP tlog-checkpoint). Keep it: next year
   `python -m muniment audit verify --old` shows whether the trail still begins with it.
6. `oscal/` has the controls and what checks found, as OSCAL. Whoever made an observation there is a tool.

What a pack shows is the operator's own evidence. Whether controls are suitable and work is your opinion, not theirs.
What people do is not in it: `controls.json` says for each criterion what remains with the operator.
"""


@dataclass
class Pack:
    """A pack that is being written. Leaves nothing at its place unless `seal` was reached."""

    place: Path
    digests: dict[str, str] = field(default_factory=dict)
    _part: Path = field(init=False)
    _archive: zipfile.ZipFile = field(init=False)

    def __enter__(self) -> "Pack":
        """Begin. Raises FileExistsError where something is at its place, and OSError where nothing can be written."""
        if self.place.exists():
            raise FileExistsError(f"{self.place} is there already: name another file.")
        self._part = self.place.with_name(self.place.name + ".part")
        self._part.touch(mode=0o600)
        self._archive = zipfile.ZipFile(self._part, "w", zipfile.ZIP_DEFLATED)
        return self

    def __exit__(self, *_error: object) -> None:
        self._archive.close()
        self._part.unlink(missing_ok=True)

    def add(self, name: str, content: bytes) -> None:
        """One file. Raises ValueError for a name that is taken."""
        if name in self.digests or name == SIGNATURE:
            raise ValueError(f"{name} is in the pack already")
        self.digests[name] = hashlib.sha256(content).hexdigest()
        self._write(name, content)

    def add_json(self, name: str, said: Any) -> None:
        """One file of JSON, for people too."""
        self.add(name, json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n")

    def seal(self, manifest: Mapping[str, Any], vkey: str, signing: Callable[[bytes], bytes]) -> None:
        """Write how to verify it and the manifest, sign it all, and put it in its place. Raises EnvelopeRefused."""
        self.add(READ_ME, VERIFY.encode())
        self.add_json(MANIFEST, {**manifest, "files": dict(sorted(self.digests.items()))})
        envelope = envelopes.sign(statement(self.digests, manifest), vkey, signing)
        self._write(SIGNATURE, json.dumps(envelope, indent=2).encode() + b"\n")
        self._archive.close()
        self._part.rename(self.place)

    def _write(self, name: str, content: bytes) -> None:
        entry = zipfile.ZipInfo(name, _EARLIEST)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        self._archive.writestr(entry, content)


def statement(digests: Mapping[str, str], manifest: Mapping[str, Any]) -> bytes:
    """What is signed: the files by their hashes, and what the manifest says of the whole."""
    said = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())],
        "predicateType": PREDICATE,
        "predicate": dict(manifest),
    }
    return json.dumps(said, indent=2, ensure_ascii=False).encode()


def manifest(
    *, pack_id: str, origin: str, made_at: datetime, start: datetime, end: datetime, told: Mapping[str, Any]
) -> dict[str, Any]:
    """What is said of the whole: which pack, whose, when, for which period, and `told`, which the maker knows."""
    period = {"from": start.isoformat(), "to": end.isoformat(), "timeZone": "UTC", "end": "exclusive"}
    return {"version": 1, "id": pack_id, "origin": origin, "madeAt": made_at.isoformat(), "period": period, **told}

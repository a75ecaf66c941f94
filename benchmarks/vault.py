"""Sealed fields against raw Tink, and files: P6 (rate, first byte, seeking, memory), in the directory.

`python -m benchmarks vault`; VAULT_MIB says how large the file is (default 1024). Raw is AES-256-GCM by Tink over the
same pieces, without associated data, files or keys looked up; medians of rounds, turn by turn, of processor time.

Fields are sealed as `createAsset` does, four of a row in one call, and opened as a list does, by pages of a hundred.

On the way in the processor does three things to a byte: it seals it, copies it into the page cache, and hands it to the
disk at the end (fsync). The last two take twice as long as sealing, whoever asks for them: "the disk counted" compares
with raw sealing and a bare write and fsync of the same bytes. Writing past the page cache (O_DIRECT) was tried: it
saves a quarter on the way in, then the first reading costs five times as much, and so files are written as usual.
"""

import os
import statistics
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path

import tink
from tink import aead

from storage.assets import Asset
from storage.blobs.contexts import FileContext, FileKind
from storage.blobs.segments import SEGMENT
from storage.blobs.store import BlobStore
from storage.ids import new_id
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.keys.names import contributor_keyset, project_keyset
from storage.vault import Vault

_FILE = FileContext(FileKind.CONTENT, uuid.UUID(int=1), uuid.UUID(int=2))
_FIELDS = 1000
_ROUNDS = 51
_FILES = 3
_PAGE = 100
_COLUMNS = ("title", "file_name", "description", "checksum")
_GRANTED = frozenset({"read_content"})


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        keyring = Keyring.open(f"sqlite:///{place}/keys/keys.sqlite3", f"insecure-local://{place}/keys/kek")
        owner, project = uuid.uuid4(), uuid.uuid4()
        keyring.create(contributor_keyset(owner), owner)
        keyring.create(project_keyset(project), owner)
        _fields(keyring, owner, project)
        _files(BlobStore(Path(place, "blobs"), keyring), Path(place), project, int(os.environ.get("VAULT_MIB", "1024")))
        keyring.close()


def raw() -> aead.Aead:
    """Tink's AES-256-GCM, and nothing around it."""
    return tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)  # type: ignore[type-abstract]


def _fields(keyring: Keyring, owner: uuid.UUID, project: uuid.UUID) -> None:
    texts, bare, vault = [f"A river, number {number}" for number in range(_FIELDS)], raw(), Vault(keyring)
    titles = [Asset(id=new_id(), owner_id=owner, project_id=project, decisions=_GRANTED) for _ in range(_FIELDS)]
    for row, text in zip(titles, texts, strict=True):
        vault.seal(row, title=text)
    rows = titles[: _FIELDS // len(_COLUMNS)]  # each gets what createAsset seals, in one call
    written = [dict(zip(_COLUMNS, texts[number :: len(rows)], strict=True)) for number in range(len(rows))]
    pages = [titles[start : start + _PAGE] for start in range(0, _FIELDS, _PAGE)]
    sealing, opening, bare_sealing, bare_opening = [], [], [], []
    for _ in range(_ROUNDS):
        kept: list[bytes] = []
        bare_sealing.append(_seconds(lambda: kept.extend(bare.encrypt(text.encode(), b"") for text in texts)))  # noqa: B023
        sealing.append(_seconds(lambda: _seal(vault, rows, written)))
        bare_opening.append(_seconds(lambda: [bare.decrypt(each, b"").decode() for each in kept]))  # noqa: B023
        opening.append(_seconds(lambda: [vault.open_all(page, "title") for page in pages]))
    _say(f"{_FIELDS:,} small fields, medians of {_ROUNDS} rounds: sealed by fours, opened by pages of {_PAGE}")
    for name, ours, theirs in (("sealing", sealing, bare_sealing), ("opening", opening, bare_opening)):
        mine, tinks = statistics.median(ours), statistics.median(theirs)
        _row(name, f"{mine * 1e3:.2f} ms", f"{mine / tinks:.2f} x raw Tink ({tinks * 1e3:.2f} ms)", "<= 2 x")


def _seal(vault: Vault, rows: list[Asset], written: list[dict[str, str]]) -> None:
    for row, each in zip(rows, written, strict=True):
        vault.seal(row, **each)


def _files(store: BlobStore, place: Path, project: uuid.UUID, mib: int) -> None:
    count, bare = mib * 1024 * 1024 // SEGMENT, raw()
    pieces = [os.urandom(SEGMENT) for _ in range(1024)]  # more than any cache of the processor holds
    size, sealed = count * SEGMENT, [bare.encrypt(piece, b"") for piece in pieces]
    took: dict[str, list[float]] = {name: [] for name in ("in", "raw in", "disk", "out", "raw out")}
    before, blob_id = _memory(), uuid.uuid4()
    for _ in range(_FILES):
        store.remove(blob_id)
        blob_id = uuid.uuid4()
        took["raw in"].append(_seconds(lambda: _all(bare.encrypt(each, b"") for each in islice(cycle(pieces), count))))
        took["in"].append(_seconds(lambda: _write(store, blob_id, project, islice(cycle(pieces), count))))  # noqa: B023
        took["disk"].append(_seconds(lambda: _to_disk(place / "bare", islice(cycle(sealed), count))))
        took["raw out"].append(_seconds(lambda: _all(bare.decrypt(each, b"") for each in islice(cycle(sealed), count))))
        took["out"].append(_seconds(lambda: sum(len(each) for each in store.reader(blob_id, size, _FILE).read())))  # noqa: B023
    grown = (_memory() - before) / 1024
    into, raw_in, disk, out, raw_out = (statistics.median(each) for each in took.values())
    _say(f"a file of {mib:,} MiB, P6, medians of {_FILES} rounds")
    for name, ours, theirs in (("in", into, raw_in), ("out", out, raw_out)):
        told = f"{100 * theirs / ours:.0f} % of raw ({mib / theirs:,.0f} MiB/s)"
        _row(name, f"{mib / ours:,.0f} MiB/s", told, ">= 60 %")
    both = f"{100 * (raw_in + disk) / into:.0f} % of raw and then a bare write"
    _row("in, the disk counted", f"{mib / disk:,.0f} MiB/s", both, ">= 90 %")
    first = statistics.median(_seconds(lambda: next(store.reader(blob_id, size, _FILE).read())) for _ in range(50))
    _row("first byte", f"{first * 1e3:.2f} ms", "", "<= 50 ms")
    places = [statistics.median(_one(store, blob_id, size, at) for _ in range(50)) for at in (0, size - SEGMENT)]
    _row(
        "a segment at the end",
        f"{places[1] * 1e3:.2f} ms",
        f"{places[1] / places[0]:.2f} x one at the start",
        "the same",
    )
    _row("memory grew by", f"{grown:.0f} MiB", "", "<= 64 MiB")


def _to_disk(path: Path, pieces: Iterable[bytes]) -> None:
    """The same bytes, written and synced by nobody in particular."""
    with path.open("wb", buffering=0) as file:
        for piece in pieces:
            file.write(piece)
        os.fsync(file.fileno())
    path.unlink()


def _write(store: BlobStore, blob_id: uuid.UUID, project: uuid.UUID, pieces: Iterable[bytes]) -> None:
    with store.writer(blob_id, project_keyset(project), _FILE) as writer:
        for piece in pieces:
            writer.write(piece)
        writer.finish()


def _all(pieces: Iterable[bytes]) -> None:
    for _ in pieces:
        continue


def _one(store: BlobStore, blob_id: uuid.UUID, size: int, at: int) -> float:
    return _seconds(lambda: list(store.reader(blob_id, size, _FILE).read(at, at + SEGMENT)))


def _memory() -> int:
    """The most memory this process ever held, in KiB."""
    return int(next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM")).split()[1])


def _seconds(work: Callable[[], object]) -> float:
    """Of processor time, the system's included: of wall time others take their share."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _say(title: str) -> None:
    sys.stdout.write(f"\n{title}\n")


def _row(name: str, found: str, told: str, goal: str) -> None:
    sys.stdout.write(f"  {name:24} {found:>14} {told:>36}   {goal}\n")

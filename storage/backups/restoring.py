"""Restoring: a backup is read twice, once to find out whether it is whole and ours, and once to take it in.

Into what is empty and nothing else: what is there already is never replaced. All rows come in one transaction.
"""

import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from storage import migrations, queue
from storage.backups import streams, tables
from storage.backups.files import Copies
from storage.backups.places import Kind
from storage.backups.streams import BackupRefused
from storage.blobs.store import BlobStore
from storage.catalogue import models
from storage.database import transaction
from storage.keys import tables as key_tables
from storage.keys.stores import KeyStore
from storage.ledger.entries import AuditEvent
from storage.records import Record


@dataclass
class Backup:
    """What a backup says of itself, once it was found whole and signed."""

    file: Path
    kind: Kind
    taken_at: datetime
    layout: str
    origin: str
    rows: int = 0
    files: dict[uuid.UUID, int] = field(default_factory=dict)
    """The sealed files that it needs, with their bytes."""
    has_kek: bool = False
    vouched: streams.Vouched | None = None


def examine(file: Path, identities: str, keys: Iterable[str]) -> Backup:
    """Read it whole, and believe it if one of these verifier keys signed it. Raises BackupRefused."""
    look = _Look(file)
    found = streams.read(file, identities, look.take)
    streams.trusted(found, keys)
    if look.backup is None or look.end != {
        "rows": look.backup.rows,
        "files": len(look.backup.files),
        "bytes": sum(look.backup.files.values()),
    }:
        raise BackupRefused(f"{file.name} does not hold what its last line counts.")
    look.backup.vouched = found
    return look.backup


def data(backup: Backup, identities: str, engine: Engine) -> int:
    """Take the data in; answers the rows. Raises BackupRefused where there are data already, or of another version."""
    _demand(backup, Kind.DATA, migrations.newest())
    migrations.upgrade(engine)
    queue.prepare(engine)
    models()
    with transaction(engine) as session:
        if session.scalar(select(func.count()).select_from(AuditEvent)):
            raise BackupRefused("There are data in this database: a backup is restored into an empty one.")
        connection = session.connection()
        loader = tables.Loader(connection, [*tables.of_models(Record.metadata), *tables.of_queue(connection)])
        _load(backup, identities, loader.take)
        loader.finish()
        return loader.rows


def keys(backup: Backup, identities: str, key_store: KeyStore, kek_file: Path | None) -> int:
    """Take the keys in, and a local key-encryption key where there is none; answers the rows. Raises BackupRefused."""
    _demand(backup, Kind.KEYS, str(key_tables.VERSION))
    kek: list[str] = []
    with key_store.begin() as session:
        _demand_no_keys(session)
        session.execute(delete(key_tables.layout))
        loader = tables.Loader(session.connection(), tables.of_models(key_tables.metadata))
        _load(backup, identities, lambda line: loader.take(line) if not _is_kek(line) else kek.append(line["kek"]))
        loader.finish()
    if kek and kek_file is not None:
        _write_kek(kek_file, kek[0])
    return loader.rows


def files(backup: Backup, copies: Copies, blobs: BlobStore) -> list[uuid.UUID]:
    """Put the sealed files back where they are not; answers those that are missing among the copies."""
    missing = []
    for blob_id, size in backup.files.items():
        if copies.size(blob_id) != size:
            missing.append(blob_id)
        else:
            blobs.put_back(blob_id, copies.opened(blob_id))
    return missing


class _Look:
    """Reads a backup without taking anything in."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.backup: Backup | None = None
        self.end: Any = None

    def take(self, line: Any) -> None:
        if self.backup is None:
            self.backup = _opened(self._file, line)
        elif self.end is not None:
            raise BackupRefused(f"{self._file.name} goes on behind its end.")
        elif isinstance(line, list):
            self.backup.rows += 1
        elif "file" in line:
            self.backup.files[uuid.UUID(line["file"])] = line["bytes"]
        elif "end" in line:
            self.end = line["end"]
        self.backup.has_kek |= _is_kek(line)


def _opened(file: Path, line: Any) -> Backup:
    match line:
        case {
            "format": streams.FORMAT,
            "kind": str(kind),
            "takenAt": str(at),
            "layout": str(layout),
            "origin": str(origin),
        }:
            return Backup(file, Kind(kind), datetime.fromisoformat(at), layout, origin)
    raise BackupRefused(f"{file.name} is no backup of ours, or one that a later version made.")


def _load(backup: Backup, identities: str, take: Any) -> None:
    """The second reading. What it brings MUST be rolled back if this raises."""

    def each(line: Any) -> None:
        if isinstance(line, list) or "table" in line or _is_kek(line):
            take(line)

    try:
        again = streams.read(backup.file, identities, each)
    except tables.TableUnknown as error:
        raise BackupRefused(f"This version has no table {error} as the backup has it.") from None
    if again != backup.vouched:
        raise BackupRefused(f"{backup.file.name} was replaced while it was read.")


def _demand(backup: Backup, kind: Kind, layout: str) -> None:
    if backup.kind is not kind:
        raise BackupRefused(f"{backup.file.name} is a backup of the {backup.kind}, and one of the {kind} is needed.")
    if backup.layout != layout:
        raise BackupRefused(
            f"{backup.file.name} was made at layout {backup.layout}, and this version has layout {layout}: restore "
            "with the version that made it, then start the newer one, which brings everything up to date."
        )


def _demand_no_keys(session: Session) -> None:
    if session.scalar(select(func.count()).select_from(key_tables.keysets)):
        raise BackupRefused("There are keys in this key store: a backup is restored into an empty one.")


def _is_kek(line: Any) -> bool:
    return isinstance(line, dict) and "kek" in line


def _write_kek(file: Path, content: str) -> None:
    """Raises BackupRefused where another key lies there."""
    if file.is_file():
        if file.read_text(encoding="utf-8") != content:
            raise BackupRefused("Another key-encryption key lies there than the one in the backup: move it away first.")
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())

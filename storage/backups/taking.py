"""Taking a backup: what stands in the database, or in the key store, at one moment, in lines.

The data are read first and the keys afterwards: a pair taken so has a key for everything in it.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from storage import exports, migrations
from storage.backups import tables
from storage.backups.files import Copies, mirror
from storage.backups.places import Kind
from storage.backups.streams import FORMAT
from storage.catalogue import models
from storage.database import transaction
from storage.keys import tables as key_tables
from storage.keys.stores import KeyStore
from storage.records import Record
from storage.work import Store


@dataclass
class Counted:
    """What went into a backup."""

    rows: int = 0
    files: int = 0
    file_bytes: int = 0


def data(store: Store, copies: Copies, archive: Path, taken_at: datetime, counted: Counted) -> Iterator[bytes]:
    """The lines of a backup of the data; files are copied on the way, after the snapshot was read.

    Raises the database's own errors, BlobStoreUnavailable and OSError.
    """
    models()
    yield _header(Kind.DATA, taken_at, migrations.newest(), store.origin)
    with _snapshot(store.engine) as (connection, blob_ids):
        kept = [*tables.of_models(Record.metadata), *tables.of_queue(connection)]
        yield from _counting(tables.dumped(connection, kept), counted)
    for blob_id, size in copies.keep(store.blobs, sorted(blob_ids), taken_at):
        counted.files += 1
        counted.file_bytes += size
        yield orjson.dumps({"file": blob_id.hex, "bytes": size})
    if store.archive is not None:
        mirror(store.archive.place, archive)
    yield _end(counted)


def keys(
    key_store: KeyStore, kek_file: Path | None, origin: str, taken_at: datetime, counted: Counted
) -> Iterator[bytes]:
    """The lines of a backup of the key store, with the key-encryption key where that is a file here.

    Raises KeyStoreUnavailable, and OSError.
    """
    yield _header(Kind.KEYS, taken_at, str(key_tables.VERSION), origin)
    with key_store.begin(read_only=True) as session:
        yield from _counting(tables.dumped(_one_view(session), tables.of_models(key_tables.metadata)), counted)
    if kek_file is not None and kek_file.is_file():
        yield orjson.dumps({"kek": kek_file.read_text(encoding="utf-8")})
    yield _end(counted)


def _header(kind: Kind, taken_at: datetime, layout: str, origin: str) -> bytes:
    return orjson.dumps(
        {"format": FORMAT, "kind": kind.value, "takenAt": taken_at.isoformat(), "layout": layout, "origin": origin}
    )


def _end(counted: Counted) -> bytes:
    return orjson.dumps({"end": {"rows": counted.rows, "files": counted.files, "bytes": counted.file_bytes}})


def _counting(lines: Iterator[bytes], counted: Counted) -> Iterator[bytes]:
    for line in lines:
        counted.rows += line.startswith(b"[")
        yield line


@contextmanager
def _snapshot(engine: Engine) -> Iterator[tuple[Connection, set[uuid.UUID]]]:
    """One view of the database, whatever is written meanwhile, and the blobs that it names."""
    with transaction(engine, read_only=True) as session:
        connection = _one_view(session)
        yield connection, exports.known_blobs(session)


def _one_view(session: Session) -> Connection:
    """The session's connection, in a transaction that sees one moment: on SQLite each does."""
    if session.get_bind().dialect.name == "sqlite":
        return session.connection()
    return session.connection(execution_options={"isolation_level": "REPEATABLE READ"})

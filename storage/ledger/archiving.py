"""The archive: entries past their age, laid out as the log is served, so that what checks the log checks them too.

It is a directory of entry bundles and tiles (C2SP tlog-tiles) under a signed checkpoint of its own, which covers the
first so many entries of the log and nothing else. Its files only ever come to be; the checkpoint is put in place last.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, exists, func, or_, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from storage.keys.keyring import Keyring
from storage.ledger import signing
from storage.ledger.checkpoint import Checkpoint
from storage.ledger.copies import tiles_of
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.ledger.rows import AuditSequence
from storage.ledger.tiles import WIDTH
from storage.ledger.tree import LedgerDamaged, Tree
from storage.records import Record


class Archive:
    """The directory `place`. One process at a time changes it (`alone`); whoever reads sees whole files only."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def read(self, path: str) -> bytes | None:
        """The file at a path of the log; None where there is none."""
        try:
            return (self.place / path).read_bytes()
        except FileNotFoundError:
            return None

    def covers(self, origin: str, keyring: Keyring) -> Checkpoint | None:
        """What its checkpoint says; None before the first. Raises a ValueError where none says it."""
        note = self.read("checkpoint")
        return None if note is None else signing.verified_here(note.decode(errors="replace"), origin, keyring)

    def write(self, tree: Tree, size: int) -> None:
        """Let the first `size` entries lie there, with every hash over them. What lies there already is left alone.

        `size` is a multiple of 256. Raises LedgerDamaged where an entry is neither in the database nor here.
        """
        for tile in tiles_of(size):
            path = f"tile/{tile.path}"
            if not (self.place / path).exists():
                content = tree.tile(tile, size)
                if not content:
                    raise LedgerDamaged(tile.number * WIDTH, "it is neither in the database nor in the archive")
                self._put(path, content)

    def seal(self, note: str, vkey: str) -> None:
        """Let `note` be the archive's checkpoint: what it covers was written before."""
        self._put("vkey", vkey.encode() + b"\n")
        self._put("checkpoint", note.encode())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the archive while the block runs; drafts that a killed process left are removed first."""
        self.place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self.place.rglob("*.part"):
                left.unlink()
            yield

    def _put(self, path: str, content: bytes) -> None:
        target = self.place / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = target.with_name(target.name + ".part")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def first_kept(session: Session) -> int:
    """The place of the first entry that is in the database; those before it are in the archive."""
    return session.scalar(select(func.min(AuditSequence.leaf_index))) or 0


def ripe(session: Session, before: datetime, size: int) -> int:
    """How many entries from the log's beginning may leave the database: whole bundles of the `size` that are published.

    All of them are older than `before`, and nobody is remembered in any: an open investigation holds up the rest. The
    newest entry always stays.
    """
    personal = exists().where(AuditPersonal.event_id == AuditSequence.event_id)
    stays = (
        select(AuditSequence.leaf_index)
        .join(AuditEvent, AuditEvent.id == AuditSequence.event_id)
        .where(or_(AuditEvent.timestamp >= before, personal))
        .order_by(AuditSequence.leaf_index)
        .limit(1)
    )
    first = session.scalar(stays)
    return min(size - 1, size if first is None else first) // WIDTH * WIDTH


REMOVE = "public.muniment_remove_archived(bigint)"
"""The function of the owner's by which the agents' login removes entries; it has no right to delete any itself."""
_REFUSED = "MU001"
_MISSING = "42883"  # undefined_function
_MAY_DELETE = text("SELECT has_table_privilege('public.audit_events', 'DELETE')")


class RemovalRefused(Exception):
    """The database does not let this login remove these entries of the audit log."""

    code = "REMOVAL_REFUSED"


def removal(keep: timedelta) -> Iterator[str]:
    """Return the SQL that makes the function `REMOVE`: the owner runs it, whose right to delete it has.

    It removes the first entries of the log, all of them older than `keep`: whole bundles that a checkpoint covers, of
    which nobody is remembered. That the archive holds them the database can't know.
    """
    seconds = round(keep.total_seconds())
    # Names and numbers of ours alone stand in it.
    yield f"""CREATE OR REPLACE FUNCTION {REMOVE.replace("bigint", "up_to bigint")} RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE removed bigint;
BEGIN
  IF up_to IS NULL OR up_to < 0 OR up_to % {WIDTH} <> 0
      OR up_to >= (SELECT coalesce(max(size), 0) FROM public.audit_checkpoints) THEN
    RAISE EXCEPTION 'entries are removed in whole bundles that a checkpoint covers' USING ERRCODE = '{_REFUSED}';
  END IF;
  IF EXISTS (SELECT 1 FROM public.audit_sequence AS place JOIN public.audit_events AS entry
      ON entry.id = place.event_id WHERE place.leaf_index < up_to
      AND entry.timestamp > now() - interval '{seconds} seconds') THEN
    RAISE EXCEPTION 'an entry is not old enough to be removed' USING ERRCODE = '{_REFUSED}';
  END IF;
  IF EXISTS (SELECT 1 FROM public.audit_sequence AS place
      JOIN public.audit_personal AS person ON person.event_id = place.event_id WHERE place.leaf_index < up_to) THEN
    RAISE EXCEPTION 'somebody is remembered in an entry' USING ERRCODE = '{_REFUSED}';
  END IF;
  DELETE FROM public.audit_events AS entry USING public.audit_sequence AS place
    WHERE entry.id = place.event_id AND place.leaf_index < up_to;
  DELETE FROM public.audit_sequence AS place WHERE place.leaf_index < up_to;
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $function$"""  # noqa: S608


def prune(session: Session, size: int) -> int:
    """Remove the first `size` entries from the database; answers how many it still had. The hashes over them stay.

    The caller MUST have verified that the archive holds them. The one place that deletes entries, and by no other way
    than the tables themselves: the model refuses it. A login that may not delete them asks the owner's function, and
    raises RemovalRefused where that refuses.
    """
    if session.get_bind().dialect.name == "postgresql" and not session.scalar(_MAY_DELETE):
        return _ask_to_remove(session, size)
    events, places = Record.metadata.tables["audit_events"], Record.metadata.tables["audit_sequence"]
    old = select(places.c.event_id).where(places.c.leaf_index < size)
    session.execute(delete(events).where(events.c.id.in_(old)))
    gone = session.execute(delete(places).where(places.c.leaf_index < size))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _ask_to_remove(session: Session, size: int) -> int:
    try:
        return int(session.scalar(select(func.public.muniment_remove_archived(size))) or 0)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in (_REFUSED, _MISSING):
            raise
        raise RemovalRefused(
            "the owner of the tables does not let this login remove these entries: as the owner run `database upgrade"
            " --grant-api … --grant-agents …` with the MUNIMENT_AUDIT_DAYS of the agents"
            " (docs/operations/postgresql.md)"
        ) from error

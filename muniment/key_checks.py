"""Check whether keys may get lost, or were: files that a process no longer holds rightly, and keysets that are missing.

`doctor` and the daily checks say what is found. Each server looks by itself at its start and once an hour: what it
finds is recorded in the audit log, which opens an incident (D05), and keeps the server from being ready until the
finding of the daily check is accepted.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from muniment import hazards
from muniment.findings import Finding
from muniment.settings import Settings
from policies.principals import Kind
from resolvers.house import House
from storage.controls import findings
from storage.damages import MOST
from storage.database import DatabaseUnreachable, transaction
from storage.keys.errors import KeyStoreError
from storage.ledger.scope import AuditScope
from storage.lost_keysets import LostKeysets, find_lost
from storage.open_databases import OpenDatabases
from storage.open_files import Fault, faulty_holders

CHECK = "keysets-kept"
"""The check of controls (`muniment/controls.py`) that finds the same."""
_EVERY_SECONDS = 3600.0
_SHOWN = 20

_log = structlog.get_logger("muniment.key_checks")

_REMEDIES = {
    Fault.FILE: "stop it, and put the database back that belongs to it",
    Fault.LOG: "what it stores is lost when it ends: do not stop it before you have saved its log",
    Fault.LOCKS: "stop it in an orderly way (SIGTERM) before any other process opens the database",
}


def file_findings(settings: Settings) -> Iterator[Finding]:
    """Say of each SQLite database whether a process of this user is about to lose what it writes. Opens no database."""
    files = map(hazards.file_of, (settings.database_url, settings.key_store_url))
    holders = [each for file in files if file is not None for each in faulty_holders(file)]
    for each in holders:
        yield Finding(
            "open files",
            False,
            f"process {each.pid} has {each.database} open, and {each.fault}: {_REMEDIES[each.fault]}"
            " (docs/operations/keys.md)",
        )
    if not holders:
        yield Finding("open files", True, "no process was found that has lost its hold on a database")


def keyset_findings(databases: OpenDatabases) -> Iterator[Finding]:
    """Say whether the key store has every keyset that rows refer to, and of which rows and contributors it has none."""
    if databases.data is None or databases.keys is None:
        yield Finding(
            "keysets", databases.keys is not None or databases.refusal is not None, "there is nothing to compare"
        )
        return
    try:
        lost = find_lost(databases.data, databases.keys)
    except (KeyStoreError, *DatabaseUnreachable) as error:
        yield Finding("keysets", False, f"they could not be compared with the rows ({type(error).__name__}): see above")
        return
    if not lost.count:
        yield Finding("keysets", True, "the key store has each that a row refers to")
        return
    rows = ", ".join(f"{each.table} {each.row_id} of contributor {each.owner}" for each in lost.shown[:_SHOWN])
    more = f" and {lost.count - _SHOWN} more" if lost.count > _SHOWN else ""
    yield Finding(
        "keysets",
        False,
        f"{lost.count} that rows refer to are not in the key store, and what they sealed does not open: {rows}{more}:"
        " restore the key store that belongs to these data (docs/operations/keys.md)",
    )


class KeysetWatch:
    """Looks for lost keysets in a thread of its own. `lost` is how many the last look found."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.lost = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keysets", daemon=True)

    def start(self) -> None:
        """Begin with a look."""
        self._thread.start()

    def stop(self) -> None:
        """End; a look that is under way is not waited for longer than a few seconds."""
        self._ending.set()
        self._thread.join(timeout=10)

    def look(self) -> LostKeysets:
        """Compare rows with the key store, and record what is lost. Raises KeyStoreUnavailable, DatabaseUnreachable."""
        store = self._house.store
        found = find_lost(store.engine, store.keyring.key_store)
        if found.count:
            _log.error("keysets.missing", count=found.count, shown=min(found.count, MOST))
            store.tell_of_damage(self._scope(), found.shown)
        self.lost = found.count
        return found

    def count(self) -> int:
        """Return how many keysets the last look missed."""
        return self.lost

    def is_kept(self) -> bool:
        """Whether the key store answers, and what is written to it goes where it belongs."""
        try:
            self._house.store.keyring.key_store.require_kept()
        except KeyStoreError:
            return False
        return True

    def unaccepted(self) -> int:
        """Return how many keysets are lost, 0 where somebody has accepted the finding about them."""
        if not self.lost:
            return 0
        with transaction(self._house.store.engine, read_only=True) as session:
            return 0 if findings.is_accepted(session, CHECK) else self.lost

    def _scope(self) -> AuditScope:
        version = self._house.policy.version
        return AuditScope("keysets", Kind.AGENT.value, None, None, None, None, uuid.uuid4(), version)

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except Exception as error:
                _log.error("keysets.not_compared", code=type(error).__name__)
            if self._ending.wait(_EVERY_SECONDS):
                return


@contextmanager
def watched(house: House) -> Iterator[KeysetWatch]:
    """A watch that looks for as long as the block runs."""
    watch = KeysetWatch(house)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()

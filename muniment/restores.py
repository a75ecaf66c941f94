"""Restoring a backup, in earnest or to see whether it could be: checked whole before anything is touched.

1. Every backup that was named is read and its signature checked. 2. Keys come back, then data, then files. 3. What the
erasure journal in the key store remembers is destroyed again. Only then may a server start.
"""

import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from agents import erasures
from agents.ledger import Sequencer
from agents.models.gateway import Gateway
from agents.runtime import Agents
from muniment import hazards
from muniment.backups import ARCHIVE, scope
from muniment.homes import claimed
from muniment.house import backup_periods, checkpoint_place, open_house, open_keyring, published
from muniment.settings import Settings
from resolvers.house import House
from storage.backups import restoring
from storage.backups.files import Copies, mirror
from storage.backups.places import Kind
from storage.backups.restoring import Backup
from storage.backups.streams import BackupRefused
from storage.blobs.store import BlobStore
from storage.clock import now
from storage.database import open_engine
from storage.keys.keyring import Keyring
from storage.keys.kms import local_key
from storage.keys.stores import KeyStore
from storage.ledger import signing
from storage.ledger.events import BackupRehearsed, BackupRestored, Outcome
from storage.ledger.publishing import LedgerRefused
from storage.scrubbing import scrub

Say = Callable[[str], None]


@dataclass(frozen=True)
class Source:
    """What is restored, the text of the identity file that opens it, and whose signature is believed."""

    data: Path
    keys: Path | None
    identities: str
    vkey: str | None


@dataclass
class Restored:
    """What came of it. `findings` are what an operator has to see to; `erased` counts erasures done again."""

    rows: int
    files: int
    erased: int
    findings: list[str]


def restore(settings: Settings, source: Source, say: Say) -> Restored:
    """Restore into the places that the settings name, which are empty; with `keys`, the key store too.

    Raises BackupRefused before anything is touched, HomeInUse, and what opening an installation raises.
    """
    with claimed(settings):
        data, keys = _examined(settings, source)
        say(f"{data.file.name}: whole and signed, of {data.taken_at:%Y-%m-%d %H:%M:%S} UTC, {data.rows:,} rows.")
        if keys is not None:
            with closing(KeyStore(settings.key_store_url, may_be_new=True)) as key_store:
                count = restoring.keys(keys, source.identities, key_store, local_key(settings.kek_uri))
            say(f"{keys.file.name}: {count:,} rows are back in the key store.")
        with closing(open_keyring(settings)) as keyring:
            missing = _data(settings, keyring, data, source, say)
        with open_house(settings) as house:
            again = erasures.resume_open_erasures(_idle(settings, house))
            found = _findings(settings, house, len(missing), say)
            _record(house, data, len(missing), again)
        say(f"Erased again, as the journal has it: {again}.")
        return Restored(data.rows, len(data.files) - len(missing), again, found)


def rehearse(settings: Settings, source: Source, say: Say) -> bool:
    """Restore both backups beside the installation, open everything, and throw it away; whether all of it held.

    The result is recorded in the trail. Raises BackupRefused, and what opening the installation raises.
    """
    if source.keys is None:
        raise BackupRefused("A rehearsal takes both: name a backup of the keys with --keys, too.")
    with open_house(settings) as house:
        keys = list(signing.known_keys(house.store.origin, house.store.keyring))
    began, clock = now(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="muniment-rehearsal-") as place:
        aside = _aside(settings, Path(place))
        trusted = source if source.vkey else Source(source.data, source.keys, source.identities, keys[0])
        data, _ = _examined(aside, trusted)
        done = restore(aside, trusted, say)
        seconds = time.monotonic() - clock
        with open_house(aside) as house:
            opened = scrub(house.store)
    lost = began - data.taken_at
    findings = [
        *done.findings,
        *(f"{each.code}: {each.column} of {each.table} {each.row_id}" for each in opened.findings),
    ]
    for each in findings:
        say(each)
    say(f"Opened: {opened.values:,} sealed values and {opened.files:,} files of {opened.bytes:,} bytes.")
    say(f"Recovery point: {_told(lost)} would have been lost. Recovery time: {seconds:.1f} s until it could serve.")
    with open_house(settings) as house, house.store.begin(scope(house)) as work:
        work.record(
            BackupRehearsed(
                resource_id=None,
                subject_id=None,
                lost_seconds=int(lost.total_seconds()),
                seconds=int(seconds) + 1,
                finding_count=len(findings),
            ),
            Outcome.FAILED if findings else Outcome.SUCCESS,
        )
    return not findings


def verify(settings: Settings, file: Path, identities: str, vkey: str | None) -> tuple[list[str], bool]:
    """What a backup holds, in lines, and whether it could be restored from. Raises BackupRefused."""
    if vkey is None:
        _demand_keys(settings)
        with closing(open_keyring(settings)) as keyring:
            known = list(signing.known_keys(settings.origin, keyring))
    else:
        known = [vkey]
    found = restoring.examine(file, identities, known)
    copies = Copies(file.parent) if found.files else None
    missing = [each for each, size in found.files.items() if copies is None or copies.size(each) != size]
    lines = [
        f"Whole, and signed by {found.origin}: the {found.kind} of {found.taken_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"{found.rows:,} rows, {len(found.files):,} sealed files of {sum(found.files.values()):,} bytes."
    ]
    if found.has_kek:
        lines.append("It holds the key-encryption key too, which is fit for development only.")
    return [*lines, *(f"Missing beside it, or cut: {each}" for each in missing)], not missing


def _examined(settings: Settings, source: Source) -> tuple[Backup, Backup | None]:
    """Both backups, read whole and believed. Nothing is opened that a restore would make."""
    if source.keys is not None:
        if source.vkey is None:
            raise BackupRefused(
                "The keys that would tell whose backup this is come out of it: give the installation's verifier key "
                "with --vkey, as its /ledger/vkey showed it."
            )
        keys = restoring.examine(source.keys, source.identities, [source.vkey])
        data = restoring.examine(source.data, source.identities, [source.vkey])
        if keys.kind is not Kind.KEYS or data.kind is not Kind.DATA:
            raise BackupRefused("Name the backup of the data with --data, and that of the keys with --keys.")
        if keys.taken_at < data.taken_at:
            raise BackupRefused(
                f"{keys.file.name} is older than the data, so that what was sealed in between would not open: name a "
                "backup of the keys that was taken after the data."
            )
        return data, keys
    _demand_keys(settings)
    with closing(open_keyring(settings)) as keyring:
        known = [source.vkey] if source.vkey else list(signing.known_keys(settings.origin, keyring))
    return restoring.examine(source.data, source.identities, known), None


def _demand_keys(settings: Settings) -> None:
    """Refuse to open a key store that would come to be only now: restored keys would find it taken."""
    file = hazards.file_of(settings.key_store_url)
    if file is not None and not file.is_file():
        raise BackupRefused(
            "There is no key store, and nothing of the data opens without: name its backup with --keys."
        )


def _data(settings: Settings, keyring: Keyring, data: Backup, source: Source, say: Say) -> list[uuid.UUID]:
    engine = open_engine(settings.database_url)
    try:
        count = restoring.data(data, source.identities, engine)
    finally:
        engine.dispose()
    say(f"{count:,} rows are back in the database.")
    blobs = BlobStore(settings.blob_dir, keyring, published(settings))
    missing = restoring.files(data, Copies(source.data.parent), blobs)
    mirror(source.data.parent / ARCHIVE, settings.archive_dir)
    say(f"{len(data.files) - len(missing):,} sealed files are back.")
    return missing


def _findings(settings: Settings, house: House, missing: int, say: Say) -> list[str]:
    found = []
    if missing:
        found.append(f"{missing} sealed files were not beside the backup: `scrub` says which.")
    try:
        Sequencer(house.store, checkpoint_place(settings), house.policy_version).inspect()
    except LedgerRefused as refusal:
        found.append(
            f"The trail was published up to entry {refusal.published}, and ends at {refusal.size} in this backup "
            f"({refusal.reason.value}): nothing more is signed under the name {house.store.origin}. Look for a newer "
            "backup; if there is none, docs/operations/backups.md says how a new log begins."
        )
    for each in found:
        say(each)
    return found


def _record(house: House, data: Backup, missing: int, erased: int) -> None:
    with house.store.begin(scope(house)) as work:
        work.record(
            BackupRestored(
                resource_id=None,
                subject_id=None,
                row_count=data.rows,
                file_count=len(data.files),
                missing_count=missing,
                erased_count=erased,
            )
        )


def _idle(settings: Settings, house: House) -> Agents:
    lifetime = timedelta(days=settings.export_days)
    return Agents(house.store, house.force, Gateway([]), lifetime, backups=backup_periods(settings))


def _aside(settings: Settings, home: Path) -> Settings:
    """The settings of an installation that lies under `home` alone; a key management service stays the one it is."""
    kek = f"insecure-local://{quote(str(home / 'keys'))}" if settings.insecure else settings.kek_uri
    return settings.model_copy(
        update={
            "home": home,
            "database_url": f"sqlite:///{home}/data/muniment.sqlite3",
            "key_store_url": f"sqlite:///{home}/keys/keys.sqlite3",
            "kek_uri": kek,
            "blob_dir": home / "data" / "blobs",
            "blob_url": None,
            "ledger_dir": home / "ledger",
            "ledger_store": None,
            "archive_dir": home / "archive",
        }
    )


def _told(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:.1f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"

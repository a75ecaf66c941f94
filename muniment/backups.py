"""Taking backups, as the settings say or the command line does, and looking at what lies there."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from muniment.findings import Finding
from muniment.settings import Settings
from policies.principals import Kind as Acting
from resolvers.house import House
from storage.archives import recipients
from storage.backups import places, streams, taking
from storage.backups.files import Copies
from storage.backups.places import Kind
from storage.backups.streams import BackupRefused
from storage.clock import now
from storage.keys.kms import local_key
from storage.ledger import signing
from storage.ledger.events import BackedUp, BackupFailed, BackupTaken, Event, Outcome
from storage.ledger.scope import AuditScope

ARCHIVE = "archive"
"""The directory beside backups of the data with the part of the trail that has left the database."""
MOST_KEY_DAYS = 30
"""How long backups of the keys may be kept before that is a finding."""


@dataclass(frozen=True)
class Target:
    """Where backups of the data and of the keys go, and whose key (age, SSH) opens them."""

    place: Path
    keys_place: Path
    recipient: str

    @classmethod
    def of(cls, settings: Settings, place: Path | None, keys_place: Path | None, recipient: str | None) -> "Target":
        """What was said, or else the settings. Raises BackupRefused where something is missing or does not fit."""
        place, keys_place = place or settings.backup_dir, keys_place or settings.key_backup_dir
        recipient = recipient or settings.backup_recipient
        if place is None or keys_place is None or recipient is None:
            raise BackupRefused(
                "Say where to and for whom: --to DIR --keys-to DIR --recipient age1…, or MUNIMENT_BACKUP_DIR, "
                "MUNIMENT_KEY_BACKUP_DIR and MUNIMENT_BACKUP_RECIPIENT. `age-keygen` makes a pair; its secret "
                "half is kept elsewhere."
            )
        place, keys_place = place.absolute(), keys_place.absolute()
        if place.is_relative_to(keys_place) or keys_place.is_relative_to(place):
            raise BackupRefused(
                "Backups of the data and of the keys open one another: give each a directory of its own."
            )
        try:
            return cls(place, keys_place, recipients.checked(recipient))
        except recipients.RecipientRefused as error:
            raise BackupRefused(f"Nobody can be meant by that recipient: {error}.") from None


def take(settings: Settings, house: House, target: Target) -> Iterator[str]:
    """Take a backup of the data, then one of the keys; remove those whose time is over. Yields what was done, in lines.

    A failure is recorded in the trail. Raises BackupRefused, and what reading and writing raise.
    """
    with places.alone(target.place), places.alone(target.keys_place):
        for held, do in ((BackedUp.DATA, _data), (BackedUp.KEYS, _keys)):
            try:
                file, counted, size = do(settings, house, target)
            except BaseException:
                _record(house, BackupFailed(resource_id=None, subject_id=None, held=held), Outcome.FAILED)
                raise
            _record(
                house,
                BackupTaken(
                    resource_id=None,
                    subject_id=None,
                    held=held,
                    row_count=counted.rows,
                    file_count=counted.files,
                    byte_count=size,
                ),
            )
            beside = f", beside {counted.files} sealed files of {counted.file_bytes:,} bytes" if counted.files else ""
            yield f"{file}: {counted.rows:,} rows in {size:,} bytes{beside}"
        yield from _prune(settings, target)


def overview(settings: Settings, place: Path | None, keys_place: Path | None) -> list[str]:
    """The backups that lie in these directories, the oldest first, in lines."""
    keeps = {Kind.DATA: settings.data_backup_days, Kind.KEYS: settings.key_backup_days}
    found = {each for there in (place, keys_place) if there is not None for each in places.listed(there)}
    return [_line(each, keeps[each.kind]) for each in sorted(found, key=lambda each: each.taken_at)]


def _line(each: places.Kept, days: float | None) -> str:
    until = "no end was set" if days is None else f"until {each.taken_at + timedelta(days=days):%Y-%m-%d %H:%M} UTC"
    return f"{each.taken_at:%Y-%m-%d %H:%M:%S} UTC  {each.kind:4}  {each.size:>14,} bytes  {until}  {each.file}"


def findings(settings: Settings) -> Iterator[Finding]:
    """Whether backups are taken, those of the keys go soon, and the newest are as new as they should be."""
    try:
        target = Target.of(settings, None, None, None)
    except BackupRefused:
        yield Finding(
            "backups", True, "none are taken by Muniment (MUNIMENT_BACKUP_DIR is not set): see to it yourself"
        )
        return
    yield _short_lived(settings.key_backup_days)
    for place, kind in ((target.place, Kind.DATA), (target.keys_place, Kind.KEYS)):
        newest = next((each for each in reversed(places.listed(place)) if each.kind is kind), None)
        if newest is None:
            yield Finding(
                "backups", False, f"there is none of the {kind} in {place}: run `python -m muniment backup take`"
            )
            continue
        age = now() - newest.taken_at
        late = age > timedelta(hours=2 * settings.backup_hours)
        hint = ": look into the log, and run `python -m muniment backup take`" if late else ""
        yield Finding(
            "backups", not late, f"the newest of the {kind} is {age.total_seconds() / 3600:.1f} hours old{hint}"
        )


def _short_lived(days: float | None) -> Finding:
    """Whether backups of the keys end soon: until they do, what was deleted opens from a backup."""
    if days is not None and days <= MOST_KEY_DAYS:
        return Finding("backups", True, f"those of the keys are gone after {days:g} days")
    kept = "for ever" if days is None else f"for {days:g} days"
    hint = f"set MUNIMENT_KEY_BACKUP_DAYS to {MOST_KEY_DAYS} at most, for as long what was deleted opens from them"
    return Finding("backups", False, f"those of the keys are kept {kept}: {hint}")


def is_due(settings: Settings) -> bool:
    """Whether the settings ask for backups, and it is time for the next one."""
    if settings.backup_dir is None or settings.key_backup_dir is None:
        return False
    begun = [
        max((each.taken_at for each in places.listed(place)), default=None)
        for place in (settings.backup_dir, settings.key_backup_dir)
    ]
    before = now() - timedelta(hours=settings.backup_hours)
    return any(moment is None or moment <= before for moment in begun)


def _data(settings: Settings, house: House, target: Target) -> tuple[Path, taking.Counted, int]:
    counted, taken_at = taking.Counted(), now()
    file = places.path(target.place, Kind.DATA, taken_at)
    lines = taking.data(house.store, Copies(target.place), target.place / ARCHIVE, taken_at, counted)
    return file, counted, streams.write(file, lines, target.recipient, _signing(house))


def _keys(settings: Settings, house: House, target: Target) -> tuple[Path, taking.Counted, int]:
    counted, taken_at = taking.Counted(), now()
    file = places.path(target.keys_place, Kind.KEYS, taken_at)
    key_store = house.store.keyring.key_store
    lines = taking.keys(key_store, local_key(settings.kek_uri), house.store.origin, taken_at, counted)
    return file, counted, streams.write(file, lines, target.recipient, _signing(house))


def _prune(settings: Settings, target: Target) -> Iterator[str]:
    for place, kind, days in (
        (target.place, Kind.DATA, settings.data_backup_days),
        (target.keys_place, Kind.KEYS, settings.key_backup_days),
    ):
        if days is not None:
            for each in places.prune(place, kind, now() - timedelta(days=days)):
                yield f"{each.file}: its time was over, and it is gone"
    oldest = next((each.taken_at for each in places.listed(target.place) if each.kind is Kind.DATA), None)
    gone = 0 if oldest is None else Copies(target.place).prune(oldest)
    if gone:
        yield f"{gone} sealed files that no backup needs any more are gone"


def _signing(house: House) -> partial[str]:
    return partial(signing.signed, origin=house.store.origin, keyring=house.store.keyring)


def _record(house: House, event: Event, outcome: Outcome = Outcome.SUCCESS) -> None:
    with house.store.begin(scope(house)) as work:
        work.record(event, outcome)


def scope(house: House) -> AuditScope:
    """As whom backups are recorded."""
    return AuditScope("operator", Acting.AGENT.value, None, None, None, None, uuid.uuid4(), house.policy.version)

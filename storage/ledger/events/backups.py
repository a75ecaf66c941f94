"""Backups: taken, failed, restored, and tried."""

import enum

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class BackedUp(enum.StrEnum):
    """What a backup holds."""

    DATA = "data"
    KEYS = "keys"


class BackupTaken(Event):
    """Everything in the database, with the sealed files, or everything in the key store, was copied and encrypted.

    `byte_count` counts the encrypted file, `file_count` the sealed files that it needs beside it.
    """

    action = "backup.taken"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    held: BackedUp
    row_count: int
    file_count: int
    byte_count: int


class BackupFailed(Event):
    """A backup could not be taken; what was written of it is gone. The log says why."""

    action = "backup.failed"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    held: BackedUp


class BackupRestored(Event):
    """These data came out of a backup. What the erasure journal remembers was erased again before anything was served.

    `missing_count` counts sealed files that were not beside the backup.
    """

    action = "backup.restored"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    row_count: int
    file_count: int
    missing_count: int
    erased_count: int


class BackupRehearsed(Event):
    """A backup was restored to a place of its own, opened throughout, and thrown away.

    `lost_seconds` is the age of the backup: what would have been lost (recovery point). `seconds` is how long it took
    until it could have served (recovery time). `finding_count` counts what did not hold; SUCCESS only where it is 0.
    """

    action = "backup.rehearsed"
    category = Category.ADMIN_ACTION
    resource = Resource.PLATFORM

    lost_seconds: int
    seconds: int
    finding_count: int

"""How the keys stand: who may read them, what lies apart, how old they are, whether what wraps them answers."""

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from muniment import hazards, keys, probes
from muniment.findings import Finding
from muniment.settings import Settings
from storage.clock import now
from storage.keys import server_logging
from storage.keys.errors import KeyStoreError, KeyStoreMissing
from storage.keys.names import SESSIONS, SIGNING
from storage.keys.stores import KeyStore
from storage.open_databases import OpenDatabases

_LEEWAY = timedelta(days=2)
"""Agents look once a day whether an old key can go."""


def findings(settings: Settings, databases: OpenDatabases) -> Iterator[Finding]:
    """Every finding about keys. Asks each key management service once; changes nothing, and shows no secret."""
    for name, file in _files(settings):
        yield from _private(name, file)
    yield _apart(settings)
    if isinstance(databases.refusal, KeyStoreMissing):
        yield Finding("keys", True, "there are none yet: they are made when the server first starts")
        return
    if databases.refusal is not None:
        yield Finding("keys", False, f"{databases.refusal}: look at MUNIMENT_KEY_STORE_URL")
        return
    if databases.keys is None:
        yield Finding("keys", False, "they were not looked at, because of what was found about open files")
        return
    try:
        lines = keys.lines(settings, databases.keys)
    except KeyStoreError as error:
        yield Finding("keys", False, f"{error}: look at MUNIMENT_KEY_STORE_URL")
        return
    yield from _ages(lines, settings)
    yield from _server(databases.keys)
    for uri in settings.kek_uris:
        yield probes.reach(uri, settings)


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name, url in (("database", settings.database_url), ("key store", settings.key_store_url)):
        if file := hazards.file_of(url):
            yield name, file
    if settings.tls_key is not None:
        yield "TLS key", settings.tls_key


def _private(name: str, file: Path) -> Iterator[Finding]:
    if not file.is_file():
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(name, False, f"{file} has mode {mode:03o}, so others may reach it: chmod 600 it")
    else:
        yield Finding(name, True, f"{file} is readable by this user only")


def _apart(settings: Settings) -> Finding:
    """Two places on one disk are one theft. That is what a laptop has; in production it is amiss."""
    store, data = hazards.file_of(settings.key_store_url), settings.blob_dir
    if store is None or not store.exists() or not data.exists():
        return Finding("separation", True, "keys and data are reached at different addresses")
    if store.stat().st_dev != data.stat().st_dev:
        return Finding("separation", True, "keys and data lie on different file systems")
    return Finding(
        "separation",
        not settings.production,
        "keys and data lie on one file system, so that one copied disk holds both: give the key store a disk or a"
        " PostgreSQL server of its own, and back it up apart",
    )


def _server(store: KeyStore) -> Iterator[Finding]:
    """Whether the key store's server keeps wrapped keysets beside the table, where no destruction reaches them."""
    kept = server_logging.kept(store)
    if kept is None:
        return
    if kept.logged_by:
        by = ", ".join(kept.logged_by)
        text = f"its server logs parameters ({by}), so that destroyed keysets stay in its log (docs/operations/keys.md)"
        yield Finding("key store's log", False, text)
    else:
        yield Finding("key store's log", True, "its server writes no parameters into its log")
    if kept.archives:
        text = "its server archives its WAL: destroyed keysets stay there for as long as you keep it"
        yield Finding("key store's WAL", True, text)


def _ages(lines: list[keys.Line], settings: Settings) -> Iterator[Finding]:
    for line in lines:
        if line.overdue:
            how = keys.how_to_rotate(line)
            yield Finding("key age", not how, f"{line.name} is older than {settings.key_rotation_days:g} days{how}")
        if line.rotating and not _may_wait(line, settings):
            yield Finding(
                "rotation", False, f"{line.rotating} {line.name} keysets are half way{keys.how_to_rotate(line)} again"
            )
    if not any(line.overdue or (line.rotating and not _may_wait(line, settings)) for line in lines):
        yield Finding("key age", True, f"no key is older than {settings.key_rotation_days:g} days")
    for line in lines:
        if line.left_behind:
            yield Finding(
                "key-encryption key",
                False,
                f"{line.count} keysets still lie under {line.name}: run `python -m muniment keys rotate --kek URI` with"
                " the key that new ones lie under",
            )


def _may_wait(line: keys.Line, settings: Settings) -> bool:
    """Whether an old key is right to be there still: what it made ends by itself, and not all of it has."""
    hours = {
        SESSIONS.id: max(settings.session_hours, settings.idempotency_hours, settings.ticket_minutes / 60),
        SIGNING.id: 24 * settings.signing_overlap_days,
    }
    if line.since is None or line.name not in hours:
        return False
    return now() < line.since + timedelta(hours=hours[line.name]) + _LEEWAY

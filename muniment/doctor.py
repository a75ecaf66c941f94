"""A look over an installation without opening any content: what is installed, where things lie, how keys stand."""

import shutil
import stat
import sys
from importlib.metadata import version
from pathlib import Path

from muniment import backups, hazards, key_checks, posture, quotas, tallies, tls
from muniment.findings import Finding
from muniment.house import published
from muniment.settings import Settings
from policies.compiled import version_of
from policies.workbench import checking
from storage import enabling, granted_rights, policies, queue_tables, staff
from storage.blobs.errors import BlobError
from storage.clock import now
from storage.database import Transaction
from storage.file_bindings import count_unbound
from storage.ledger import log_check
from storage.open_databases import OpenDatabases, opened

_LEAST_FREE_BYTES = 1024**3
_MOST_RIGHTS = 10
"""How many wrong rights are named."""


def examine(settings: Settings, databases: OpenDatabases | None = None) -> list[Finding]:
    """Return every finding about this installation; none of them shows a secret.

    `databases` are those that this process has open. Without them it opens both, for as long as it looks; unless
    another process has lost its hold on one: then opening and closing it would be what deletes its log.
    """
    files = list(key_checks.file_findings(settings))
    if databases is not None:
        return _examine(settings, databases, files)
    if any(not each.good for each in files):
        return _examine(settings, OpenDatabases(None, None), files)
    with opened(settings.database_url, settings.key_store_url) as found:
        return _examine(settings, found, files)


def _examine(settings: Settings, databases: OpenDatabases, files: list[Finding]) -> list[Finding]:
    return [
        Finding("python", (3, 11) <= sys.version_info[:2] <= (3, 12), ".".join(map(str, sys.version_info[:3]))),
        # Versions before 50 lack fixes; the policy engine's own requirement would hold it back.
        Finding("cryptography", int(version("cryptography").split(".")[0]) >= 50, version("cryptography")),
        Finding("policy engine", version("oso") == "0.27.3", f"oso {version('oso')}"),
        Finding("environment", True, settings.env),
        *_policy(settings, databases),
        *_separation(databases),
        *_enabled(settings, databases),
        *(_private(place) for place in _places(settings)),
        _room(settings.home),
        *quotas.findings(settings, databases),
        *_queue(databases),
        *_logins(settings, databases),
        *_files(databases),
        *audit_log(databases),
        *_bucket(settings),
        *_tallies(settings),
        *files,
        *key_checks.keyset_findings(databases),
        *posture.findings(settings, databases),
        *backups.findings(settings),
        *tls.findings(settings),
        *_apart(settings),
    ]


def _policy(settings: Settings, databases: OpenDatabases) -> list[Finding]:
    """Whether the file could be served, and whether it is what is in force."""
    file = checking.check(settings.policy_file)
    name = settings.policy_file.name
    if file.policy is None or file.problems:
        return [Finding("policy", False, f"{name} can't be served: `python -m muniment policy check` says why")]
    found = [Finding("policy", True, f"{name} holds together (version {file.policy.version})")]
    known = databases.read(_in_force)
    if known is not None and known != file.policy.hash:
        found.append(Finding("policy", True, f"another one is in force (version {version_of(known)})"))
    return found


def _in_force(session: Transaction) -> str | None:
    """The hash of the policy in force; None while there is none."""
    known = policies.newest(session) if policies.are_kept(session) else None
    return None if known is None else known.hash


def _enabled(settings: Settings, databases: OpenDatabases) -> list[Finding]:
    """Whether there is a model or an agent that nobody has approved."""
    found = databases.read(lambda session: enabling.refused(session, now()) if policies.are_kept(session) else None)
    if found is None:
        return []
    if not found:
        return [Finding("models and agents", True, "none that nobody has approved")]
    names = ", ".join(f"{each.part.value} {each.version}" for each in found)
    does = "does nothing" if settings.production else "would do nothing in production"
    todo = "registerChange with an assessment, and approveChange by a second person"
    return [Finding("models and agents", False, f"{names} {does} before it is approved: {todo}")]


def _separation(databases: OpenDatabases) -> list[Finding]:
    """Whether anybody holds two jobs that nobody may, from before that was asked."""
    found = databases.read(lambda session: staff.overlapping(session) if policies.are_kept(session) else None)
    if found is None:
        return []
    pairs = sorted({" and ".join(sorted(role.lower() for role in each.jobs)) for each in found})
    said = f"{len(found)} hold {', '.join(pairs)} together: `staff revoke` takes one of the two"
    return [Finding("separation of duties", not found, said if found else "nobody holds jobs that exclude one another")]


def _places(settings: Settings) -> tuple[Path, ...]:
    outside = () if settings.ledger_store is not None else (settings.ledger_dir,)
    return settings.home / "data", settings.home / "keys", settings.blob_dir, *outside


def _private(place: Path) -> Finding:
    if not place.is_dir():
        return Finding("directory", False, f"{place} is not there")
    private = not place.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return Finding("directory", private, f"{place} is {'' if private else 'not '}readable by this user only")


def _room(place: Path) -> Finding:
    there = next(directory for directory in (place, *place.parents) if directory.is_dir())
    free = shutil.disk_usage(there).free
    return Finding("disk", free > _LEAST_FREE_BYTES, f"{free // 1024**2} MiB free under {place}")


def _queue(databases: OpenDatabases) -> list[Finding]:
    """Whether the job queue's tables refuse rows in another format than ours."""
    open_tables = databases.read(
        lambda session: queue_tables.open_tables(session) if policies.are_kept(session) else None
    )
    if open_tables is None:
        return []
    if not open_tables:
        return [Finding("job queue", True, "its tables refuse rows in another format than ours")]
    todo = "run `python -m muniment database upgrade` as the owner of the tables, and look at runbook D24"
    return [Finding("job queue", False, f"{', '.join(open_tables)} would take rows in any format: {todo}")]


def _logins(settings: Settings, databases: OpenDatabases) -> list[Finding]:
    """Whether the logins of the API and the agents may do what they should, and no more."""
    if databases.data is None or databases.data.dialect.name != "postgresql":
        return []
    read = databases.read(lambda session: _rights(session) if policies.are_kept(session) else None)
    if read is None:
        return []
    owns, wrong = read
    page = "docs/operations/postgresql.md"
    found = [Finding("database logins", False, f"{each} ({page})") for each in (wrong or [])[:_MOST_RIGHTS]]
    if wrong and len(wrong) > _MOST_RIGHTS:
        found.append(Finding("database logins", False, f"and {len(wrong) - _MOST_RIGHTS} more rights"))
    if owns:
        said = (
            f"this login owns the tables, and nothing is refused to it: give the API and the agents their own ({page})"
        )
        found.append(Finding("database logins", not settings.production, said))
    elif not wrong:
        found.append(
            Finding("database logins", True, "the API's and the agents' have the rights that are listed, no more")
        )
    return found


def _rights(session: Transaction) -> tuple[bool, list[str] | None]:
    return granted_rights.owns_tables(session), granted_rights.deviations(session)


def _files(databases: OpenDatabases) -> list[Finding]:
    """How many files are still in the format that does not bind them to their asset and owner."""
    unbound = databases.read(lambda session: count_unbound(session) if policies.are_kept(session) else None)
    if unbound is None:
        return []
    if not unbound:
        return [Finding("files", True, "every file is bound to its asset and owner")]
    return [Finding("files", True, f"{unbound} are in format 1 and are being bound to their assets and owners")]


def audit_log(databases: OpenDatabases) -> list[Finding]:
    """Whether the newest entries are what was hashed into the log."""
    damages = databases.read(lambda session: log_check.check_newest(session) if policies.are_kept(session) else None)
    if damages is None:
        return []
    if not damages:
        return [Finding("audit log", True, "the newest entries are what was hashed into the log")]
    said = ", ".join(each.text() for each in damages[:3])
    return [Finding("audit log", False, f"{said}: look at runbook D06, and run `python -m muniment audit verify`")]


def _bucket(settings: Settings) -> list[Finding]:
    """Whether the bucket answers, and may be listed, as the sweep has to."""
    bucket = published(settings)
    if bucket is None:
        return []
    try:
        next(bucket.listed(), None)
    except BlobError as error:
        hint = "look at MUNIMENT_BLOB_URL, at the credentials in the environment, and at the way there"
        return [Finding("bucket", False, f"{error}: {hint} (docs/operations/files.md)")]
    return [Finding("bucket", True, f"{settings.blob_url} answers")]


def _tallies(settings: Settings) -> list[Finding]:
    """Whether the server where several processes count callers answers."""
    if settings.limits_url is None:
        return []
    import redis

    try:
        tallies.demand(settings.limits_url)
    except (redis.RedisError, OSError) as error:
        hint = "each process counts by itself meanwhile; look at MUNIMENT_LIMITS_URL (docs/operations/limits.md)"
        return [Finding("shared limits", False, f"no answer ({type(error).__name__}): {hint}")]
    return [Finding("shared limits", True, "the server answers")]


def _apart(settings: Settings) -> list[Finding]:
    """What production would refuse: in development it is told, not held against the installation."""
    found = hazards.in_production(settings)
    if not found:
        return [Finding("production", True, "these settings would be accepted")]
    return [Finding("production", True, f"would refuse: {sentence}") for sentence in found]

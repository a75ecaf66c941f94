"""What a process begins with, told at each start: what protects the installation, and in which versions it runs."""

import uuid
from contextlib import suppress

import structlog

from muniment import versions
from muniment.settings import Settings
from policies.principals import Kind
from resolvers import enabling
from resolvers.house import House
from storage import changes
from storage.changes import AlreadyNoted
from storage.ledger import trail
from storage.ledger.events import ControlSwitchedOff, Outcome, Safeguard, SystemStarted
from storage.ledger.scope import AuditScope

log = structlog.get_logger("muniment.changes")


def in_force(settings: Settings) -> dict[Safeguard, bool]:
    """Which of them these settings switch on."""
    return {
        Safeguard.BACKUPS: settings.backup_dir is not None and settings.key_backup_dir is not None,
        Safeguard.CHECKPOINTS: settings.ledger_store is not None,
        Safeguard.REGIONS: bool(settings.regions),
        Safeguard.ROTATION: settings.rotate_keysets,
        Safeguard.TLS: settings.tls_cert is not None or settings.tls_terminated_upstream,
        Safeguard.WEBHOOK: settings.webhook_url is not None,
        Safeguard.WITNESSES: settings.witness_policy is not None,
    }


def announce(house: House, settings: Settings, component: str) -> None:
    """Record that this process, a `component` of the platform, has started, and what it lacks that the last one had."""
    scope = AuditScope(component, Kind.AGENT.value, None, None, None, None, uuid.uuid4(), house.policy.version)
    safeguards = in_force(settings)
    with house.store.begin(scope) as work:
        before = trail.last_details(work.session, SystemStarted.action, component)
        work.record(
            SystemStarted(
                backups=safeguards[Safeguard.BACKUPS],
                checkpoints=safeguards[Safeguard.CHECKPOINTS],
                regions=safeguards[Safeguard.REGIONS],
                rotation=safeguards[Safeguard.ROTATION],
                tls=safeguards[Safeguard.TLS],
                webhook=safeguards[Safeguard.WEBHOOK],
                witnesses=safeguards[Safeguard.WITNESSES],
            )
        )
        for each, on in safeguards.items():
            if before.get(each.value) is True and not on:
                off = ControlSwitchedOff(resource_id=None, subject_id=None, safeguard=each)
                work.record(off, Outcome.FAILED)
    with suppress(AlreadyNoted):
        _tell_versions(house, settings, component, scope)


def _tell_versions(house: House, settings: Settings, component: str, scope: AuditScope) -> None:
    """Note in which versions this process runs, and hold those that are new here against the change register.

    Raises AlreadyNoted.
    """
    running = versions.running(settings)
    with house.store.begin(scope) as work:
        for row in changes.observe(work.session, component, running, work.now):
            stands = enabling.tell(work, row)
            if stands in changes.UNAPPROVED:
                log.warning("nobody has approved what runs", part=row.part.value, version=row.version)

"""What the checks of controls came to."""

import enum

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource


class ControlsChecked(Event):
    """The live checks of all controls were run, on their schedule or by whoever runs the server."""

    action = "controls.checked"
    category = Category.SYSTEM_DECISION
    resource = Resource.PLATFORM

    check_count: int
    failed_count: int


class Safeguard(enum.StrEnum):
    """What an operator can leave out, and should know that they have."""

    BACKUPS = "backups"  # the platform takes them by itself
    CHECKPOINTS = "checkpoints"  # the newest one lies in a place of its own
    REGIONS = "regions"  # work leaves only for regions that are named
    ROTATION = "rotation"  # keys are rotated by themselves
    TLS = "tls"  # connections are encrypted, here or before
    WEBHOOK = "webhook"  # the trail is brought to whoever collects it
    WITNESSES = "witnesses"  # others cosign the log


class Secret(enum.StrEnum):
    """What a log line must not hold."""

    ADDRESS = "address"  # somebody's e-mail address
    KEY = "key"  # a private key, a webhook's secret, a second factor's
    TOKEN = "token"  # noqa: S105 - what proves who is calling


class LogWithheld(Event):
    """Something that is nobody's to read was about to be logged. It was not: the line was written without it."""

    action = "log.withheld"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    secret: Secret
    logger_name: Identifier
    line_count: int


class ControlSwitchedOff(Event):
    """A process started without something that protects, and that the last one of its sort had."""

    action = "control.switched_off"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    safeguard: Safeguard


class FindingOpened(Event):
    """A check of a control found something amiss that was not known before. Its owner has until its date to mend it."""

    action = "finding.opened"
    category = Category.SECURITY_EVENT
    resource = Resource.FINDING

    control: Identifier
    found_by: Identifier
    amiss_count: int
    due_seconds: int


class FindingAccepted(Event):
    """Somebody else than its owner answers for a finding's risk, for so long and for a reason that it keeps, sealed."""

    action = "finding.accepted"
    category = Category.ADMIN_ACTION
    resource = Resource.FINDING

    control: Identifier
    found_by: Identifier
    amiss_count: int
    lifetime_seconds: int


class FindingReopened(Event):
    """A finding's risk had been accepted until now, and what was found is there still: it is open again."""

    action = "finding.reopened"
    category = Category.SYSTEM_DECISION
    resource = Resource.FINDING

    control: Identifier
    found_by: Identifier


class FindingClosed(Event):
    """A check that had found something amiss found it no more."""

    action = "finding.closed"
    category = Category.SYSTEM_DECISION
    resource = Resource.FINDING

    control: Identifier
    found_by: Identifier
    open_seconds: int

"""What the sentinel found and did, and what people made of it. Together they are an incident's timeline."""

import uuid

from storage.incidents import IncidentDecision, IncidentStatus, Severity
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Identifier, Resource
from storage.measures import Measure
from storage.staff import StaffRole


class DetectionAlarmed(Event):
    """A detection found what people should know of, and nothing that is wrong: it opened no incident.

    One event for each job that is told, and one without a job for the contributor whose account or work it is: they are
    the subject, and it stands in their inbox.
    """

    action = "detection.alarmed"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    detection: Identifier
    detection_version: int
    role: StaffRole | None


class IncidentOpened(Event):
    """A detection hit. The subject is whose account or key it was, where the detection says that they are told."""

    action = "incident.opened"
    category = Category.SECURITY_EVENT
    resource = Resource.INCIDENT

    detection: Identifier
    detection_version: int
    severity: Severity
    drill: bool


class IncidentJoined(Event):
    """The same detection hit again by the same actor, before people had decided: it belongs to the same incident.

    Recorded at the second hit, the fourth, the eighth and so on; `hits` says how many there were.
    """

    action = "incident.joined"
    category = Category.SECURITY_EVENT
    resource = Resource.INCIDENT

    detection: Identifier
    hits: int


class IncidentContained(Event):
    """A measure was carried out at once. The subject is the contributor whose credential it was, if it was one's.

    Sessions and keys that are held go on: their exports wait for a proof of identity, or they are slowed down a while.
    """

    action = "incident.contained"
    category = Category.SECURITY_EVENT
    resource = Resource.INCIDENT

    measure: Measure
    sessions_ended: int
    sessions_held: int
    keys_suspended: int
    keys_held: int
    grants_ended: int
    after_milliseconds: int


class IncidentAlerted(Event):
    """Those whom the playbook names were told: one event for each job. `attempt` counts from 1; later ones escalate."""

    action = "incident.alerted"
    category = Category.SECURITY_EVENT
    resource = Resource.INCIDENT

    role: StaffRole
    attempt: int


class IncidentAcknowledged(Event):
    """Somebody looks after it: it escalates no more."""

    action = "incident.acknowledged"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT


class IncidentTriaged(Event):
    """Somebody decided whether it is one."""

    action = "incident.triaged"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT

    decision: IncidentDecision
    affected_count: int


class IncidentNoticeDrafted(Event):
    """A notice to those affected was written; nobody has read it yet."""

    action = "incident.notice_drafted"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT

    affected_count: int


class IncidentNotified(Event):
    """A second person approved the notice, and it was sent: one event for each person affected, who is the subject."""

    action = "incident.notified"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT

    within_clock: bool


class IncidentStepRecorded(Event):
    """People went a step on: recovered from it, or reviewed what it teaches."""

    action = "incident.step_recorded"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT

    status: IncidentStatus


class IncidentFollowUpOpened(Event):
    """A review said what is to be done after the incident, by whom, and within how many seconds from then."""

    action = "incident.follow_up_opened"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT

    follow_up_id: uuid.UUID
    due_seconds: int


class IncidentFollowUpCompleted(Event):
    """Whoever had to do it says that a follow-up is done, in time or late; nobody else has seen it yet."""

    action = "incident.follow_up_completed"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT

    follow_up_id: uuid.UUID
    late: bool


class IncidentFollowUpReviewed(Event):
    """Somebody else looked whether a follow-up is done: it is verified, or open again."""

    action = "incident.follow_up_reviewed"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT

    follow_up_id: uuid.UUID
    verified: bool


class IncidentFollowUpReassigned(Event):
    """A follow-up is somebody else's to do. When it is due stays as it was."""

    action = "incident.follow_up_reassigned"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT

    follow_up_id: uuid.UUID


class IncidentMeasureLifted(Event):
    """An API key works again as before, for a reason that the incident keeps. The subject is its owner."""

    action = "incident.measure_lifted"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT


class IncidentClosed(Event):
    """Nothing is left to be done about it."""

    action = "incident.closed"
    category = Category.ADMIN_ACTION
    resource = Resource.INCIDENT


class SentinelBeat(Event):
    """The sentinel is there, hour by hour, and has read this far: its silence would not be calm."""

    action = "sentinel.beat"
    category = Category.SYSTEM_DECISION
    resource = Resource.SENTINEL_MARK

    next_index: int
    detections: int

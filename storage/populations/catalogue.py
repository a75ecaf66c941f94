"""The questions that auditors ask, by name, and where each is answered from.

A source is the trail (entries of certain actions), a register (rows of a table), or something the system knows of
itself. A question whose source does not exist here is answered as such, and never with an empty list.
"""

import enum
from dataclasses import dataclass

from storage.access_reviews.records import AccessReviewItem
from storage.appointments import Appointment
from storage.changes import Change
from storage.contributors import Consent
from storage.controls.findings import Finding
from storage.deletions import Deletion
from storage.follow_ups import FollowUp
from storage.grants import AccessGrant
from storage.incidents import Incident
from storage.investigations import Investigation
from storage.ledger.events import Outcome
from storage.legal_holds import LegalHold
from storage.notices import PublishedNotice
from storage.outages import Outage
from storage.populations.sources import (
    Checkpoints,
    Columns,
    Metrics,
    Months,
    Register,
    Source,
    Trail,
    Versions,
)
from storage.rights import RightsRequest
from storage.services import Service
from storage.sessions import ApiKey
from storage.staff import RoleAssignment


class PopulationName(enum.StrEnum):
    """What can be asked for."""

    ACCESS_CREATED = "ACCESS_CREATED"
    ACCESS_REVIEWS = "ACCESS_REVIEWS"
    ACCOUNTS = "ACCOUNTS"
    AGENT_ACTIONS = "AGENT_ACTIONS"
    AGENT_VIOLATIONS = "AGENT_VIOLATIONS"
    API_KEYS = "API_KEYS"
    APPOINTMENTS = "APPOINTMENTS"
    AVAILABILITY = "AVAILABILITY"
    BACKUPS = "BACKUPS"
    BREAK_GLASS = "BREAK_GLASS"
    CHANGES = "CHANGES"
    CHECKPOINTS = "CHECKPOINTS"
    CONSENTS = "CONSENTS"
    CONTENT_ACCESS = "CONTENT_ACCESS"
    CONTENT_READS = "CONTENT_READS"
    CONTROL_RUNS = "CONTROL_RUNS"
    DELETIONS = "DELETIONS"
    DEPLOYMENTS = "DEPLOYMENTS"
    DEPROVISIONINGS = "DEPROVISIONINGS"
    DETECTIONS = "DETECTIONS"
    EGRESS_BLOCKED = "EGRESS_BLOCKED"
    ENCRYPTION = "ENCRYPTION"
    FINDINGS = "FINDINGS"
    FOLLOW_UPS = "FOLLOW_UPS"
    INCIDENTS = "INCIDENTS"
    INCIDENT_METRICS = "INCIDENT_METRICS"
    INVESTIGATIONS = "INVESTIGATIONS"
    KEY_ROTATIONS = "KEY_ROTATIONS"
    LEGAL_HOLDS = "LEGAL_HOLDS"
    NOTICES = "NOTICES"
    OUTAGES = "OUTAGES"
    RESTORE_TESTS = "RESTORE_TESTS"
    RIGHTS_REQUESTS = "RIGHTS_REQUESTS"
    ROLE_CHANGES = "ROLE_CHANGES"
    SERVICES = "SERVICES"


@dataclass(frozen=True)
class Population:
    """One question: in the auditor's words, by number, on which criteria it bears, where the answer comes from."""

    name: PopulationName
    number: str
    question: str
    criteria: tuple[str, ...]
    source: Source
    limits: str = ""
    """What the list does not show, in a sentence."""


_N = PopulationName
_GONE = "Rows of accounts that were erased since are not in it: their deletions are a population of their own."

POPULATIONS: dict[PopulationName, Population] = {
    each.name: each
    for each in (
        Population(
            _N.ACCOUNTS, "Q1", "Which accounts of staff had access, in which jobs, with what second factor, used when?",
            ("CC6.1", "CC6.2"), Register(RoleAssignment, "assigned_at", as_of=True, staff=True),
            "Jobs held now that were given before the period's end; those taken away are in DEPROVISIONINGS. "
            "has_second_factor and last_act_at, the newest entry of theirs in the trail, are as when it is asked.",
        ),
        Population(
            _N.ACCESS_CREATED, "Q2", "Which accounts, jobs and keys were created?", ("CC6.2",),
            Trail(("api_key.created", "passkey.enrolled", "role.assigned", "second_factor.enrolled", "staff.added")),
            "Who asked for an account or a job of staff, and who agreed, is APPOINTMENTS. What whoever runs the server "
            "gave by hand is not in there: who approved that is the operator's to show.",
        ),
        Population(
            _N.APPOINTMENTS, "Q2", "Who was to work here and as what, who asked for it, and who agreed?", ("CC6.2",),
            Register(Appointment, "requested_at"), "Why is words: `appointments` in the API has them.",
        ),
        Population(
            _N.DEPROVISIONINGS, "Q3", "Who left or lost a job, and what ended with it?", ("CC6.2",),
            Trail(("api_key.revoked", "passkey.removed", "role.revoked", "staff.removed"), afterwards=True),
            "All ends in one transaction. Of who left, `afterwards` counts what they did from then on, and what was "
            "under way and was refused, with the milliseconds from the entry to the last of each; null once the trail "
            "has forgotten who it was. When somebody left is the operator's to show.",
        ),
        Population(
            _N.CONTENT_ACCESS, "Q4", "Who of staff can open contributors' work?", ("CC6.3", "C1.1"),
            Register(AccessGrant, "requested_at", as_of=True),
            "A grant opens something where its status is ACTIVE and expires_at lies ahead; all others open nothing.",
        ),
        Population(
            _N.ROLE_CHANGES, "Q5", "Which jobs were given and taken, and which policies came into force?",
            ("CC6.3", "CC8.1"),
            Trail(("policy.entered", "policy.proposed", "policy.reload_refused", "role.assigned", "role.revoked")),
        ),
        Population(
            _N.ACCESS_REVIEWS, "Q6", "Who reviewed whose access, and what became of it?", ("CC6.3",),
            Register(AccessReviewItem, "opened_at"),
            "What each review was about; holder_id and decided_by differ. Reviews of single grants are in BREAK_GLASS. "
            f"{_GONE}",
        ),
        Population(
            _N.BREAK_GLASS, "Q7", "Which access to contributors' work was asked for, and what became of it?",
            ("CC6.1", "P6.7"), Register(AccessGrant, "requested_at"),
            f"What was opened under each is in CONTENT_READS, by grantId. {_GONE}",
        ),
        Population(
            _N.CONTENT_READS, "Q7", "Which of others' works were opened, and under which grant?", ("CC6.1", "P6.7"),
            Trail(("content.downloaded", "content.read", "trail.opened")),
            "Of staff each has the grantId of BREAK_GLASS, or the investigation of INVESTIGATIONS; what a drill made "
            "up, of component drill, has neither. Agents open as AGENT_ACTIONS says, and people with whom a project is "
            "shared without one. Owners who read their own are not in it, owners who fetch their own files are. Of "
            "what goes by a person's id only the count is there.",
        ),
        Population(
            _N.API_KEYS, "Q8", "Which API keys are there, with which scopes, until when?", ("CC6.1",),
            Register(ApiKey, "created_at", as_of=True), _GONE,
        ),
        Population(
            _N.KEY_ROTATIONS, "Q9", "When were which encryption keys renewed?", ("CC6.1",),
            Trail(("keys.rotated", "keys.rotation_started")),
            "Which keys there are, how old, and when they are due: `python -m muniment keys status`.",
        ),
        Population(
            _N.ENCRYPTION, "Q10", "Is all content encrypted?", ("CC6.1", "C1.1", "PI1.5"), Columns(),
            "What the program declares. That it is so in these data: `python -m muniment scrub`.",
        ),
        Population(
            _N.CHECKPOINTS, "Q11", "Is the audit trail whole?", ("CC2.1", "CC7.2"), Checkpoints(),
            "Each signs every entry before it. `python -m muniment audit verify` checks all of them offline.",
        ),
        Population(
            _N.AGENT_ACTIONS, "Q12", "What did agents do, and under which policy?", ("CC6.3", "CC7.2", "PI1.3"),
            Trail(agents=True),
        ),
        Population(
            _N.AGENT_VIOLATIONS, "Q13", "What did agents attempt that was refused?", ("CC6.3", "CC6.8"),
            Trail(agents=True, outcome=Outcome.DENIED),
            "What they did against what the trail says they did: `python -m muniment audit reconcile`.",
        ),
        Population(
            _N.DETECTIONS, "Q14", "What was detected, and what became of it?", ("CC7.2", "CC7.3"),
            Trail(
                (
                    "agent.strayed", "api_key.new_place", "content.damaged", "control.switched_off",
                    "detection.alarmed", "incident.contained", "incident.joined", "incident.opened", "log.withheld",
                    "preference.bypassed", "sentinel.beat", "session.new_place",
                )
            ),
            "What the sentinel looks for is `detections`; what else watches the trail is the operator's to show.",
        ),
        Population(
            _N.INCIDENTS, "Q15", "Which incidents were there?", ("CC7.3", "CC7.4", "CC7.5", "P6.3", "P6.6"),
            Register(Incident, "detected_at"),
            "Those that the sentinel opened, drills too; what people noticed otherwise is the operator's to show.",
        ),
        Population(
            _N.INCIDENT_METRICS, "Q15", "How many incidents were there each month, and how fast were people?",
            ("CC5.3", "CC7.4"), Metrics(),
            "As they stand when it is asked, without drills. Times are seconds, the median and the worst of those in "
            "which it was done; what turned out to be none is not timed.",
        ),
        Population(
            _N.FOLLOW_UPS, "Q15", "What was to be done after incidents, whose was it, and who saw it done when?",
            ("CC4.2", "CC7.4", "CC7.5"), Register(FollowUp, "opened_at"),
            "Past due_at each is a finding too until verified_at; owner_id and verified_by differ. What was to be done "
            "is words: `followUps` in the API has them.",
        ),
        Population(
            _N.INVESTIGATIONS, "Q15", "Which investigations opened who was behind entries?", ("CC7.3", "CC7.4"),
            Register(Investigation, "opened_at"),
        ),
        Population(
            _N.DELETIONS, "Q16", "What was to be deleted, by whose word, and when was it?", ("C1.2", "P4.2", "P4.3"),
            Register(Deletion, "requested_at"),
            "Of an erased account it is forgotten whose it was. The certificate of each is in its row.",
        ),
        Population(
            _N.LEGAL_HOLDS, "Q16", "What does law keep?", ("C1.2", "P4.2"), Register(LegalHold, "placed_at"), _GONE,
        ),
        Population(
            _N.RIGHTS_REQUESTS, "Q17", "What did contributors ask about their data, and when was it answered?",
            ("P5.1", "P5.2", "P8.1"), Register(RightsRequest, "received_at"),
            "Corrections and complaints. Copies and deletions are carried out by agents: see DELETIONS.",
        ),
        Population(
            _N.CONSENTS, "Q18", "What did contributors allow and take back?", ("P2.1", "P3.2", "P6.1"),
            Register(Consent, "at"), _GONE,
        ),
        Population(
            _N.SERVICES, "Q19", "To which services may work be sent, and on which terms?", ("CC9.2", "P6.4"),
            Register(Service, "registered_at", as_of=True),
            "Which of them a run was sent to is `provider` of run.started in AGENT_ACTIONS; what was kept back is "
            "EGRESS_BLOCKED.",
        ),
        Population(
            _N.EGRESS_BLOCKED, "Q19", "What was kept from being sent?", ("CC6.7", "CC9.2"), Trail(("egress.blocked",)),
        ),
        Population(
            _N.CHANGES, "Q20", "What was to change, for whom, and who agreed to it when?", ("CC2.3", "CC3.4", "CC8.1"),
            Register(Change, "registered_at"),
            "Why, how it was tried, and what whoever agreed looked at, are words: `changes` in the API has them.",
        ),
        Population(
            _N.DEPLOYMENTS, "Q20", "What began to run, and which approved change covers it?", ("CC3.4", "CC8.1"),
            Versions(),
            "What the program says of itself at each start, and the policies that came into force. Reviews of code and "
            "machines on which nothing of this runs, are in the operator's own record.",
        ),
        Population(
            _N.NOTICES, "Q20", "Which notices were sent of changes?", ("CC2.3",),
            Register(PublishedNotice, "published_at"), "What was published; how it reached people is in the trail.",
        ),
        Population(
            _N.BACKUPS, "Q20", "Which backups were made, and which failed?", ("A1.2",),
            Trail(("backup.failed", "backup.taken")), "Those that Muniment takes; others are in a record of their own.",
        ),
        Population(
            _N.RESTORE_TESTS, "Q20", "Was restoring tried, and how long did it take?", ("A1.3",),
            Trail(("backup.rehearsed", "backup.restored")),
        ),
        Population(
            _N.FINDINGS, "C1", "What did checks of controls find, and when was it mended?", ("CC4.1", "CC4.2"),
            Register(Finding, "opened_at"),
        ),
        Population(
            _N.CONTROL_RUNS, "C2", "Did the checks of controls run each day?", ("CC4.1",),
            Trail(("controls.checked",)), "A day without a run is listed as a gap.",
        ),
        Population(
            _N.OUTAGES, "A1", "When was a part of the platform away, what was affected, and what caused it?",
            ("A1.1", "CC7.5", "CC9.1"), Register(Outage, "started_at"),
            "Those that checks found, and maintenance that was announced. What people noticed in another way is the "
            "operator's to show.",
        ),
        Population(
            _N.AVAILABILITY, "A2", "Which share of each month was each part of the platform there?", ("A1.1", "CC2.3"),
            Months(), "From when outages were first looked for. Maintenance announced beforehand is told apart.",
        ),
    )
}  # fmt: skip
"""Every population, by name. Q1 to Q20 are an auditor's usual twenty; C1 and C2 are about the checks themselves, A1 and
A2 about availability."""

"""Which unusual activity is looked for: one row each, with its threshold, its measure, and who is told.

A row is data under review: `version` grows with each change. What waits for something that this program does not record
yet stands in WAITING with what that is, so that nobody takes its silence for calm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from storage.incidents import Measure, Severity
from storage.staff import StaffRole

_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Detection:
    """So many entries (or, with `distinct`, so many different subjects) of one actor within a window are a hit.

    `unless` names values of details that do not count. `kinds` are the actors that do, if not all. `foreign` counts
    only what was somebody else's. `by_subject` counts per account that something was done to, instead of per actor.
    """

    id: str
    version: int
    title: str
    actions: frozenset[str]
    threshold: int
    window: timedelta
    severity: Severity
    measure: Measure
    notify: tuple[StaffRole, ...]
    kinds: frozenset[str] = _NOBODY
    distinct: bool = False
    foreign: bool = False
    by_subject: bool = False
    unless: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def runbook(self) -> str:
        """Where it stands what people do."""
        return f"docs/runbooks/{self.id}.md"


_HOUR = timedelta(hours=1)
_SECURITY, _PRIVACY, _SYSADMIN = StaffRole.SECURITY, StaffRole.PRIVACY, StaffRole.SYSADMIN

DETECTIONS: tuple[Detection, ...] = (
    Detection(
        "D01", 1, "Mass export by one actor", frozenset({"export.requested"}), 5, _HOUR,
        Severity.HIGH, Measure.SUSPEND_CREDENTIAL, (_SECURITY, _PRIVACY),
    ),
    Detection(
        "D02", 1, "One actor reads what is many people's",
        frozenset({"content.read", "content.downloaded", "export.downloaded"}), 3, _HOUR,
        Severity.CRITICAL, Measure.SUSPEND_CREDENTIAL, (_SECURITY, _PRIVACY),
        kinds=frozenset({"STAFF", "API_KEY"}), distinct=True, foreign=True,
    ),
    Detection(
        "D03", 1, "Burst of refusals", frozenset({"access.denied"}), 20, timedelta(minutes=5),
        Severity.MEDIUM, Measure.SUSPEND_CREDENTIAL, (_SECURITY,),
        kinds=frozenset({"STAFF", "API_KEY", "CONTRIBUTOR"}),
    ),
    Detection(
        "D06", 1, "The log contradicts itself, or can't be published", frozenset({"ledger.halted"}), 1, _HOUR,
        Severity.CRITICAL, Measure.NONE, (_SECURITY, _SYSADMIN),
    ),
    Detection(
        "D13", 1, "Something was kept back from a service that is not in order",
        frozenset({"egress.blocked"}), 1, _HOUR,
        Severity.HIGH, Measure.NONE, (_SECURITY, _PRIVACY), unless={"objection": frozenset({"CONSENT_MISSING"})},
    ),
    Detection(
        "D15", 1, "Log-in attack on one account", frozenset({"session.refused"}), 10, timedelta(minutes=10),
        Severity.MEDIUM, Measure.NONE, (_SECURITY,), by_subject=True,
    ),
    Detection(
        "D18", 1, "Mass deletion", frozenset({"deletion.requested"}), 10, _HOUR,
        Severity.MEDIUM, Measure.NONE, (_SECURITY,),
    ),
    Detection(
        "D20", 1, "A control has stopped", frozenset({"retention.halted"}), 1, _HOUR,
        Severity.HIGH, Measure.NONE, (_SECURITY, _SYSADMIN),
    ),
)  # fmt: skip

WAITING: Mapping[str, str] = {
    "D04": "a refusal does not say whose the thing was: to whoever was refused it does not exist",
    "D05": "a sealed value that does not open is an error of its request and of `scrub`, and no entry yet",
    "D07": "addresses are sealed, and the sentinel opens nothing; it needs a keyed hash of the network beside them",
    "D08": "as D07, and a table of countries",
    "D09": "break-glass with its review: grants after the fact are not reviewed yet",
    "D10": "break-glass with its notice: told to the contributor by the grant itself, not as an alarm yet",
    "D11": "budgets of agents: runs are bounded one by one, and what is usual is not kept",
    "D12": "manifests of agents: a refusal of an agent is also what a withdrawn permission looks like",
    "D14": "a register of changes against which roles and policies could be held",
    "D16": "uses of keys are not counted per component",
    "D17": "a scanner of the logs; the tests' canary finds what would leak before it ships",
    "D19": "reconciling uses with consents; the gate keeps back what is not allowed before it is used",
}
"""What is not looked for yet, and what for."""

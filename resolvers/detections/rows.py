"""The detections, one row each: thresholds, windows, measures, and who is told.

A row is data under review: `version` grows with each change. The first step is where somebody ought to look; what
hinders anybody comes far above what honest use brings about, however hard it is (docs/operations/incidents.md says how
far). What waits for something that the trail does not hold stands in WAITING with what that is, so that nobody takes
its silence for calm.
"""

from collections.abc import Mapping
from datetime import timedelta

from resolvers.detections.forms import PEOPLE_AND_KEYS, Detection, Step
from storage.incidents import Severity
from storage.ledger.events import Resource
from storage.measures import Measure
from storage.staff import StaffRole

_HOUR, _FIVE_MINUTES, _TEN_MINUTES = timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=10)
_SECURITY, _PRIVACY, _SYSADMIN = StaffRole.SECURITY, StaffRole.PRIVACY, StaffRole.SYSADMIN
_STAFF, _KEY = frozenset({"STAFF"}), frozenset({"API_KEY"})
_WORK = frozenset(
    {Resource.ASSET, Resource.EXPORT, Resource.OUTPUT, Resource.PROJECT, Resource.PROMPT, Resource.STYLE_PROFILE}
)
"""What is a contributor's own. What staff handle by their job (requests, grants, holds) is not counted."""

DETECTIONS: tuple[Detection, ...] = (
    Detection(
        "D01", 2, "Mass export by one actor", frozenset({"export.requested"}), _HOUR,
        Severity.HIGH, (_SECURITY, _PRIVACY),
        (Step(5), Step(20, Measure.HOLD_EXPORTS)),
        kinds=frozenset({"API_KEY", "CONTRIBUTOR"}), tells_owner=True,
    ),
    Detection(
        "D02", 2, "One actor reads what is many people's",
        frozenset({"content.read", "content.downloaded", "export.downloaded"}), _HOUR,
        Severity.CRITICAL, (_SECURITY, _PRIVACY),
        (
            Step(3, kinds=_STAFF), Step(10, Measure.SUSPEND_CREDENTIAL, _STAFF),
            Step(25, kinds=_KEY), Step(100, Measure.SUSPEND_CREDENTIAL, _KEY),
        ),
        kinds=_STAFF | _KEY, resources=_WORK, distinct=True, foreign=True,
    ),
    Detection(
        "D03", 3, "Burst of refusals", frozenset({"access.denied"}), _FIVE_MINUTES,
        Severity.MEDIUM, (_SECURITY,),
        (Step(20), Step(200, Measure.THROTTLE), Step(5_000, Measure.SUSPEND_CREDENTIAL, _KEY)),
        kinds=PEOPLE_AND_KEYS, tells_owner=True, unless={"code": frozenset({"LOCKED_DOWN"})},
    ),
    Detection(
        "D06", 2, "The log contradicts itself, or what it had published",
        frozenset({"ledger.halted", "witness.failed"}), _HOUR,
        Severity.CRITICAL, (_SECURITY, _SYSADMIN), (Step(1),),
        unless={"reason": frozenset({"ADDRESS_REFUSED", "NO_ANSWER", "NOT_ACCEPTED", "NOT_COSIGNED"})},
    ),
    Detection(
        "D09", 1, "A review found that an access grant was not in order", frozenset({"access_grant.reviewed"}), _HOUR,
        Severity.HIGH, (_SECURITY, _PRIVACY), (Step(1),),
        only={"verdict": frozenset({"EXCESSIVE", "UNJUSTIFIED"})},
    ),
    Detection(
        "D13", 1, "Something was kept back from a service that is not in order", frozenset({"egress.blocked"}), _HOUR,
        Severity.HIGH, (_SECURITY, _PRIVACY), (Step(1),),
        unless={"objection": frozenset({"CONSENT_MISSING"})},
    ),
    Detection(
        "D14", 1, "A change of the policy that its rules forbid", frozenset({"policy.reload_refused"}), _HOUR,
        Severity.HIGH, (_SECURITY, _SYSADMIN), (Step(1),),
        only={"reason": frozenset({"own_proposal", "unapproved_gain"})},
    ),
    Detection(
        "D15", 2, "Log-in attack on one account", frozenset({"session.refused"}), _TEN_MINUTES,
        Severity.MEDIUM, (_SECURITY,), (Step(10),),
        by_subject=True, tells_owner=True, unless={"reason": frozenset({"SECOND_FACTOR_ASKED", "NO_SECOND_FACTOR"})},
    ),
    Detection(
        "D18", 2, "Mass deletion", frozenset({"deletion.requested"}), _HOUR,
        Severity.MEDIUM, (_SECURITY,), (Step(3),),
        kinds=frozenset({"CONTRIBUTOR"}), tells_owner=True, only={"scope": frozenset({"ACCOUNT", "PROJECT"})},
    ),
    Detection(
        "D20", 2, "A control has stopped",
        frozenset({"policy.reload_failed", "retention.halted", "webhook.failed", "witness.failed"}), _HOUR,
        Severity.HIGH, (_SECURITY, _SYSADMIN), (Step(1),),
        unless={"reason": frozenset({"AHEAD", "CONTRADICTED"})},
    ),
    Detection(
        "D21", 1, "A passkey that was copied", frozenset({"passkey.copied"}), _HOUR,
        Severity.HIGH, (_SECURITY,), (Step(1),), by_subject=True, tells_owner=True,
    ),
)  # fmt: skip

WAITING: Mapping[str, str] = {
    "D04": "a refusal does not say whose the thing was: to whoever was refused it does not exist",
    "D05": "a sealed value that does not open is an error of its request and of `scrub`, and no entry yet",
    "D07": "addresses are sealed, and the sentinel opens nothing; it needs a keyed hash of the network beside them",
    "D08": "as D07, and a table of countries",
    "D10": "an alarm that is no incident; each use is in the trail, told to the contributor, and reviewed afterwards",
    "D11": "budgets of agents: runs are bounded one by one, and what is usual is not kept",
    "D12": "manifests of agents: a refusal of an agent is also what a withdrawn permission looks like",
    "D16": "uses of keys are not counted per component",
    "D17": "a scanner of the logs; the tests' canary finds what would leak before it ships",
    "D19": "reconciling uses with consents; the gate keeps back what is not allowed before it is used",
}
"""What is not looked for yet, and what for."""

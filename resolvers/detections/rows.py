"""The detections, one row each: thresholds, windows, measures, and who is told.

A row is data under review: `version` grows with each change. The first step is where somebody ought to look; what
hinders anybody comes far above what honest use brings about, however hard it is (docs/operations/incidents.md says how
far). What waits for something that the trail does not hold stands in WAITING with what that is, so that nobody takes
its silence for calm.
"""

from collections.abc import Mapping
from datetime import timedelta

from resolvers.detections import letters
from resolvers.detections.forms import PEOPLE_AND_KEYS, Detection, Step
from storage.incidents import Severity
from storage.ledger.events import Resource
from storage.measures import Measure
from storage.staff import StaffRole

_HOUR, _FIVE_MINUTES, _TEN_MINUTES = timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=10)
_DAY = timedelta(days=1)
_SECURITY, _PRIVACY, _SYSADMIN = StaffRole.SECURITY, StaffRole.PRIVACY, StaffRole.SYSADMIN
_STAFF, _KEY = frozenset({"STAFF"}), frozenset({"API_KEY"})
_WORK = frozenset(
    {Resource.ASSET, Resource.EXPORT, Resource.OUTPUT, Resource.PROJECT, Resource.PROMPT, Resource.STYLE_PROFILE}
)
"""What is a contributor's own. What staff handle by their job (requests, grants, holds) is not counted."""

DETECTIONS: tuple[Detection, ...] = (
    Detection(
        "D01", 3, "Mass export by one actor", frozenset({"export.requested"}), _HOUR,
        Severity.HIGH, (_SECURITY, _PRIVACY),
        (Step(5), Step(20, Measure.HOLD_EXPORTS)),
        kinds=frozenset({"API_KEY", "CONTRIBUTOR"}), tells_owner=True, letter=letters.EXPORTS,
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
        kinds=PEOPLE_AND_KEYS, tells_owner=True, letter=letters.REFUSALS,
        unless={"code": frozenset({"LOCKED_DOWN"})},
    ),
    Detection(
        "D04", 1, "Probing for what is several people's", frozenset({"access.denied"}), _TEN_MINUTES,
        Severity.MEDIUM, (_SECURITY,),
        (
            Step(5), Step(30, Measure.THROTTLE, frozenset({"CONTRIBUTOR"})),
            Step(30, Measure.SUSPEND_CREDENTIAL, _KEY | _STAFF),
        ),
        kinds=PEOPLE_AND_KEYS, distinct=True, foreign=True, only={"code": frozenset({"NOT_FOUND"})},
    ),
    Detection(
        "D05", 1, "Something sealed does not open although its key is there", frozenset({"content.damaged"}), _HOUR,
        Severity.CRITICAL, (_SECURITY, _SYSADMIN), (Step(1),), by_subject=True,
    ),
    Detection(
        "D06", 3, "The log contradicts itself, or what it had published",
        frozenset({"ledger.damaged", "ledger.halted", "witness.failed"}), _HOUR,
        Severity.CRITICAL, (_SECURITY, _SYSADMIN), (Step(1),),
        unless={"reason": frozenset({"ADDRESS_REFUSED", "NO_ANSWER", "NOT_ACCEPTED", "NOT_COSIGNED"})},
    ),
    Detection(
        "D07", 1, "An API key is used from a place where it was never seen", frozenset({"api_key.new_place"}), _HOUR,
        Severity.MEDIUM, (_SECURITY,),
        (Step(1, opens=False, jobs=()), Step(20, Measure.HOLD_EXPORTS)),
        kinds=_KEY, tells_owner=True, letter=letters.KEY_MOVED,
    ),
    Detection(
        "D08", 1, "Somebody signed in from a place where they were never seen", frozenset({"session.new_place"}), _HOUR,
        Severity.MEDIUM, (_SECURITY,),
        (Step(1, opens=False, jobs=()), Step(4, Measure.HOLD_EXPORTS)),
        kinds=frozenset({"CONTRIBUTOR"}), tells_owner=True, letter=letters.NEW_PLACE,
    ),
    Detection(
        "D09", 1, "A review found that an access grant was not in order", frozenset({"access_grant.reviewed"}), _HOUR,
        Severity.HIGH, (_SECURITY, _PRIVACY), (Step(1),),
        only={"verdict": frozenset({"EXCESSIVE", "UNJUSTIFIED"})},
    ),
    Detection(
        "D10", 1, "Staff opened a contributor's work under an access grant",
        frozenset({"content.read", "content.downloaded"}), _HOUR,
        Severity.HIGH, (_SECURITY, _PRIVACY), (Step(1, opens=False),),
        kinds=_STAFF, resources=_WORK, foreign=True, under_grant=True, of_each=True, pause=_DAY, letter=letters.OPENED,
    ),
    Detection(
        "D11", 1, "An agent begins the same run again and again", frozenset({"run.started"}), _HOUR,
        Severity.MEDIUM, (_SECURITY, _SYSADMIN), (Step(10),), by_thing=True, tells_owner=True,
    ),
    Detection(
        "D12", 1, "An agent asked for what the policy never gives it", frozenset({"agent.strayed"}), _HOUR,
        Severity.HIGH, (_SECURITY, _SYSADMIN), (Step(1),), by_subject=True, tells_owner=True,
    ),
    Detection(
        "D13", 1, "Something was kept back from a service that is not in order", frozenset({"egress.blocked"}), _HOUR,
        Severity.HIGH, (_SECURITY, _PRIVACY), (Step(1),),
        unless={"objection": frozenset({"CONSENT_MISSING"})},
    ),
    Detection(
        "D14", 2, "A change of rights that its rules forbid: of the policy, or of the jobs of staff",
        frozenset({"policy.reload_refused", "role.assigned", "role.refused"}), _HOUR,
        Severity.HIGH, (_SECURITY, _SYSADMIN), (Step(1),),
        told=frozenset({"role.assigned"}), only={"reason": frozenset({"own_proposal", "unapproved_gain"})},
    ),
    Detection(
        "D15", 3, "Log-in attack on one account", frozenset({"session.refused"}), _TEN_MINUTES,
        Severity.MEDIUM, (_SECURITY,), (Step(10),),
        by_subject=True, tells_owner=True, letter=letters.SIGN_INS,
        unless={"reason": frozenset({"SECOND_FACTOR_ASKED", "NO_SECOND_FACTOR"})},
    ),
    Detection(
        "D16", 2, "Keys are too old, do not lie as they should, or are used far more than usual",
        frozenset({"finding.opened", "keys.overused"}), _HOUR,
        Severity.HIGH, (_SECURITY, _SYSADMIN), (Step(1),),
        only={"foundBy": frozenset({"key-age", "key-encryption-key", "keys-apart"})},
    ),
    Detection(
        "D17", 1, "Something was about to be logged that is nobody's to read", frozenset({"log.withheld"}), _HOUR,
        Severity.HIGH, (_SECURITY, _PRIVACY), (Step(1),),
    ),
    Detection(
        "D18", 3, "Mass deletion", frozenset({"deletion.requested"}), _HOUR,
        Severity.MEDIUM, (_SECURITY,), (Step(3),),
        kinds=frozenset({"CONTRIBUTOR"}), tells_owner=True, letter=letters.DELETIONS,
        only={"scope": frozenset({"ACCOUNT", "PROJECT"})},
    ),
    Detection(
        "D19", 1, "Something was used without its owner's wish", frozenset({"preference.bypassed"}), _HOUR,
        Severity.CRITICAL, (_PRIVACY, _SECURITY), (Step(1),), by_subject=True,
    ),
    Detection(
        "D20", 3, "A control has stopped, or was switched off",
        frozenset(
            {
                "backup.failed", "control.switched_off", "policy.reload_failed", "retention.halted", "webhook.failed",
                "witness.failed",
            }
        ),
        _HOUR,
        Severity.HIGH, (_SECURITY, _SYSADMIN), (Step(1),),
        unless={"reason": frozenset({"AHEAD", "CONTRADICTED"})},
    ),
    Detection(
        "D21", 2, "A passkey that was copied", frozenset({"passkey.copied"}), _HOUR,
        Severity.HIGH, (_SECURITY,), (Step(1),), by_subject=True, tells_owner=True, letter=letters.PASSKEY,
    ),
    Detection(
        "D22", 1, "A run of an agent spent more than it may, or far more than usual", frozenset({"run.overspent"}),
        _HOUR, Severity.MEDIUM, (_SECURITY, _SYSADMIN), (Step(1),), by_subject=True, tells_owner=True,
    ),
    Detection(
        "D23", 1, "An unattended loop could not process an item and set it aside", frozenset({"loop.item_set_aside"}),
        _HOUR, Severity.HIGH, (_SECURITY, _SYSADMIN), (Step(1),),
    ),
    Detection(
        "D24", 1, "Rows of the job queue were written past this program", frozenset({"queue.rows_refused"}),
        _HOUR, Severity.CRITICAL, (_SECURITY, _SYSADMIN), (Step(1),),
    ),
    Detection(
        "D25", 1, "What an unattended loop goes by could not be right", frozenset({"loop.state_corrected"}),
        _HOUR, Severity.HIGH, (_SECURITY, _SYSADMIN), (Step(1),),
    ),
)  # fmt: skip

WAITING: Mapping[str, str] = {}
"""What is not looked for yet, and what for."""

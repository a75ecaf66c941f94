"""The names in policy.polar and those in the program are the same, and the promises about staff hold for every job."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from policies.access import Policy
from policies.actions import Action
from policies.compiled import FORESEEN
from policies.facts import Shape
from policies.plans import Bound, Compare, Row, Values
from policies.principals import AgentName, Kind, Scope
from policies.resources import PROTECTED, Platform
from storage.access_reviews.records import UNDECIDED, AccessReviewItem
from storage.appointments import Appointment, AppointmentStatus
from storage.changes import ChangeStatus
from storage.contributors import ContributorStatus
from storage.controls.catalogue import CONTROLS
from storage.controls.findings import FindingStatus
from storage.follow_ups import FollowUp, FollowUpStatus
from storage.grants import AccessGrant, Decider
from storage.incidents import Incident, IncidentStatus
from storage.investigations import InvestigationStatus
from storage.lockdowns import Lockdown
from storage.records import Record
from storage.rights import RightsStatus
from storage.services import Service, ServiceStatus
from storage.staff import StaffRole

UNATTENDED = {
    Action.BUILD, Action.DELIVER, Action.ERASE, Action.EXPIRE, Action.GENERATE, Action.IMPORT, Action.VERIFY,
}  # fmt: skip
NO_KEYS = {Action.CONSENT, Action.CREATE_API_KEY, Action.DELETE, Action.DENY, Action.END, Action.REVOKE, Action.SHARE}
STATES = {
    *map(
        str,
        (
            *AppointmentStatus,
            *ChangeStatus,
            *ContributorStatus,
            *Decider,
            *FindingStatus,
            *FollowUpStatus,
            *IncidentStatus,
            *InvestigationStatus,
            *RightsStatus,
            *ServiceStatus,
            *UNDECIDED,
        ),
    ),
    "EDITOR",
    "VIEWER",
}
WITHOUT_A_GRANT = {
    "AccessGrant": {Action.APPROVE, Action.DENY, Action.END, Action.READ, Action.READ_REASON, Action.REVIEW},
    "AccessReviewItem": {Action.DECIDE, Action.READ, Action.READ_REASON},
    "Appointment": {Action.APPROVE, Action.DENY, Action.READ, Action.READ_REASON},
    "AuditEvent": {Action.READ, Action.READ_CONTENT},  # under an open investigation, shown to whom it is about
    "Change": {Action.APPROVE, Action.DENY, Action.READ, Action.READ_REASON},
    "Contributor": {Action.PLACE_HOLD, Action.READ, Action.REQUEST_ACCESS},
    "Finding": {Action.ACCEPT, Action.READ, Action.READ_CONTENT},
    "FollowUp": {Action.COMPLETE, Action.HANDLE, Action.READ, Action.READ_CONTENT, Action.REVIEW},
    "Investigation": {Action.CLOSE, Action.READ, Action.READ_CONTENT},
    "Service": {Action.ASSESS, Action.DISABLE, Action.ENABLE, Action.READ, Action.READ_CONTENT},
    "Incident": {Action.HANDLE, Action.NOTIFY, Action.READ, Action.READ_CONTENT},
    "Lockdown": {Action.END, Action.READ, Action.READ_REASON},
    "Outage": {Action.READ, Action.UPDATE},
    "LegalHold": {Action.APPROVE, Action.READ, Action.READ_REASON, Action.RELEASE},
    "RightsRequest": {Action.ANSWER, Action.READ, Action.READ_REASON},
}
CONTENT = ("Asset", "Blob", "Output", "Prompt", "PromptAsset", "PromptStep", "Project", "StyleProfile")


@pytest.fixture(scope="session")
def rules(policy_path: Path) -> str:
    """The policy without its comments."""
    return re.sub(r"#[^\n]*", "", policy_path.read_text(encoding="utf-8"))


def test_actions_are_in_alphabetical_order_and_speak_one_grammar() -> None:
    """Bare verbs in snake case; people's first, then those of agents."""
    people = [action.value for action in Action if action not in UNATTENDED]
    assert people == sorted(people)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", action) for action in Action)
    assert all(action.name.lower() == action.value for action in Action)


def test_every_action_is_granted_somewhere(policy: Policy) -> None:
    """An action that nobody can ever take is a mistake in one of the two lists."""
    granted = {action for model in PROTECTED for shape in FORESEEN for action in policy.decisions(shape, model).plans}
    granted |= {action for shape in FORESEEN for action in policy.platform_actions(shape)}
    assert granted == set(Action)


def test_the_policy_names_no_action_that_does_not_exist(rules: str) -> None:
    """Every word in quotes is an action, a role on a thing, a scope, an agent, a job or a relation that we know."""
    roles = set(re.findall(r'"([^"]+)"', " ".join(re.findall(r"roles = \[([^\]]*)\]", rules))))
    relations = set(re.findall(r"(\w+): [A-Z]", " ".join(re.findall(r"relations = \{([^}]*)\}", rules))))
    known = {*map(str, (*Action, *Scope, *AgentName, *StaffRole)), *roles, *relations, *STATES}
    known |= {control.owner for control in CONTROLS}
    assert set(re.findall(r'"([^"]+)"', rules)) - known == set()


def test_every_resource_of_the_door_has_one_block(rules: str) -> None:
    """What the door gives out and what the policy speaks of are the same things."""
    blocks = re.findall(r"^resource (\w+)", rules, re.MULTILINE)
    assert sorted(blocks) == sorted([Platform.__name__, *(model.__name__ for model in PROTECTED)])


def test_every_scope_agent_and_job_has_rules(rules: str) -> None:
    """A scope, agent or job of the program without a word in the policy could do nothing, or be a misspelling."""
    assert set(re.findall(r'covers\("(\w+)"', rules)) == set(map(str, Scope))
    assert set(re.findall(r'Agent\{name: "(\w+)"\}', rules)) == set(map(str, AgentName))
    assert set(re.findall(r'job\("(\w+)"', rules)) == set(map(str, StaffRole))


def test_a_comment_in_words_stands_above_every_rule_that_grants(policy_path: Path) -> None:
    """A lawyer reads the comments: each run of grants begins below one."""
    lines = policy_path.read_text(encoding="utf-8").splitlines()
    bare = []
    for number, line in enumerate(lines):
        grants = re.match(r'\s*"(\w+)" if "', line) or re.match(r"(allow|assured|covers|job)\(", line)
        if not grants or (grants.lastindex and grants[1] in ("editor", "viewer")):
            continue
        above = number - 1
        while re.match(r'\s*"\w+" if|\s*(allow|assured|covers|job)\(|\s+\S', lines[above]) and "#" not in lines[above]:
            above -= 1
        if "#" not in lines[above]:
            bare.append(f"{number + 1}: {line.strip()}")
    assert bare == []


ABOUT_THE_POLICY = {Action.EXPLAIN, Action.EXPLAIN_OTHERS, Action.RELOAD_POLICY}
"""What staff may do on the platform itself: ask why, and bring a policy into force, two together."""


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_no_job_opens_content_however_many_are_held(model: type[Record], policy: Policy) -> None:
    """No set of jobs may do anything with a contributor's work but by a live grant made out to whoever asks."""
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            shape = Shape(Kind.STAFF, roles=frozenset(map(str, roles)), mfa=True, stepped_up=True)
            plans = policy.decisions(shape, model).plans
            ungranted = {action for action, ways in plans.items() if not all(_under_grant(way, roles) for way in ways)}
            assert ungranted <= WITHOUT_A_GRANT.get(model.__name__, {Action.READ}), f"{roles} on {model.__name__}"
            assert not (ungranted and model.__name__ in CONTENT), f"{roles} on {model.__name__}"
            assert set(plans) <= ungranted | {Action.READ, Action.READ_CONTENT, Action.READ_CONTACT}
            watching = {
                Action.LOCK_DOWN, Action.OPEN_ACCESS_REVIEW, Action.OPEN_INVESTIGATION, Action.REMOVE_STAFF,
            }  # fmt: skip
            own = watching if StaffRole.SECURITY in roles else set()
            own |= {Action.ANNOUNCE_MAINTENANCE} if StaffRole.SYSADMIN in roles else set()
            running = {StaffRole.SECURITY, StaffRole.SYSADMIN} & set(roles)
            own |= {Action.APPOINT, Action.RECONCILE, Action.REGISTER_CHANGE} if running else set()
            own |= {Action.RECONCILE} if StaffRole.AUDITOR in roles else set()
            own |= {Action.COLLECT_EVIDENCE} if StaffRole.AUDITOR in roles else set()
            own |= {Action.REGISTER_SERVICE} if StaffRole.PRIVACY in roles else set()
            own |= {Action.PUBLISH_NOTICE} if {StaffRole.PRIVACY, StaffRole.SECURITY} & set(roles) else set()
            assert policy.platform_actions(shape) <= ABOUT_THE_POLICY | own


def _under_grant(way: Row, roles: tuple[StaffRole, ...]) -> bool:
    """Whether a way leads over a live grant, made out to whoever asks in a job that they have."""
    for relation, grant in way.related:
        conditions = {condition.column: condition for condition in grant.conditions}
        if relation == "grants" and {"live", "grantee_id", "role"} <= set(conditions):
            jobs = conditions["role"].operand
            assert conditions["live"] == Compare("live", "=", Values((True,)))
            assert conditions["grantee_id"] == Compare("grantee_id", "=", Bound("principal_id"))
            assert isinstance(jobs, Values)
            assert set(jobs.any_of) <= set(roles) & {StaffRole.PRIVACY, StaffRole.SECURITY, StaffRole.SUPPORT}
            return True
    return False


def test_nobody_agrees_to_a_request_of_their_own(policy: Policy) -> None:
    """Staff never consent in a contributor's place; whoever approves did not ask; whoever reviews did neither."""
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            plans = policy.decisions(Shape(Kind.STAFF, roles=frozenset(map(str, roles))), AccessGrant).plans
            assert Action.CONSENT not in plans
            for way in plans.get(Action.APPROVE, ()):
                assert Compare("grantee_id", "!=", Bound("principal_id")) in way.conditions, roles
                assert Compare("decider", "=", Values((Decider.SECOND_PERSON,))) in way.conditions, roles
            for way in plans.get(Action.REVIEW, ()):
                for column in ("grantee_id", "decided_by"):
                    assert Compare(column, "!=", Bound("principal_id")) in way.conditions, roles


def test_nobody_approves_a_service_of_their_own(policy: Policy) -> None:
    """In any set of jobs: who approves did not propose it, nor does who proposed an approved one vouch for it alone."""
    other = Compare("registered_by", "!=", Bound("principal_id"))
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            plans = policy.decisions(Shape(Kind.STAFF, roles=frozenset(map(str, roles))), Service).plans
            assert all(other in way.conditions for way in plans.get(Action.ENABLE, ())), roles
            for way in plans.get(Action.ASSESS, ()):
                proposed = Compare("status", "=", Values((ServiceStatus.PROPOSED,))) in way.conditions
                assert proposed or other in way.conditions, roles


def test_nobody_appoints_themselves(policy: Policy) -> None:
    """In any set of jobs: who agrees that somebody works here neither asked for it, nor is who it is about."""
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            plans = policy.decisions(Shape(Kind.STAFF, roles=frozenset(map(str, roles))), Appointment).plans
            for way in plans.get(Action.APPROVE, ()):
                for column in ("requested_by", "staff_id"):
                    assert Compare(column, "!=", Bound("principal_id")) in way.conditions, roles


def test_nobody_sends_a_notice_of_their_own(policy: Policy) -> None:
    """In any set of jobs: whoever sends what those affected are told did not write it."""
    other = Compare("notice_drafted_by", "!=", Bound("principal_id"))
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            plans = policy.decisions(Shape(Kind.STAFF, roles=frozenset(map(str, roles))), Incident).plans
            assert all(other in way.conditions for way in plans.get(Action.NOTIFY, ())), roles


def test_nobody_says_alone_that_their_follow_up_is_done(policy: Policy) -> None:
    """In any set of jobs: only its owner says that it is done, and whoever has seen that is somebody else."""
    own, other = (Compare("owner_id", sign, Bound("principal_id")) for sign in ("=", "!="))
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            plans = policy.decisions(Shape(Kind.STAFF, roles=frozenset(map(str, roles))), FollowUp).plans
            assert all(own in way.conditions for way in plans[Action.COMPLETE]), roles
            assert (Action.REVIEW in plans) is bool({StaffRole.PRIVACY, StaffRole.SECURITY} & set(roles)), roles
            assert all(other in way.conditions for way in plans.get(Action.REVIEW, ())), roles


def test_nobody_confirms_what_they_hold(policy: Policy) -> None:
    """In any set of jobs: whoever decides about access does not hold it, and it was not decided."""
    other = Compare("holder_id", "!=", Bound("principal_id"))
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            plans = policy.decisions(Shape(Kind.STAFF, roles=frozenset(map(str, roles))), AccessReviewItem).plans
            assert (Action.DECIDE in plans) is bool({StaffRole.PRIVACY, StaffRole.SECURITY} & set(roles)), roles
            for way in plans.get(Action.DECIDE, ()):
                assert other in way.conditions, roles
                assert any(each.column == "status" for each in way.conditions), roles


def test_nobody_opens_what_they_locked_down_themselves(policy: Policy) -> None:
    """In any set of jobs, and only after a proof that it is still they; nor does anybody lock down without one."""
    other = Compare("begun_by", "!=", Bound("principal_id"))
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            shape = Shape(Kind.STAFF, roles=frozenset(map(str, roles)), mfa=True)
            assert Action.END not in policy.decisions(shape, Lockdown).plans
            assert Action.LOCK_DOWN not in policy.platform_actions(shape)
            plans = policy.decisions(shape.after_step_up(), Lockdown).plans
            assert all(other in way.conditions for way in plans.get(Action.END, ())), roles


def test_what_agents_do_is_no_person_s(policy: Policy) -> None:
    """Building, delivering, erasing, expiring, generating, importing and verifying are each one agent's, and nobody else's."""
    holders: dict[Action, set[object]] = {action: set() for action in UNATTENDED}
    for shape in FORESEEN:
        for model in PROTECTED:
            for action in UNATTENDED & set(policy.decisions(shape, model).plans):
                holders[action].add(shape.name or shape.kind)
    assert holders == {
        Action.BUILD: {AgentName.EXPORTS},
        Action.DELIVER: {AgentName.NOTIFIER},
        Action.ERASE: {AgentName.ERASURES},
        Action.EXPIRE: {AgentName.RETENTION},
        Action.GENERATE: {AgentName.GENERATION},
        Action.IMPORT: {AgentName.IMPORTS},
        Action.VERIFY: {AgentName.VERIFIER},
    }


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_nobody_may_do_nothing(model: type[Record], policy: Policy) -> None:
    """Who has not said who they are sees nothing at all."""
    assert policy.decisions(Shape(Kind.ANONYMOUS), model).plans == {}


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_keys_never_reach_further_than_their_owner(model: type[Record], policy: Policy) -> None:
    """Each way open to a key is a way open to its owner, and no key deletes, shares, makes keys or lets staff in."""
    owner = policy.decisions(Shape(Kind.CONTRIBUTOR, stepped_up=True), model).plans
    for scopes in (*({scope} for scope in Scope), set(Scope)):
        plans = policy.decisions(Shape(Kind.API_KEY, scopes=frozenset(scopes)), model).plans
        assert all(plan == owner[action] for action, plan in plans.items())
        assert not NO_KEYS & set(plans)

"""The names in policy.polar and those in the program are the same, and the promises about staff hold for every job."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from policies.access import Policy
from policies.actions import Action
from policies.compiled import FORESEEN
from policies.facts import Shape
from policies.principals import AgentName, Kind, Scope
from policies.resources import PROTECTED, Platform
from storage.investigations import InvestigationStatus
from storage.records import Record
from storage.staff import StaffRole

UNATTENDED = {Action.BUILD, Action.ERASE, Action.GENERATE, Action.VERIFY}
CONTENT = ("Asset", "Blob", "Output", "Prompt", "PromptAsset", "PromptStep", "Project", "StyleProfile")


BEYOND_READING = {
    "AuditEvent": {Action.READ_CONTENT},
    "Investigation": {Action.READ_CONTENT, Action.CLOSE},
    "Platform": {Action.OPEN_INVESTIGATION},
}
"""What security alone may do to follow an incident. None of it is a contributor's work."""


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
    states = {"EDITOR", "VIEWER", *InvestigationStatus}
    known = {*map(str, (*Action, *Scope, *AgentName, *StaffRole)), *roles, *relations, *states}
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


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_no_job_opens_content_however_many_are_held(model: type[Record], policy: Policy) -> None:
    """No set of staff roles may do more than read plain fields, and of a contributor's work not even that."""
    for count in range(len(StaffRole) + 1):
        for roles in combinations(StaffRole, count):
            shape = Shape(Kind.STAFF, roles=frozenset(map(str, roles)), mfa=True, stepped_up=True)
            allowed = set(policy.decisions(shape, model).plans)
            beyond = BEYOND_READING if StaffRole.SECURITY in roles else {}
            assert allowed <= {Action.READ, *beyond.get(model.__name__, ())}, f"{roles} on {model.__name__}"
            assert not (allowed and model.__name__ in CONTENT), f"{roles} on {model.__name__}"
            assert policy.platform_actions(shape) <= beyond.get("Platform", set())


def test_what_agents_do_is_no_person_s(policy: Policy) -> None:
    """Building, erasing, generating and verifying are each one agent's, and nobody else's."""
    holders: dict[Action, set[object]] = {action: set() for action in UNATTENDED}
    for shape in FORESEEN:
        for model in PROTECTED:
            for action in UNATTENDED & set(policy.decisions(shape, model).plans):
                holders[action].add(shape.name or shape.kind)
    assert holders == {
        Action.BUILD: {AgentName.EXPORTS},
        Action.ERASE: {AgentName.ERASURES},
        Action.GENERATE: {AgentName.GENERATION},
        Action.VERIFY: {AgentName.VERIFIER},
    }


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_nobody_may_do_nothing(model: type[Record], policy: Policy) -> None:
    """Who has not said who they are sees nothing at all."""
    assert policy.decisions(Shape(Kind.ANONYMOUS), model).plans == {}


@pytest.mark.parametrize("model", PROTECTED, ids=lambda model: model.__name__)
def test_keys_never_reach_further_than_their_owner(model: type[Record], policy: Policy) -> None:
    """Each way open to a key is a way open to its owner, and no key deletes, shares or makes keys."""
    owner = policy.decisions(Shape(Kind.CONTRIBUTOR, stepped_up=True), model).plans
    for scopes in (*({scope} for scope in Scope), set(Scope)):
        plans = policy.decisions(Shape(Kind.API_KEY, scopes=frozenset(scopes)), model).plans
        assert all(plan == owner[action] for action, plan in plans.items())
        assert not {Action.CREATE_API_KEY, Action.DELETE, Action.REVOKE, Action.SHARE} & set(plans)

"""The roles a policy gives access to, each with its job and who answers for it, as the comments of policy.polar say.

A job's comment stands above the first rule that names it, and ends with a line `Owner: …`.
"""

from dataclasses import dataclass
from hashlib import sha256

from policies.errors import PolicyError
from policies.principals import AgentName, Scope
from policies.workbench.parsing import parse
from policies.workbench.terms import Document, Literal, Rule, Span
from policies.workbench.tokens import NotPolar
from storage.staff import StaffRole

HELD_FOR_A_JOB = frozenset(map(str, (*StaffRole, *AgentName)))
_OWNER = "Owner:"


@dataclass(frozen=True)
class Statement:
    """What a role is for, who answers for it, and where that stands."""

    job: str
    owner: str
    span: Span | None

    @property
    def whole(self) -> bool:
        """Whether it says both."""
        return bool(self.job and self.owner)


def statements(document: Document) -> dict[str, Statement]:
    """The statement of each job of staff, each scope of keys and each agent."""
    wanted = [*map(str, StaffRole), *map(str, Scope), *map(str, AgentName)]
    found = {role: Statement("", "", None) for role in wanted}
    for rule in document.rules:
        role = _role_of(rule)
        if role in found and found[role].span is None:
            lines = document.comment_above(rule.span)
            owner = next((line.removeprefix(_OWNER).strip() for line in lines if line.startswith(_OWNER)), "")
            job = " ".join(line for line in lines if not line.startswith(_OWNER))
            found[role] = Statement(job, owner, rule.span)
    return found


def hashes(source: str) -> dict[str, str]:
    """Of each job, scope and agent what the rules that name it in their head say, as a hash that changes with them.

    Comments and blanks do not count. Raises NotPolar.
    """
    document = parse(source)
    said: dict[str, list[str]] = {role: [] for role in statements(document)}
    for rule in document.rules:
        for role in _named(rule) & said.keys():
            said[role].append(rule.span.text(source))
    return {role: sha256("\n".join(lines).encode()).hexdigest() for role, lines in said.items()}


def stated(source: str, name: str) -> dict[str, Statement]:
    """The statement of each job, as the policy called `name` has it: what people are told of the roles.

    Raises PolicyError for a job or an agent that is given access and does not say what for, or who answers for it.
    """
    try:
        document = parse(source)
    except NotPolar as problem:
        line = problem.span.line(source)
        raise PolicyError(f"{name}:{line}: {problem}" + (f": {problem.advice}" if problem.advice else "")) from problem
    found = statements(document)
    for role, statement in found.items():
        if role in HELD_FOR_A_JOB and statement.span and not statement.whole:
            missing = "Owner" if statement.job else "job"
            raise PolicyError(
                f"{name}:{statement.span.line(source)}: {role} is given access, and no comment above its first rule "
                f"says its {missing}: write “# What the job needs this for.” and “# Owner: head of …” above it"
            )
    return {str(role): found[role] for role in StaffRole}


def _named(rule: Rule) -> set[str]:
    """Every word in quotes that the head of a rule begins with, or asks of whoever it is about."""
    first = rule.parameters[:1]
    terms = [each.term for each in first] + [
        value for each in first if each.pattern for _, value in each.pattern.fields
    ]
    return {str(each.value) for each in terms if isinstance(each, Literal)}


def _role_of(rule: Rule) -> str:
    """The job, scope or agent that a rule is about: `job("SUPPORT", …)`, `covers("read", …)`, `Agent{name: "…"}`."""
    first = rule.parameters[0] if rule.parameters else None
    if first is None:
        return ""
    if rule.name in ("job", "covers") and isinstance(first.term, Literal):
        return str(first.term.value)
    for name, value in first.pattern.fields if first.pattern else ():
        if name == "name" and isinstance(value, Literal):
            return str(value.value)
    return ""

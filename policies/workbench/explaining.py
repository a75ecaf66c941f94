"""`policy explain`: by which rules somebody may do something, or where each rule stopped that could allow it.

The door decides; the tracer says why. Should they ever differ, the answer says so first: that is a fault of ours.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect, select

from policies.actions import Action
from policies.compiled import Policy
from policies.facts import FACTS, parameters_of, shape_of
from policies.principals import Principal
from policies.resources import Platform, protected
from policies.sql import predicate
from policies.workbench.asking import NO_ID, facts_of, looking_into, reader
from policies.workbench.attempts import Attempt, Step, Stop
from policies.workbench.parsing import parse
from policies.workbench.terms import Document
from storage.database import Transaction
from storage.records import Record


@dataclass(frozen=True)
class Reason:
    """A rule that held, or one that could have and where it stopped. `below`: the rules that it asked."""

    line: int
    rule: str
    stopped_at: str | None = None
    saw: tuple[tuple[str, str], ...] = ()
    below: tuple["Reason", ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Whether it is allowed, and why. `agreed` is false if the two readings of the policy differ."""

    allowed: bool
    agreed: bool
    action: Action
    resource: str
    reasons: tuple[Reason, ...]
    policy_version: str


def explain(
    policy: Policy,
    principal: Principal,
    action: Action,
    thing: Record | Platform,
    session: Transaction,
    names: Mapping[uuid.UUID, str] | None = None,
    may_see: Callable[[Record], bool] | None = None,
) -> Explanation:
    """Why `principal` may or may not `action` this thing, which stands in `session`'s database. Reads only.

    Whoever calls this has asked the door whether the one who wants to know may see the thing: an explanation names
    facts of it. `names` are words to put for ids. With `may_see`, facts are shown of the principal and of rows for
    which it answers true, and of nothing else.
    """
    allowed = decide(policy, principal, action, thing, session)
    document = parse(policy.source)
    facts = facts_of(principal)
    tried: list[Attempt] = []
    tracer = reader(document, look=looking_into(session))
    answers = [] if facts is None else tracer.ask(facts, str(action), thing, tried)
    teller = _Teller(document, names or {}, may_see)
    if answers:
        told = [teller.held(asked.proof) for asked in answers]
    else:
        told = [reason for attempt in tried for reason in teller.stopped(attempt)]
    reasons = tuple(dict.fromkeys(told))
    agreed = bool(answers) == allowed
    return Explanation(allowed, agreed, action, type(thing).__name__, reasons, policy.version)


def decide(
    policy: Policy, principal: Principal, action: Action, thing: Record | Platform, session: Transaction
) -> bool:
    """What the door decides about one thing, in SQL."""
    shape = shape_of(principal)
    if isinstance(thing, Platform):
        return action in policy.platform_actions(shape)
    model = protected(type(thing))
    plan = policy.decisions(shape, model).plans.get(action, frozenset())
    keys = inspect(model).primary_key
    same = [column == getattr(thing, str(column.key)) for column in keys]
    statement = select(*keys).where(*same, predicate(model, plan)).params(**parameters_of(principal))
    return session.execute(statement).first() is not None


class _Teller:
    def __init__(
        self, document: Document, names: Mapping[uuid.UUID, str], may_see: Callable[[Record], bool] | None
    ) -> None:
        self._document = document
        self._names = names
        self._may_see = may_see

    def held(self, step: Step) -> Reason:
        span = step.rule.span
        below = tuple(dict.fromkeys(self.held(each) for each in step.below))
        return Reason(span.line(self._document.source), span.text(self._document.source), below=below)

    def stopped(self, attempt: Attempt) -> list[Reason]:
        """Where it got to at its furthest; each different sight once, three of them at most."""
        return list(dict.fromkeys(self._stop(attempt, stop) for stop in attempt.furthest()))[:3]

    def _stop(self, attempt: Attempt, stop: Stop) -> Reason:
        source = self._document.source
        below = [reason for tried in stop.tried if not tried.held for reason in self.stopped(tried)]
        return Reason(
            attempt.rule.span.line(source),
            attempt.rule.span.text(source),
            stop.condition.span.text(source),
            () if below else self._sight(stop.facts),
            tuple(dict.fromkeys(below)),
        )

    def _sight(self, facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The facts in words; of a name and a field of it, the field."""
        shown = (name for name in facts if not any(other.startswith(f"{name}.") for other in facts))
        return tuple((name, self._word(self._seen(facts[name]))) for name in shown if self._is_shown(name, facts))

    def _is_shown(self, name: str, facts: Mapping[str, Any]) -> bool:
        """Whether a fact may be told: what it is a fact of may be seen. A bare value could be anybody's."""
        if self._may_see is None:
            return True
        value, holder = facts[name], facts.get(name.rpartition(".")[0])
        if isinstance(value, Record):
            return self._may_see(value)
        return self._may_see(holder) if isinstance(holder, Record) else isinstance(holder, FACTS)

    def _seen(self, value: Any) -> Any:
        """Of several rows those that may be seen; how many others there are is not told."""
        if self._may_see is None or not isinstance(value, list):
            return value
        return [each for each in value if not isinstance(each, Record) or self._may_see(each)]

    def _word(self, value: Any) -> str:
        if isinstance(value, uuid.UUID):
            return self._names.get(value, str(value))
        if isinstance(value, Record):
            named = self._names.get(getattr(value, "id", None) or uuid.UUID(int=0))
            return f"{named} ({type(value).__name__})" if named else f"a row of {type(value).__name__}"
        if isinstance(value, list | tuple):
            listed = ", ".join(self._word(each) for each in value[:5])
            return f"[{listed}]" if len(value) <= 5 else f"[{listed}, and {len(value) - 5} more]"
        if value is None or value is NO_ID:
            return "nothing" if value is None else "no id"
        if type(value).__module__.startswith("policies."):
            return f"a {type(value).__name__}"
        return f"“{value}”" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def told(explanation: Explanation, who: str, thing: str, file: str) -> str:
    """The explanation as a person reads it at a terminal."""
    answer = "Yes" if explanation.allowed else "No"
    verb = "may" if explanation.allowed else "may not"
    lines = [f"{answer}: {who} {verb} {explanation.action} {thing} ({explanation.resource})."]
    if not explanation.agreed:
        lines.insert(0, "The door and this explanation differ. The door decides; please report this as a fault.")
    if not explanation.reasons:
        article = "an" if explanation.resource[0] in "AEIOU" else "a"
        asked = f"“{explanation.action}” on {article} {explanation.resource}"
        lines.append(f"No rule speaks of {asked} for who they are.")
    else:
        lines.append("Because of:" if explanation.allowed else "Each rule that could allow it, and where it stopped:")
        _lay_out(explanation.reasons, "  ", file, lines.append)
    return "\n".join(lines)


def _lay_out(reasons: tuple[Reason, ...], margin: str, file: str, write: Callable[[str], object]) -> None:
    for reason in reasons:
        write(f"{margin}{file}:{reason.line}  {reason.rule}")
        if reason.stopped_at is not None:
            saw = ", ".join(f"{name} is {value}" for name, value in reason.saw)
            write(f"{margin}    stopped at {reason.stopped_at}" + (f", where {saw}" if saw else ""))
        _lay_out(reason.below, margin + "    ", file, write)

"""What a policy says and most likely does not mean: rules nobody asks for, that can't hold, or that add nothing."""

import re
from collections.abc import Iterator

from policies.workbench.problems import Problem
from policies.workbench.reachability import Reached
from policies.workbench.roles import HELD_FOR_A_JOB, statements
from policies.workbench.terms import Call, Document, Literal, Rule, Term, Variable, walk


def lint(document: Document, reached: Reached) -> Iterator[Problem]:
    """Every finding but those of `jobs`. They warn: the policy decides without them as it does with them."""
    yield from _unused(document)
    yield from _unreachable(document, reached)
    yield from _shadowed(document)


def _unused(document: Document) -> Iterator[Problem]:
    called = {term.name for rule in document.rules for term in walk(rule.body or Literal(None, rule.span))
              if isinstance(term, Call)}  # fmt: skip
    for rule in document.rules:
        if rule.name != "allow" and rule.name not in called:
            yield Problem(
                "unused-rule", f"no condition asks for “{rule.name}”", rule.span, "the rule decides nothing",
                "a rule that asks for it, or remove it", error=False,
            )  # fmt: skip


def _unreachable(document: Document, reached: Reached) -> Iterator[Problem]:
    called = {term.name for rule in document.rules if rule.body for term in walk(rule.body) if isinstance(term, Call)}
    for rule in document.rules:
        if rule not in reached.asked and (rule.name == "allow" or rule.name in called):
            yield Problem(
                "unreachable-rule", "nothing that anybody can ask leads to this rule", rule.span,
                "it can never match: a word or a class in its head is asked for nowhere",
                "the word that is asked for, or remove the rule", error=False,
            )  # fmt: skip
    for (rule, condition), vain in reached.vain.items():
        if vain:
            told = f"no rule could make “{condition.span.text(document.source)}” true here"
            yield Problem(
                "impossible-condition", told, condition.span, f"the rule of line {rule.span.line(document.source)} "
                "can never hold", "a condition that some rule gives", error=False,
            )  # fmt: skip


def _shadowed(document: Document) -> Iterator[Problem]:
    seen: dict[tuple[str, str], list[tuple[Rule, set[str]]]] = {}
    for rule in document.rules:
        head, conditions = _normal(rule, document.source)
        for other, fewer in seen.setdefault((rule.name, head), []):
            narrower, wider = (rule, other) if fewer <= conditions else (other, rule)
            if fewer <= conditions or conditions <= fewer:
                line = wider.span.line(document.source)
                yield Problem(
                    "shadowed-rule", f"line {line} already says this", narrower.span,
                    "whatever this rule allows, that one does under fewer conditions or the same",
                    "what only this rule should allow, or remove it", error=False,
                )  # fmt: skip
        seen[rule.name, head].append((rule, conditions))


def _normal(rule: Rule, source: str) -> tuple[str, set[str]]:
    """Head and conditions with names that depend on their places alone."""
    names: dict[str, str] = {}
    for place, parameter in enumerate(rule.parameters):
        if isinstance(parameter.term, Variable):
            names[parameter.term.name] = f"#{place}"

    def spelled(term: Term) -> str:
        text = re.sub(r"\s+", "", term.span.text(source)) if rule.block is None else repr(term)
        return re.sub(r'"[^"]*"|[A-Za-z_]\w*', lambda found: names.get(found.group(), found.group()), text)

    head = ",".join(
        (repr(p.term.value) if isinstance(p.term, Literal) else "_")
        + (":" + p.pattern.name + "".join(f"{n}={spelled(v)}" for n, v in p.pattern.fields) if p.pattern else "")
        for p in rule.parameters
    )
    if rule.block is not None:
        return f"{head}", {rule.span.text(source).partition(" if ")[2]}
    return head, {spelled(condition) for condition in rule.conditions()}


def jobs(document: Document) -> Iterator[Problem]:
    """Jobs and agents that are given access without saying what for, or who answers for it. None is loaded."""
    for role, statement in statements(document).items():
        if role in HELD_FOR_A_JOB and statement.span and not statement.whole:
            missing = "says what it is for" if not statement.job else "names who answers for it"
            yield Problem(
                "job-without-statement", f"no comment {missing} above the first rule of {role}",
                statement.span, "access is given for a job, and somebody answers for it",
                "“# What the job needs this for.” and “# Owner: head of …”",
            )  # fmt: skip

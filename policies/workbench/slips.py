"""Slips of the pen that every single rule survives: a name that stands once, a second block, no rule to begin with."""

from collections import Counter
from collections.abc import Iterator

from policies.workbench.problems import Problem
from policies.workbench.terms import Block, Document, Parameter, Rule, Span, Variable, walk

SECOND_BLOCK = "second-block"


def check(document: Document) -> Iterator[Problem]:
    """Every slip in the policy. None of it is loaded."""
    if not any(rule.name == "allow" for rule in document.rules):
        yield Problem(
            "no-allow", "no rule is called “allow”", Span(0, 1), "every question begins there: nobody may do anything",
            "allow(person: Person, action: String, thing) if has_permission(person, action, thing);",
        )  # fmt: skip
    blocks: dict[str, Block] = {}
    for block in document.blocks:
        first = blocks.setdefault(block.name, block)
        if first is not block:
            told = f"{block.name} has a block already, on line {first.span.line(document.source)}"
            advice = f"one block of {block.name}, with the words of both"
            yield Problem(SECOND_BLOCK, told, block.span, "the words of a thing are declared in one place", advice)
    for rule in document.rules:
        yield from _lonely(rule) if rule.block is None else ()


def _lonely(rule: Rule) -> Iterator[Problem]:
    """Names that stand once in a rule: each is misspelt, or means to stand for anything at all."""
    names = [term for parameter in rule.parameters for term in _variables(parameter)]
    names += [term for term in walk(rule.body) if isinstance(term, Variable)] if rule.body else []
    often = Counter(name.name for name in names)
    for name in names:
        if often[name.name] == 1 and not name.name.startswith("_"):
            yield Problem(
                "lonely-name", f"“{name.name}” stands once in this rule", name.span,
                "a name ties two places together; alone, it stands for anything at all, or is misspelt",
                f"the name that it should be, or _{name.name} if anything will do",
            )  # fmt: skip


def _variables(parameter: Parameter) -> Iterator[Variable]:
    terms = [parameter.term, *([value for _, value in parameter.pattern.fields] if parameter.pattern else [])]
    for term in terms:
        yield from (each for each in walk(term) if isinstance(each, Variable))

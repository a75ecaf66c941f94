"""The policy with one thing changed: a rule withheld, a condition dropped, a kind or a word left out.

If nobody notices, that rule or condition is either not needed or not tried. Coverage asks the scenarios; the tests of
the policy ask oso.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from policies.workbench.parsing import parse
from policies.workbench.terms import (
    Document,
    Items,
    Joined,
    Literal,
    Operation,
    Pattern,
    Rule,
    Span,
    Term,
    Variable,
    walk,
)
from policies.workbench.vocabularies import THINGS


@dataclass(frozen=True)
class Mutant:
    """`rule` as `text` (None: withheld). `condition` is the number of the condition changed, -1 for the head or all."""

    what: str
    rule: Rule
    condition: int
    text: str | None
    widens: bool = False
    """Whether the head takes more than before, so that it is asked where it was not."""

    def source(self, document: Document) -> str:
        """The whole policy, changed."""
        if self.text is None:
            return self.rule.span.without(document.source)
        return document.source[: self.rule.span.start] + self.text + document.source[self.rule.span.end :]

    def changed(self, document: Document) -> list[Rule]:
        """What stands in the place of the rule."""
        return [] if self.text is None else parse(self.text).rules


def mutants(document: Document) -> Iterator[Mutant]:
    """Each way to change one thing, in the order of the text."""
    for rule in document.rules:
        yield Mutant("the rule", rule, -1, None)
        if rule.block is None:
            yield from _weaker_heads(document, rule)
            yield from _fewer_conditions(document, rule)


def _weaker_heads(document: Document, rule: Rule) -> Iterator[Mutant]:
    for place, parameter in enumerate(rule.parameters):
        pattern = parameter.pattern
        if pattern is None:
            continue
        told = pattern.span.text(document.source)
        if pattern.fields:
            yield _changed(
                document, rule, -1, f"“{told}” as any {pattern.name}", pattern.span, pattern.name, widens=True
            )
        # Kinds of whoever asks follow from who calls a rule; the kind of the thing matters where nothing else is asked.
        last = place == len(rule.parameters) - 1
        if last and pattern.name in THINGS and rule.body is None and not _together_any(document, rule):
            typed = Span(parameter.term.span.end, pattern.span.end)
            yield _changed(document, rule, -1, f"the kind “{told}”", typed, "", widens=True)


def _together_any(document: Document, rule: Rule) -> bool:
    """Whether this rule and its like speak of every kind of thing that has the action: then no kind excludes any."""
    said = _words(rule)
    alike = {
        other.parameters[-1].pattern.name
        for other in document.rules
        if other.name == rule.name and _words(other) == said and other.parameters[-1].pattern is not None
    }
    return {block.name for block in document.blocks if set(said) & set(block.permissions)} <= alike


def _words(rule: Rule) -> list[str]:
    return [str(each.term.value) for each in rule.parameters if isinstance(each.term, Literal)]


def _fewer_conditions(document: Document, rule: Rule) -> Iterator[Mutant]:
    conditions = rule.conditions()
    head = document.source[rule.span.start : rule.span.end].partition(" if")[0]
    for number, condition in enumerate(conditions):
        told = condition.span.text(document.source)
        kept = [each.span.text(document.source) for each in conditions if each is not condition]
        text = f"{head} if {' and '.join(kept)};" if kept else f"{head};"
        yield Mutant(f"“{told}”", rule, number, _with_lone_names(text))
        yield from _fewer_words(document, rule, number, condition)


def _fewer_words(document: Document, rule: Rule, number: int, condition: Term) -> Iterator[Mutant]:
    for term in walk(condition):
        if isinstance(term, Operation) and term.operator == "in" and isinstance(term.right, Items):
            pieces: list[tuple[str, tuple[Term, ...], str]] = [("[", term.right.items, "]")]
            span = term.right.span
        elif isinstance(term, Joined) and term.operator == "or":
            pieces, span = [("", term.parts, "")], term.span
        else:
            continue
        for left, parts, right in pieces:
            for dropped in parts:
                between = ", " if left else " or "
                kept = between.join(part.span.text(document.source) for part in parts if part is not dropped)
                what = f"“{dropped.span.text(document.source)}” in “{span.text(document.source)}”"
                yield _changed(document, rule, number, what, span, f"{left}{kept}{right}")


def _changed(
    document: Document, rule: Rule, number: int, what: str, span: Span, text: str, *, widens: bool = False
) -> Mutant:
    whole = document.source[rule.span.start : span.start] + text + document.source[span.end : rule.span.end]
    return Mutant(what, rule, number, _with_lone_names(whole), widens)


def _with_lone_names(text: str) -> str:
    """oso insists that a name used once begins with an underscore: that must not be what kills a mutant."""
    (rule,) = parse(text).rules
    used = [term for top in _tops(rule) for term in walk(top) if isinstance(term, Variable)]
    names = [term.name for term in used]
    for term in sorted(used, key=lambda term: -term.span.start):
        if names.count(term.name) == 1 and not term.name.startswith("_"):
            text = f"{text[: term.span.start]}_{text[term.span.start :]}"
    return text


def _tops(rule: Rule) -> Iterator[Term]:
    for parameter in rule.parameters:
        yield parameter.term
        if isinstance(parameter.pattern, Pattern):
            yield parameter.pattern
    if rule.body is not None:
        yield rule.body

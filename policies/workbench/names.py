"""Names held against the program: classes, fields, rules, actions, and what a column can be compared with.

Each finding underlines the very words. What passes here is then compiled, which finds the rest.
"""

from collections.abc import Iterable, Iterator

from policies.columns import Unsupported, comparable, ordered, value_for
from policies.workbench.problems import Problem
from policies.workbench.terms import (
    Block,
    Call,
    Document,
    Items,
    Joined,
    Literal,
    Lookup,
    Operation,
    Pattern,
    Rule,
    Span,
    Term,
    Variable,
    walk,
)  # fmt: skip
from policies.workbench.vocabularies import ACTIONS, CLASSES, KINDS, fields, leads_to, model_of, near

_STRANGERS = ("anonymous", "anybody", "anyone", "everybody", "everyone", "guest", "public", "stranger")

Known = dict[str, str]
"""What class of thing each name of a rule stands for."""


def check(document: Document) -> Iterator[Problem]:
    """Everything that is misnamed in the policy."""
    for block in document.blocks:
        yield from _class(block.name, Span(block.span.end - len(block.name), block.span.end))
        for word, span in block.permissions.items() if block.kind == "resource" else ():
            yield from _action(word, span)
        for target, span in block.relations.values():
            yield from _class(target, span)
    yield from check_rules(document, document.rules, defined_by(document.rules))


Defined = set[tuple[str, int]]
"""Which rules there are: a name, and of how many things it is asked."""


def defined_by(rules: Iterable[Rule]) -> Defined:
    """What can be asked where these are the rules."""
    return {(rule.name, len(rule.parameters)) for rule in rules}


def check_rules(document: Document, rules: Iterable[Rule], defined: Defined) -> Iterator[Problem]:
    """What is misnamed in some rules of the policy."""
    blocks = {block.name: block for block in document.blocks}
    for rule in rules:
        yield from _head(rule)
        yield from _calls(rule, defined) if rule.block is None else _declared(rule, blocks)
        yield from _fields(rule)


def _head(rule: Rule) -> Iterator[Problem]:
    for parameter in rule.parameters:
        if parameter.pattern is not None and rule.block is None:
            yield from _class(parameter.pattern.name, parameter.pattern.span)
    # An action stands second in what the door asks for.
    if rule.block is None and rule.name in ("allow", "has_permission") and len(rule.parameters) == 3:
        term = rule.parameters[1].term
        if isinstance(term, Literal) and isinstance(term.value, str):
            yield from _action(term.value, term.span)
        elif isinstance(term, Variable) and term.name == "_":
            yield Problem(
                "every-action", "a rule allows every action", term.span,
                "an action that is added later would be granted by a rule that was written before",
                "the actions it is about, each by its name",
            )  # fmt: skip


def _declared(rule: Rule, blocks: dict[str, Block]) -> Iterator[Problem]:
    """The words of a line of a block, each of which a declaration has to name."""
    block = blocks[str(rule.block)]
    yield from _word(rule.parameters[1].term, [*block.roles, *block.permissions], block)
    asked = rule.conditions()[-1]
    if isinstance(asked, Call) and len(rule.conditions()) == 1:
        yield from _word(asked.arguments[1], [*block.roles, *block.permissions], block)
        return
    leads = rule.conditions()[0]
    if isinstance(leads, Call):
        yield from _word(leads.arguments[1], block.relations, block)
        relation = str(getattr(leads.arguments[1], "value", ""))
        target = blocks.get(block.relations.get(relation, ("", rule.span))[0])
        if target is not None and isinstance(asked, Call):
            yield from _word(asked.arguments[1], [*target.roles, *target.permissions], target)


def _word(term: Term, declared: Iterable[str], block: Block) -> Iterator[Problem]:
    if isinstance(term, Literal) and term.value not in declared:
        meant = near(str(term.value), declared)
        yield Problem(
            "undeclared-word", f"“{term.value}” is declared nowhere in the block of {block.name}", term.span,
            "a block uses its own words: those behind permissions, roles and relations",
            f'"{meant}"' if meant else f'add "{term.value}" to a declaration of the block',
        )  # fmt: skip


def _class(name: str, span: Span) -> Iterator[Problem]:
    if name.lower() in _STRANGERS:
        yield Problem(
            "anybody", f"“{name}”: whoever has not signed in can't be named", span,
            "strangers are never let in, whoever would approve it; a right is somebody's",
            "who may, such as `person: Person`",
        )  # fmt: skip
    elif name not in CLASSES and name not in KINDS:
        yield Problem(
            "unknown-class", f"there is nothing called “{name}”", span,
            "a rule about it would never apply",
            near(name, CLASSES) or f"one of {', '.join(sorted(CLASSES))}",
        )  # fmt: skip


def _action(word: str, span: Span) -> Iterator[Problem]:
    if word not in ACTIONS:
        meant = near(word, ACTIONS)
        yield Problem(
            "unknown-action", f"“{word}” is no action", span,
            "nobody ever asks for it; policies/actions.py has the list",
            f'"{meant}"' if meant else "an action of policies/actions.py, or add this one there",
        )  # fmt: skip


def _calls(rule: Rule, defined: Defined) -> Iterator[Problem]:
    for term in walk(rule.body) if rule.body else ():
        if isinstance(term, Call) and term.of is None and (term.name, len(term.arguments)) not in defined:
            sizes = sorted(size for name, size in defined if name == term.name)
            if sizes:
                told = f"“{term.name}” is asked about {len(term.arguments)} things; its rules are about {sizes[0]}"
                yield Problem("wrong-arity", told, term.span, "the condition could never hold")
                continue
            meant = near(term.name, {name for name, _ in defined})
            yield Problem(
                "unknown-rule", f"no rule is called “{term.name}”", term.span, "the condition could never hold",
                meant or f"a rule {term.name}(…), or another condition",
            )  # fmt: skip
        if isinstance(term, Call) and term.of is not None:
            yield Problem(
                "method", f"“.{term.name}(…)” can't be asked of a row", term.span,
                "a database can't call it", "a comparison of a plain column",
            )  # fmt: skip


def _fields(rule: Rule) -> Iterator[Problem]:
    known = kinds(rule)
    for term in walk(rule.body) if rule.body else ():
        if isinstance(term, Lookup):
            yield from _lookup(term, known)
        if isinstance(term, Operation) and term.operator == "in" and isinstance(term.right, Items):
            for item in term.right.items:
                yield from _comparison(Operation("=", term.left, item, item.span), known)
        elif isinstance(term, Operation) and term.operator not in ("in", "matches"):
            yield from _comparison(term, known)


def _lookup(term: Lookup, known: Known) -> Iterator[Problem]:
    name = kind_of(term.of, known)
    there = fields(name) if name else None
    if name and there is not None and term.name not in there:
        meant = near(term.name, there)
        span = Span(term.span.end - len(term.name), term.span.end)
        yield Problem(
            "unknown-field", f"{name} has no “{term.name}”", span, "the rule can't be decided",
            meant or f"one of {', '.join(there)}",
        )  # fmt: skip


def _comparison(term: Operation, known: Known) -> Iterator[Problem]:
    for side, other in ((term.left, term.right), (term.right, term.left)):
        if not isinstance(side, Lookup):
            continue
        model = model_of(kind_of(side.of, known) or "")
        if model is None or side.name not in (fields(model.__name__) or ()) or kind_of(side, known) is not None:
            continue
        try:
            column = comparable(model, side.name)
            if term.operator in ("<", "<=", ">", ">="):
                ordered(model, side.name, column)
            if isinstance(other, Literal):
                sign = "!=" if term.operator == "!=" else "<" if term.operator[0] in "<>" else "="
                value_for(model, side.name, column, other.value, sign)  # type: ignore[arg-type]
        except Unsupported as problem:
            told, _, advice = str(problem).partition(": ")
            yield Problem("no-such-comparison", told, term.span, "no database could decide this", advice)


def kinds(rule: Rule) -> Known:
    """The class of each name that the head, a relation or an equality gives one."""
    known: Known = {}
    for parameter in rule.parameters:
        if isinstance(parameter.term, Variable) and isinstance(parameter.pattern, Pattern):
            known[parameter.term.name] = parameter.pattern.name
    for term in _conjuncts(rule.body):
        if isinstance(term, Operation) and isinstance(term.left, Variable) and isinstance(term.right, Lookup):
            of = kind_of(term.right.of, known)
            target = leads_to(of, term.right.name) if of else None
            if target and target[1] == (term.operator == "in"):
                known[term.left.name] = target[0]
    return known


def kind_of(term: Term, known: Known) -> str | None:
    """The class of what a path leads to, where that can be told."""
    if isinstance(term, Variable):
        return known.get(term.name)
    if isinstance(term, Lookup) and (of := kind_of(term.of, known)):
        target = leads_to(of, term.name)
        return target[0] if target else None
    return None


def _conjuncts(term: Term | None) -> Iterator[Term]:
    if isinstance(term, Joined):
        for part in term.parts:
            yield from _conjuncts(part)
    elif term is not None:
        yield term

"""Which rules can ever be asked, and which could ever hold: names and kinds are followed, ids and rows are not."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from policies.facts import FACTS
from policies.workbench.names import kind_of, kinds
from policies.workbench.terms import Call, Document, Items, Literal, Lookup, Operation, Pattern, Rule, Term, Variable
from policies.workbench.vocabularies import ACTIONS, LISTED, THINGS

Could = frozenset[object] | None
"""What a name could stand for: words, and classes as `_Class`; None is anything at all."""
_Use = tuple[Could, ...]


@dataclass(frozen=True)
class _Class:
    name: str


@dataclass
class Reached:
    """`asked`: each rule that something asks for. `vain`: of each condition, by its rule, whether no rule gives it.

    `circular`: conditions that ask for the very thing that they are to decide.
    """

    asked: set[Rule] = field(default_factory=set)
    circular: set[Call] = field(default_factory=set)
    vain: dict[tuple[Rule, Term], bool] = field(default_factory=dict)


def reach(document: Document) -> Reached:
    """Follow the policy from `allow`, for every kind of principal, action and thing."""
    walker = _Walker(document)
    start: _Use = (
        frozenset(_Class(known.__name__) for known in FACTS),
        frozenset(ACTIONS),
        frozenset(map(_Class, THINGS)),
    )
    walker.call("allow", start)
    return walker.reached


class _Walker:
    def __init__(self, document: Document) -> None:
        self.reached = Reached()
        self._rules: dict[tuple[str, int], list[Rule]] = {}
        for rule in document.rules:
            self._rules.setdefault((rule.name, len(rule.parameters)), []).append(rule)
        self._related = {
            (block.name, relation): _Class(target)
            for block in document.blocks
            for relation, (target, _) in block.relations.items()
        }
        self._unions = {
            kind: frozenset(_Class(block.name) for block in document.blocks if block.kind == kind.lower())
            for kind in ("Actor", "Resource")
        }
        self._seen: set[tuple[int, _Use]] = set()
        self._inside: set[tuple[int, _Use]] = set()

    def call(self, name: str, use: _Use, by: Call | None = None) -> bool:
        """Walk into every rule that `use` could mean; whether there is one."""
        found = False
        for rule in self._rules.get((name, len(use)), ()):
            could = self._enter(rule, use)
            if could is None:
                continue
            found = True
            self.reached.asked.add(rule)
            node = rule.span.start, tuple(could.get(f"#{place}") for place in range(len(use)))
            if node in self._inside and by is not None:
                self.reached.circular.add(by)
            if node not in self._seen:
                self._seen.add(node)
                self._inside.add(node)
                self._body(rule, could)
                self._inside.remove(node)
        return found

    def _enter(self, rule: Rule, use: _Use) -> dict[str, Could] | None:
        could: dict[str, Could] = {}
        for place, (parameter, given) in enumerate(zip(rule.parameters, use, strict=True)):
            left = given
            if isinstance(parameter.term, Literal):
                left = _both(left, frozenset({parameter.term.value}))
            if parameter.pattern is not None:
                left = self._narrowed(left, parameter.pattern)
            if left == frozenset():
                return None
            if isinstance(parameter.term, Variable):
                could[parameter.term.name] = left
            could[f"#{place}"] = left
        return could

    def _narrowed(self, given: Could, pattern: Pattern) -> Could:
        for name, wanted in pattern.fields:
            listed = LISTED.get((pattern.name, name))
            if listed is not None and isinstance(wanted, Literal) and wanted.value not in listed:
                return frozenset()
        if pattern.name == "String":
            return None if given is None else frozenset(each for each in given if isinstance(each, str))
        return _both(given, self._unions.get(pattern.name, frozenset({_Class(pattern.name)})))

    def _body(self, rule: Rule, could: dict[str, Could]) -> None:
        known = kinds(rule)
        for condition in rule.conditions() if rule.block else ():
            # `… on "project"`: the block says what the relation leads to.
            related = condition.arguments[0] if isinstance(condition, Call) else None
            if isinstance(related, Variable) and (target := self._related.get((str(rule.block), related.name))):
                could[related.name] = frozenset({target})
        for name, single in _single_classes(could):
            known.setdefault(name, single)
        for condition in rule.conditions():
            for part in _parts(condition):
                if isinstance(part, Call) and part.of is None:
                    use = tuple(_could(argument, could, known) for argument in part.arguments)
                    held = self.call(part.name, use, part)
                    self.reached.vain[rule, part] = self.reached.vain.get((rule, part), True) and not held
                elif isinstance(part, Operation) and part.operator == "in" and isinstance(part.left, Variable):
                    listed = _listed(part.right, known)
                    could[part.left.name] = _both(could.get(part.left.name), listed)


def _parts(condition: Term) -> Iterator[Term]:
    parts = getattr(condition, "parts", None)
    if parts is None:
        yield condition
    else:
        for part in parts:
            yield from _parts(part)


def _single_classes(could: dict[str, Could]) -> Iterator[tuple[str, str]]:
    for name, values in could.items():
        if values is not None and len(values) == 1 and isinstance(single := next(iter(values)), _Class):
            yield name, single.name


def _listed(term: Term, known: dict[str, str]) -> Could:
    if isinstance(term, Items) and all(isinstance(item, Literal) for item in term.items):
        return frozenset(item.value for item in term.items if isinstance(item, Literal))
    if isinstance(term, Lookup) and (of := kind_of(term.of, known)):
        return LISTED.get((of, term.name))
    return None


def _could(term: Term, could: dict[str, Could], known: dict[str, str]) -> Could:
    if isinstance(term, Literal):
        return frozenset({term.value})
    if isinstance(term, Variable) and term.name in could:
        return could[term.name]
    kind = kind_of(term, known)
    return frozenset({_Class(kind)}) if kind else None


def _both(one: Could, other: Could) -> Could:
    if one is None or other is None:
        return other if one is None else one
    return one & other

"""Which rules can ever be asked, and which could ever hold: names and kinds are followed, ids and rows are not."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import NamedTuple

from policies.facts import FACTS
from policies.workbench.names import kind_of, kinds
from policies.workbench.terms import (
    Call,
    Document,
    Items,
    Joined,
    Literal,
    Lookup,
    Operation,
    Pattern,
    Rule,
    Term,
    Variable,
)
from policies.workbench.vocabularies import ACTIONS, LISTED, THINGS

DEEPEST = 40
"""How many rules may rest on one another, one below the other."""
BROADEST = 2_000
"""In how many ways one rule may hold. Each becomes a condition in SQL, and oso goes through them one by one."""
COUNTED_TO = 1_000_000_000

Could = frozenset[object] | None
"""What a name could stand for: words, and classes as `_Class`; None is anything at all."""
_Use = tuple[Could, ...]


class _Class(NamedTuple):
    name: str


@dataclass(frozen=True)
class _Extent:
    """What a question opens up: whether any rule speaks of it, how many of them rest on one another, how many ways.

    `told`: that these are too many was said of a rule below already.
    """

    found: bool = True
    height: int = 0
    ways: int = 1
    told: bool = False


@dataclass
class Reached:
    """`asked`: each rule that something asks for. `vain`: of each condition, by its rule, whether no rule gives it.

    `circular`: conditions that ask for the very thing that they are to decide; `deep`: those below which too many rules
    ask for one another. `broad`: rules that hold in too many ways, and in how many.
    """

    asked: set[Rule] = field(default_factory=set)
    circular: set[Call] = field(default_factory=set)
    deep: set[Call] = field(default_factory=set)
    broad: dict[Rule, int] = field(default_factory=dict)
    vain: dict[tuple[Rule, Term], bool] = field(default_factory=dict)


def reach(document: Document) -> Reached:
    """Follow the policy from `allow`, for every kind of principal, action and thing."""
    walker = _Walker(document)
    start: tuple[Could, Could, Could] = (
        frozenset(_Class(known.__name__) for known in FACTS),
        frozenset(ACTIONS),
        frozenset(map(_Class, THINGS)),
    )
    walker.call("allow", start)
    walker.recount()  # of all actions at once the ways multiply that no question ever takes together
    for action in sorted(ACTIONS):  # one at a time: how many ways there are is counted for each
        walker.call("allow", (start[0], frozenset({action}), start[2]))
    return walker.reached


class _Walker:
    def __init__(self, document: Document) -> None:
        self.reached = Reached()
        self._rules: dict[tuple[str, int], list[Rule]] = {}
        for rule in document.rules:
            self._rules.setdefault((rule.name, len(rule.parameters)), []).append(rule)
        self._meant: dict[tuple[str, int, object], list[Rule]] = {}
        self._related = {
            (block.name, relation): _Class(target)
            for block in document.blocks
            for relation, (target, _) in block.relations.items()
        }
        self._unions = {
            kind: frozenset(_Class(block.name) for block in document.blocks if block.kind == kind.lower())
            for kind in ("Actor", "Resource")
        }
        self._known: dict[tuple[int, _Use], _Extent] = {}
        self._inside: set[tuple[int, _Use]] = set()

    def recount(self) -> None:
        """Forget in how many ways rules hold; what was found to be asked, vain or circular stays."""
        self.reached.broad.clear()
        self._known.clear()

    def call(self, name: str, use: _Use, by: Call | None = None) -> _Extent:
        """Walk into every rule that `use` could mean."""
        if len(self._inside) > DEEPEST and by is not None:
            self.reached.deep.add(by)
            return _Extent()
        found, height, ways, told = False, 0, 0, False
        for rule in self._about(name, use):
            could = self._enter(rule, use)
            if could is None:
                continue
            self.reached.asked.add(rule)
            node = rule.span.start, tuple(could.get(f"#{place}") for place in range(len(use)))
            if node in self._inside and by is not None:
                self.reached.circular.add(by)
            below = self._below(node, rule, could)
            found, height, ways = True, max(height, below.height + 1), ways + below.ways
            told = told or below.told
        if height > DEEPEST and by is not None:
            self.reached.deep.add(by)
        return _Extent(found, height, ways, told)

    def _about(self, name: str, use: _Use) -> list[Rule]:
        """The rules of this name, without those whose second place is another word than the only one asked for.

        That is the action, mostly, and most rules are about one: of hundreds a handful is left to look at.
        """
        rules = self._rules.get((name, len(use)), [])
        asked = use[1] if len(use) > 1 else None
        if asked is None or len(asked) != 1:
            return rules
        (word,) = asked
        if (name, len(use), word) not in self._meant:
            heads = ((rule, rule.parameters[1].term) for rule in rules)
            self._meant[name, len(use), word] = [
                rule for rule, head in heads if not isinstance(head, Literal) or head.value == word
            ]
        return self._meant[name, len(use), word]

    def _below(self, node: tuple[int, _Use], rule: Rule, could: dict[str, Could]) -> _Extent:
        """What the rule's conditions open up; each use of it is walked once."""
        if node in self._inside:
            return _Extent()
        if node not in self._known:
            self._inside.add(node)
            below = self._body(rule, could)
            self._inside.remove(node)
            if below.ways > BROADEST and not below.told:
                self.reached.broad[rule] = below.ways
            self._known[node] = replace(below, told=below.told or below.ways > BROADEST)
        return self._known[node]

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

    def _body(self, rule: Rule, could: dict[str, Could]) -> _Extent:
        known = kinds(rule)
        for condition in rule.conditions() if rule.block else ():
            # `… on "project"`: the block says what the relation leads to.
            related = condition.arguments[0] if isinstance(condition, Call) else None
            if isinstance(related, Variable) and (target := self._related.get((str(rule.block), related.name))):
                could[related.name] = frozenset({target})
        for name, single in _single_classes(could):
            known.setdefault(name, single)
        return self._term(rule.body, rule, could, known) if rule.body else _Extent()

    def _term(self, term: Term, rule: Rule, could: dict[str, Could], known: dict[str, str]) -> _Extent:
        if isinstance(term, Joined):
            either = term.operator == "or"
            parts = [self._term(part, rule, dict(could) if either else could, known) for part in term.parts]
            counts = [part.ways for part in parts]
            ways = sum(counts) if either else prod(counts)
            height, told = max(part.height for part in parts), any(part.told for part in parts)
            return _Extent(height=height, ways=min(ways, COUNTED_TO), told=told)
        if isinstance(term, Call) and term.of is None:
            use = tuple(_could(argument, could, known) for argument in term.arguments)
            opened = self.call(term.name, use, term)
            self.reached.vain[rule, term] = self.reached.vain.get((rule, term), True) and not opened.found
            return opened
        if isinstance(term, Operation) and term.operator == "in":
            listed = _listed(term.right, known)
            if isinstance(term.left, Variable):
                listed = could[term.left.name] = _both(could.get(term.left.name), listed)
            return _Extent(ways=len(listed) if listed and isinstance(term.right, Items) else 1)
        return _Extent()


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

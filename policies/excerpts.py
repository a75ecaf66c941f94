"""Excerpts: the part of a policy that can matter to one model, with its questions about people left open.

Roles and permissions are asked for again and again on the way to a decision, and oso works each out anew. So an
excerpt answers `has_role(person, "viewer", thing)` with a mark on the thing, and `policies.tabling` puts in its place
what the same question gave when it was asked once.
"""

from dataclasses import dataclass
from typing import Final

from policies.engine import CLASSES
from policies.facts import FACTS, Person
from policies.resources import Platform, mapper_of
from policies.workbench.terms import Call, Document, Joined, Literal, Rule, Term, Variable, walk
from storage.records import Record

OPEN: Final = {"has_permission__open": "has_permission", "has_role__open": "has_role"}
"""The mark by which a question is left open, and the question."""


@dataclass(frozen=True)
class _Piece:
    """One rule as excerpts have it: where it stood, what it is about, and its words there or, in long form, below."""

    rule: Rule
    things: set[str]
    always: bool
    words: str
    further: str | None


class Excerpts:
    """The excerpts of one policy. Its rules are taken apart once, for all models."""

    def __init__(self, document: Document) -> None:
        self._source = document.source
        opened = {rule: mark for mark, rule in OPEN.items() if _names(document, rule)}
        kept_for_name = {rule.name: rule for rule in document.rules}
        self._pieces = [
            _Piece(
                rule,
                _things(rule),
                kept_for_name[rule.name] is rule,
                _reworded(rule, document.source, opened),
                _long_form(rule, document.source, opened),
            )
            for rule in document.rules
        ]
        self._marks = [line for rule, mark in opened.items() for line in _marking(rule, mark, _names(document, rule))]

    def about(self, model: type[Record]) -> str:
        """The policy for those who ask about `model`.

        Left out are rules about things that no relation of the model leads to: a row of it never brings one up. The
        last rule of each name stays, for oso wants every rule that is called to be there.
        """
        reached = _reached(model)
        source, at = self._source, 0
        text: list[str] = []
        further: list[str] = []
        for piece in self._pieces:
            text.append(source[at : piece.rule.span.start])
            at = piece.rule.span.end
            if not (piece.always or piece.things <= reached):
                continue
            if piece.further:
                further.append(piece.further)
            else:
                text.append(piece.words)
        return "\n".join(("".join(text) + source[at:], *further, *self._marks))


def _reached(model: type[Record]) -> set[str]:
    """The classes that paths from a row of `model` can lead to, its own among them."""
    found, waiting = {model}, [model]
    while waiting:
        for relation in mapper_of(waiting.pop()).relationships:
            if relation.mapper.class_ not in found:
                found.add(relation.mapper.class_)
                waiting.append(relation.mapper.class_)
    return {each.__name__ for each in found}


def _things(rule: Rule) -> set[str]:
    return {place.pattern.name for place in rule.parameters if place.pattern} & {*CLASSES, Platform.__name__}


def _names(document: Document, rule: str) -> list[str]:
    """The names that `rule` can hold for, as written; none where one of its heads leaves the name open."""
    heads = [each.parameters for each in document.rules if each.name == rule]
    terms = [head[1].term for head in heads if len(head) == 3]
    if len(terms) != len(heads) or not all(isinstance(term, Literal) and isinstance(term.value, str) for term in terms):
        return []
    return sorted({_spelled(term, document.source) for term in terms})


def _long_form(rule: Rule, source: str, opened: dict[str, str]) -> str | None:
    """A line of a block as the rule it is short for, reworded; None for a rule written out, or one hard to write."""
    if rule.block is None or rule.body is None:
        return None
    calls = rule.body.parts if isinstance(rule.body, Joined) else (rule.body,)
    names = {place.term.name for place in rule.parameters if isinstance(place.term, Variable)}
    names |= {term.name for call in calls for term in walk(call) if isinstance(term, Variable)}
    if len(names) != 1 + len(calls):  # oso tells a relation from the thing that has it, also where they are namesakes
        return None
    head = ", ".join(
        _spelled(place.term, source) + (f": {place.pattern.name}" if place.pattern else "") for place in rule.parameters
    )
    body = " and ".join(
        f"{opened.get(call.name, call.name)}({', '.join(_spelled(each, source) for each in call.arguments)})"
        for call in calls
        if isinstance(call, Call)
    )
    return f"{rule.name}({head}) if {body};"


def _spelled(term: Term, source: str) -> str:
    return term.name if isinstance(term, Variable) else source[term.span.start : term.span.end]


def _reworded(rule: Rule, source: str, opened: dict[str, str]) -> str:
    """The rule as written, but for the names of the questions that it leaves open, and “: String” of an action.

    oso would ask back for every word that an action is compared with whether it is a String.
    """
    if rule.block is not None or rule.body is None:
        return source[rule.span.start : rule.span.end]
    calls = [term for term in walk(rule.body) if isinstance(term, Call)]
    changed = [
        (call.span.start, call.span.start + len(call.name), opened[call.name])
        for call in calls
        if call.name in opened and call.of is None
    ]
    if rule.name == "allow" and len(rule.parameters) == 3:
        action, kind = rule.parameters[1].term, rule.parameters[1].pattern
        if isinstance(action, Variable) and kind and kind.name == "String" and not kind.fields:
            changed.append((action.span.end, kind.span.end, ""))
    parts, at = [], rule.span.start
    for start, end, words in sorted(changed):
        parts += [source[at:start], words]
        at = end
    return "".join(parts) + source[at : rule.span.end]


def _marking(rule: str, mark: str, names: list[str]) -> list[str]:
    """What answers the open question: a mark where a person is asked about, and for all others the rule itself."""
    others = (fact.__name__ for fact in FACTS if fact is not Person)
    return [
        *(f"{mark}(_: Person, {name}, thing) if {name} in thing.{mark};" for name in names),
        *(f"{mark}(actor: {other}, name, thing) if {rule}(actor, name, thing);" for other in others),
    ]

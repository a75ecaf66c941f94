"""The policy with one word of it another: a role, an action, a scope, a column, a comparison.

`mutants` leaves things out, kinds among them; this puts something else in their place, as a slip of the pen does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Uuid

from policies.resources import mapper_of
from policies.workbench.names import kind_of, kinds
from policies.workbench.parsing import parse
from policies.workbench.terms import Block, Document, Literal, Lookup, Operation, Rule, Span, Term, walk
from policies.workbench.vocabularies import ACTIONS, LISTED, model_of
from storage.projects import MemberRole

CHANGES = ("another action", "another role", "another word", "another column", "the opposite comparison")
"""What is changed: the headings under which mutants are counted."""
_ACTION, _ROLE, _WORD, _COLUMN, _SIGN = CHANGES


@dataclass(frozen=True)
class Weakened:
    """The policy with `text` in the place of `span`, which is part of `rule`."""

    change: str
    rule: Rule
    span: Span
    text: str
    condition: int = -1
    widens: bool = True
    """A changed word may be asked for where the old one was not."""

    def what(self, document: Document) -> str:
        """The change in words: `"viewer" as "editor"`."""
        return f"`{self.span.text(document.source)}` as `{self.text.strip()}`"

    def source(self, document: Document) -> str:
        """The whole policy, changed."""
        return document.source[: self.span.start] + self.text + document.source[self.span.end :]

    def changed(self, document: Document) -> list[Rule]:
        """What stands in the place of the rule. Only that is read anew, beside what its block declares."""
        source, whole = document.source, self.rule.span
        text = source[whole.start : self.span.start] + self.text + source[self.span.end : whole.end]
        declared = (_declarations(block, text if block.name == self.rule.block else "") for block in document.blocks)
        return parse("".join(declared) if self.rule.block else text).rules


def _declarations(block: Block, line: str) -> str:
    """A block with its declarations, and one line beside them."""
    permissions, roles = (", ".join(f'"{word}"' for word in words) for words in (block.permissions, block.roles))
    relations = ", ".join(f"{name}: {target}" for name, (target, _) in block.relations.items())
    lists = f"permissions = [{permissions}]; roles = [{roles}]; relations = {{{relations}}};"
    return f"{block.kind} {block.name} {{ {lists} {line} }}\n"


def weakened(document: Document) -> Iterator[Weakened]:
    """Each word that could be another, in the order of the text."""
    words = _Words(document)
    for rule in document.rules:
        seen: set[tuple[Span, str]] = set()
        for found in words.changes(rule):
            if (found.span, found.text) not in seen:
                seen.add((found.span, found.text))
                yield found


class _Words:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._blocks = {block.name: block for block in document.blocks}
        self._roles = {role for block in document.blocks for role in block.roles}

    def changes(self, rule: Rule) -> Iterator[Weakened]:
        """Everything in one rule that could be another word."""
        for term in _terms(rule):
            if isinstance(term, Literal) and isinstance(term.value, str):
                for change, others in self._others(rule, term.value):
                    for other in sorted(others - {term.value}):
                        yield Weakened(change, rule, term.span, f'"{other}"')
            if rule.block is None and isinstance(term, Operation) and term.operator == "=":
                between = Span(term.left.span.end, term.right.span.start)
                if between.text(self._document.source).strip() == "=":
                    yield Weakened(_SIGN, rule, between, " != ")
            if isinstance(term, Lookup) and rule.block is None:
                yield from self._columns(rule, term)

    def _others(self, rule: Rule, word: str) -> Iterator[tuple[str, set[str]]]:
        """What else could stand where this word stands: the words of its own list, and no others."""
        block = self._blocks.get(rule.block or "")
        if block is not None:
            if word in block.permissions:
                yield _ACTION, set(block.permissions)
            elif word not in block.relations:
                yield _ROLE, set(block.roles) if word in block.roles else self._roles
            return
        lists: list[tuple[str, Iterable[str]]] = [
            (_ACTION, ACTIONS),
            (_ROLE, self._roles),
            (_WORD, map(str, MemberRole)),
        ]
        lists += [(_WORD, listed) for listed in LISTED.values()]
        for change, listed in lists:
            known = set(listed)
            if word in known:
                yield change, known

    def _columns(self, rule: Rule, term: Lookup) -> Iterator[Weakened]:
        """Another id of the same thing, where an id is compared."""
        model = model_of(kind_of(term.of, kinds(rule)) or "")
        columns: Any = mapper_of(model).columns if model else {}
        if term.name not in columns or not isinstance(columns[term.name].type, Uuid):
            return
        for name, column in columns.items():
            if name != term.name and isinstance(column.type, Uuid):
                yield Weakened(_COLUMN, rule, Span(term.span.end - len(term.name), term.span.end), name)


def _terms(rule: Rule) -> Iterator[Term]:
    for parameter in rule.parameters:
        yield from walk(parameter.term)
        if rule.block is None and parameter.pattern is not None:
            yield from walk(parameter.pattern)
    if rule.body is not None:
        yield from walk(rule.body)

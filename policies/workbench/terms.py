"""Polar as a tree. Every part knows where it stands in the file, so that a message can underline it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Span:
    """From `start` up to, not including, `end`: offsets into the text."""

    start: int
    end: int

    def text(self, source: str) -> str:
        """What stands there, on one line."""
        return " ".join(source[self.start : self.end].split())

    def line(self, source: str) -> int:
        """The line it begins on, counted from 1."""
        return source.count("\n", 0, self.start) + 1

    def without(self, source: str) -> str:
        """`source` with this part blanked out; everything else stays where it is."""
        blank = "".join("\n" if letter == "\n" else " " for letter in source[self.start : self.end])
        return source[: self.start] + blank + source[self.end :]


def _by_place(part: Any) -> int:
    """A part's hash: equal ones stand in one place. To go through all that is in a rule takes longer than the rest."""
    return hash((part.span.start, part.span.end))


@dataclass(frozen=True)
class Literal:
    """A string, number, truth value, or nil."""

    value: Any
    span: Span

    __hash__ = _by_place


@dataclass(frozen=True)
class Variable:
    """A name that stands for something; each `_` stands for something of its own."""

    name: str
    span: Span

    __hash__ = _by_place


@dataclass(frozen=True)
class Items:
    """A list written out."""

    items: tuple["Term", ...]
    span: Span

    __hash__ = _by_place


@dataclass(frozen=True)
class Lookup:
    """`of.name`"""

    of: "Term"
    name: str
    span: Span

    __hash__ = _by_place


@dataclass(frozen=True)
class Call:
    """`name(…)`, true if a rule of that name makes it true; with `of`, a method, which no policy of ours may call."""

    name: str
    arguments: tuple["Term", ...]
    span: Span
    of: "Term | None" = None

    __hash__ = _by_place


@dataclass(frozen=True)
class Pattern:
    """`Class` or `Class{field: value}`, after a colon or `matches`."""

    name: str
    fields: tuple[tuple[str, "Term"], ...]
    span: Span

    __hash__ = _by_place


@dataclass(frozen=True)
class Operation:
    """`left operator right`: a comparison, `in`, `matches`, arithmetic."""

    operator: str
    left: "Term"
    right: "Term"
    span: Span

    __hash__ = _by_place


@dataclass(frozen=True)
class Joined:
    """All of the parts (`and`), or any of them (`or`)."""

    operator: str
    parts: tuple["Term", ...]
    span: Span

    __hash__ = _by_place


Term = Literal | Variable | Items | Lookup | Call | Pattern | Operation | Joined


@dataclass(frozen=True)
class Parameter:
    """One place of a rule's head: a term, and what it must be."""

    term: Term
    pattern: Pattern | None


@dataclass(frozen=True)
class Rule:
    """One rule. `span` is the statement as written; a line of a block is the rule it is short for."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Term | None
    span: Span
    block: str | None = None

    __hash__ = _by_place

    def conditions(self) -> tuple[Term, ...]:
        """What must hold, part by part, in order."""
        if self.body is None:
            return ()
        return self.body.parts if isinstance(self.body, Joined) and self.body.operator == "and" else (self.body,)


@dataclass
class Block:
    """`resource Name { … }` or `actor Name { … }` with the words it declares, each with its place."""

    kind: str
    name: str
    span: Span
    permissions: dict[str, Span] = field(default_factory=dict)
    roles: dict[str, Span] = field(default_factory=dict)
    relations: dict[str, tuple[str, Span]] = field(default_factory=dict)


@dataclass
class Document:
    """A whole policy."""

    source: str
    rules: list[Rule] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def comment_above(self, span: Span) -> list[str]:
        """The lines of the comment that stands right above `span`, without their signs."""
        lines = self.source[: span.start].splitlines()
        if self.source[: span.start].rsplit("\n", 1)[-1].strip() == "" and lines and not lines[-1].strip():
            lines.pop()  # the statement's own indentation
        found: list[str] = []
        while lines and lines[-1].lstrip().startswith("#"):
            found.insert(0, lines.pop().lstrip().lstrip("#").strip())
        return found


def walk(term: Term) -> Iterator[Term]:
    """`term` and everything in it."""
    yield term
    match term:
        case Items(items, _):
            below: tuple[Term, ...] = items
        case Lookup(of, _, _):
            below = (of,)
        case Call(_, arguments, _, of):
            below = arguments if of is None else (of, *arguments)
        case Pattern(_, fields, _):
            below = tuple(value for _, value in fields)
        case Operation(_, left, right, _):
            below = (left, right)
        case Joined(_, parts, _):
            below = parts
        case _:
            below = ()
    for part in below:
        yield from walk(part)

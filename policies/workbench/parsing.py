"""The reader of Polar behind the workbench: text to tree, with places. oso reads the same text for what decides.

A line of a block is turned into the rule that oso makes of it: `"read" if "viewer";` in the block of Asset is
`has_permission(actor: Actor, "read", asset: Asset) if has_role(actor, "viewer", asset);`.
"""

from functools import lru_cache

from policies.workbench.conditions import Conditions
from policies.workbench.terms import (
    Block,
    Call,
    Document,
    Joined,
    Literal,
    Parameter,
    Pattern,
    Rule,
    Span,
    Term,
    Variable,
)  # fmt: skip
from policies.workbench.tokens import Token, Tokens


@lru_cache(maxsize=4)
def parse(source: str) -> Document:
    """The policy as a tree, which nobody changes: loading one reads it several times, and takes it apart once.

    Raises NotPolar with the place of what can't be read.
    """
    return _Statements(source).document()


class _Statements:
    def __init__(self, source: str) -> None:
        self._words = Tokens(source)
        self._conditions = Conditions(self._words)
        self._found = Document(source)
        self._short: list[_Shorthand] = []

    def document(self) -> Document:
        while self._words.here().kind != "end":
            if self._words.at("resource", "actor"):
                self._block()
            else:
                self._found.rules.append(self._rule())
        blocks = {block.name: block for block in self._found.blocks}
        self._found.rules += [short.rule(blocks) for short in self._short]
        self._found.rules.sort(key=lambda rule: rule.span.start)
        return self._found

    def _block(self) -> None:
        kind = self._words.take()
        name = self._words.name("the name of a class")
        block = Block(kind.text, name.text, Span(kind.start, name.end))
        self._found.blocks.append(block)
        self._words.expect("{", f"after “{kind.text} {name.text}”")
        while not self._words.skip("}"):
            start = self._words.here().start
            if self._words.skip("permissions"):
                self._declared(block.permissions)
            elif self._words.skip("roles"):
                self._declared(block.roles)
            elif self._words.skip("relations"):
                self._relations(block)
            else:
                self._shorthand(block, start)

    def _shorthand(self, block: Block, start: int) -> None:
        given = self._words.string("a permission or role in quotes, or permissions, roles, relations")
        self._words.expect("if", "after what is given")
        by = self._words.string("the role in quotes that gives it")
        on = self._words.string("the relation in quotes on which it is held") if self._words.skip("on") else None
        self._words.expect(";", "at the end of the line")
        self._short.append(_Shorthand(block, self._words.since(start), given, by, on))

    def _declared(self, into: dict[str, Span]) -> None:
        self._words.expect("=", "in a declaration")
        self._words.expect("[", "before the words declared")
        while not self._words.skip("]"):
            word = self._words.string("a word in quotes")
            into[word.unquoted()] = word.span
            if not self._words.at("]"):
                self._words.expect(",", "between the words declared")
        self._words.expect(";", "at the end of a declaration")

    def _relations(self, block: Block) -> None:
        self._words.expect("=", "in a declaration")
        self._words.expect("{", "before the relations declared")
        while not self._words.skip("}"):
            name = self._words.name("the name of a relation")
            self._words.expect(":", "after the name of a relation")
            block.relations[name.text] = (self._words.name("the class it leads to").text, name.span)
            if not self._words.at("}"):
                self._words.expect(",", "between relations")
        self._words.expect(";", "at the end of a declaration")

    def _rule(self) -> Rule:
        name = self._words.name("a rule, or a block of resource or actor")
        self._words.expect("(", f"after “{name.text}”")
        parameters: list[Parameter] = []
        while not self._words.skip(")"):
            term = self._conditions.comparison()
            pattern = self._conditions.pattern() if self._words.skip(":") else None
            parameters.append(Parameter(term, pattern))
            if not self._words.at(")"):
                self._words.expect(",", "between the places of a rule's head")
        body = self._conditions.condition() if self._words.skip("if") else None
        self._words.expect(";", "at the end of a rule" if body else "or “if” after the head of a rule")
        return Rule(name.text, tuple(parameters), body, self._words.since(name.start))


class _Shorthand:
    """One line of a block, as written."""

    def __init__(self, block: Block, span: Span, given: Token, by: Token, on: Token | None) -> None:
        self._block, self._span, self._given, self._by, self._on = block, span, given, by, on

    def rule(self, blocks: dict[str, Block]) -> Rule:
        """The rule that it is short for."""
        actor, thing = Variable("actor", self._given.span), Variable(self._block.name.lower(), self._given.span)
        head = (
            Parameter(actor, Pattern("Actor", (), self._span)),
            Parameter(Literal(self._given.unquoted(), self._given.span), None),
            Parameter(thing, Pattern(self._block.name, (), self._span)),
        )
        wanted = Literal(self._by.unquoted(), self._by.span)
        if self._on is None:
            body: Term = Call(_kind(self._block, self._by.unquoted()), (actor, wanted, thing), self._by.span)
        else:
            relation = self._on.unquoted()
            target = blocks.get(self._block.relations.get(relation, ("", self._span))[0], self._block)
            related = Variable(relation, self._on.span)
            leads = Call("has_relation", (related, Literal(relation, self._on.span), thing), self._on.span)
            held = Call(_kind(target, self._by.unquoted()), (actor, wanted, related), self._by.span)
            body = Joined("and", (leads, held), Span(self._by.start, self._on.end))
        given = _kind(self._block, self._given.unquoted())
        return Rule(given, head, body, self._span, self._block.name)


def _kind(block: Block, word: str) -> str:
    if word in block.permissions:
        return "has_permission"
    return "has_relation" if word in block.relations else "has_role"

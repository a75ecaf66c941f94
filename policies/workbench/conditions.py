"""The reader of Polar's conditions and values: words to terms."""

from collections.abc import Callable

from policies.workbench.terms import Call, Items, Joined, Literal, Lookup, Operation, Pattern, Span, Term, Variable
from policies.workbench.tokens import NotPolar, Token, Tokens

_COMPARISONS = ("=", "==", "!=", "<", "<=", ">", ">=", ":=", "in", "matches")
_CONSTANTS = {"true": True, "false": False, "nil": None}
_NESTED_AT_MOST = 24
_LONGEST_NUMBER = 18
_RESERVED = {"and", "or", "in", "matches", "if", "not", "cut", "new", "forall", "print", "debug", "on"}


class Conditions:
    """Reads terms from where `words` stands."""

    def __init__(self, words: Tokens) -> None:
        self._words = words
        self._depth = 0

    def condition(self) -> Term:
        """Anything, down to `or`."""
        if self._depth == _NESTED_AT_MOST:
            told = f"conditions and values stand in one another more than {_NESTED_AT_MOST} deep"
            raise NotPolar(told, self._words.here().span, "give what is inside a rule of its own")
        self._depth += 1
        found = self._joined("or", lambda: self._joined("and", self.comparison))
        self._depth -= 1
        return found

    def comparison(self) -> Term:
        """Anything that is neither `and` nor `or`."""
        return self._binary(_COMPARISONS, self._sum)

    def pattern(self) -> Pattern:
        """`Class`, or `Class{field: value}`."""
        name = self._words.name("the name of a class")
        fields: list[tuple[str, Term]] = []
        if self._words.skip("{"):
            while not self._words.skip("}"):
                field = self._words.name("the name of a field")
                self._words.expect(":", "after the name of a field")
                fields.append((field.text, self.condition()))
                if not self._words.at("}"):
                    self._words.expect(",", "between fields")
        return Pattern(name.text, tuple(fields), self._words.since(name.start))

    def listed(self, end: str) -> tuple[Term, ...]:
        """Values with commas between them, up to `end`."""
        terms: list[Term] = []
        while not self._words.skip(end):
            terms.append(self.condition())
            if not self._words.at(end):
                self._words.expect(",", "between values")
        return tuple(terms)

    def _joined(self, operator: str, part: Callable[[], Term]) -> Term:
        start = self._words.here().start
        parts = [part()]
        while self._words.skip(operator):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(operator, tuple(parts), self._words.since(start))

    def _link(self, before: int) -> int:
        """One link more of a chain. Raises NotPolar for one that nobody would read, and no tree could hold."""
        if before == _NESTED_AT_MOST:
            told = f"more than {_NESTED_AT_MOST} signs stand one behind the other"
            raise NotPolar(told, self._words.here().span, "one comparison, or one path, at a time")
        return before + 1

    def _sum(self) -> Term:
        return self._binary(("+", "-"), lambda: self._binary(("*", "/", "mod", "rem"), self._postfix))

    def _binary(self, operators: tuple[str, ...], part: Callable[[], Term]) -> Term:
        start = self._words.here().start
        left = part()
        links = 0
        while self._words.at(*operators):
            links = self._link(links)
            operator = self._words.take().text
            right = self.pattern() if operator == "matches" else part()
            left = Operation(operator, left, right, self._words.since(start))
        return left

    def _postfix(self) -> Term:
        start = self._words.here().start
        term = self._primary()
        links = 0
        while self._words.skip("."):
            links = self._link(links)
            name = self._words.name("the name of a field after the dot").text
            if self._words.skip("("):
                term = Call(name, self.listed(")"), self._words.since(start), term)
            else:
                term = Lookup(term, name, self._words.since(start))
        return term

    def _primary(self) -> Term:
        token = self._words.here()
        if token.kind in ("string", "number") or token.text in _CONSTANTS:
            self._words.take()
            return Literal(_value(token), token.span)
        if token.kind == "name" and token.text not in _RESERVED:
            self._words.take()
            if self._words.skip("("):
                return Call(token.text, self.listed(")"), self._words.since(token.start))
            return Variable(token.text, token.span)
        if self._words.skip("("):
            inner = self.condition()
            self._words.expect(")", "to close the bracket")
            return inner
        if self._words.skip("["):
            return Items(self.listed("]"), Span(token.start, self._words.since(token.start).end))
        advice = "put “and” or “or” between two conditions, and “;” behind the last"
        raise NotPolar(f"expected a condition or a value, found {token.called()}", token.span, advice)


def _value(token: Token) -> object:
    if token.kind == "string":
        return token.unquoted()
    if token.kind == "number":
        if len(token.text) > _LONGEST_NUMBER:
            raise NotPolar("no column holds a number this large", token.span, f"at most {_LONGEST_NUMBER} digits")
        return float(token.text) if "." in token.text else int(token.text)
    return _CONSTANTS[token.text]

"""The reader of Polar's conditions and values: words to terms."""

from collections.abc import Callable

from policies.workbench.terms import Call, Items, Joined, Literal, Lookup, Operation, Pattern, Span, Term, Variable
from policies.workbench.tokens import NotPolar, Token, Tokens

_COMPARISONS = ("=", "==", "!=", "<", "<=", ">", ">=", ":=", "in", "matches")
_CONSTANTS = {"true": True, "false": False, "nil": None}
_RESERVED = {"and", "or", "in", "matches", "if", "not", "cut", "new", "forall", "print", "debug", "on"}


class Conditions:
    """Reads terms from where `words` stands."""

    def __init__(self, words: Tokens) -> None:
        self._words = words

    def condition(self) -> Term:
        """Anything, down to `or`."""
        return self._joined("or", lambda: self._joined("and", self.comparison))

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
        return Pattern(name.text, tuple(fields), self._words.since(name.span.start))

    def listed(self, end: str) -> tuple[Term, ...]:
        """Values with commas between them, up to `end`."""
        terms: list[Term] = []
        while not self._words.skip(end):
            terms.append(self.condition())
            if not self._words.at(end):
                self._words.expect(",", "between values")
        return tuple(terms)

    def _joined(self, operator: str, part: Callable[[], Term]) -> Term:
        start = self._words.here().span.start
        parts = [part()]
        while self._words.skip(operator):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(operator, tuple(parts), self._words.since(start))

    def _sum(self) -> Term:
        return self._binary(("+", "-"), lambda: self._binary(("*", "/", "mod", "rem"), self._postfix))

    def _binary(self, operators: tuple[str, ...], part: Callable[[], Term]) -> Term:
        start = self._words.here().span.start
        left = part()
        while self._words.at(*operators):
            operator = self._words.take().text
            right = self.pattern() if operator == "matches" else part()
            left = Operation(operator, left, right, self._words.since(start))
        return left

    def _postfix(self) -> Term:
        start = self._words.here().span.start
        term = self._primary()
        while self._words.skip("."):
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
                return Call(token.text, self.listed(")"), self._words.since(token.span.start))
            return Variable(token.text, token.span)
        if self._words.skip("("):
            inner = self.condition()
            self._words.expect(")", "to close the bracket")
            return inner
        if self._words.skip("["):
            return Items(self.listed("]"), Span(token.span.start, self._words.since(token.span.start).end))
        advice = "put “and” or “or” between two conditions, and “;” behind the last"
        raise NotPolar(f"expected a condition or a value, found {token.called()}", token.span, advice)


def _value(token: Token) -> object:
    if token.kind == "string":
        return token.unquoted()
    if token.kind == "number":
        return float(token.text) if "." in token.text else int(token.text)
    return _CONSTANTS[token.text]

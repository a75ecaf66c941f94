"""Polar's words, one after another, and what to say where another one was expected."""

import re
from typing import NamedTuple

from policies.workbench.terms import Span

_TOKENS = re.compile(
    r'(?P<skip>\s+|#[^\n]*)|(?P<string>"(?:\\.|[^"\\])*(?P<closed>")?)|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*(?:::\w+)*)'
    r"|(?P<sign>:=|==|!=|<=|>=|\?=|[=<>+\-*/(){}\[\],;:.|])|(?P<odd>.)",
    re.DOTALL,
)


class NotPolar(Exception):
    """The text can't be read: `span` is where, the message what was expected there, `advice` what to write."""

    def __init__(self, message: str, span: Span, advice: str = "") -> None:
        super().__init__(message)
        self.span = span
        self.advice = advice


class Token(NamedTuple):
    """A word, a sign, or the end of the file: from `start` up to, not including, `end`."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Where it stands."""
        return Span(self.start, self.end)

    def called(self) -> str:
        """How a message names it."""
        if self.kind == "end":
            return self.text
        return f"“{self.text}”" if self.text.isprintable() else f"the character U+{ord(self.text[0]):04X}"

    def unquoted(self) -> str:
        """What a string says."""
        return re.sub(r"\\(.)", r"\1", self.text[1:-1])


def _token(found: re.Match[str]) -> Token:
    """What was found; of a string that does not end, its quote."""
    if found.lastgroup == "string" and found["closed"] is None:
        return Token("odd", '"', found.start(), found.start() + 1)
    return Token(str(found.lastgroup), found.group(), *found.span())


class Tokens:
    """A place in the text that moves on word by word."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = [_token(found) for found in _TOKENS.finditer(source) if found.lastgroup != "skip"]
        end = self._tokens[-1].end if self._tokens else 0
        self._tokens.append(Token("end", "the end of the file", max(end - 1, 0), end))
        self._place = 0

    def here(self) -> Token:
        """The word that comes next."""
        return self._tokens[self._place]

    def at(self, *texts: str) -> bool:
        """Whether one of these comes next."""
        token = self._tokens[self._place]
        return token.text in texts and token.kind in ("sign", "name")

    def take(self) -> Token:
        """The next word, which is then behind us."""
        token = self._tokens[self._place]
        self._place += 1
        return token

    def skip(self, text: str) -> bool:
        """Take the next word if it is this one."""
        return self.at(text) and bool(self.take())

    def expect(self, text: str, why: str) -> Token:
        """Take this word. Raises NotPolar if another one comes next."""
        if self.at(text):
            return self.take()
        found = self.here()
        raise NotPolar(f"expected “{text}” {why}, found {found.called()}", self._before(found), f"write “{text}” here")

    def name(self, what: str) -> Token:
        """Take a name. Raises NotPolar, saying `what` was expected."""
        return self._kind("name", what)

    def string(self, what: str) -> Token:
        """Take a string. Raises NotPolar, saying `what` was expected."""
        return self._kind("string", what)

    def since(self, start: int) -> Span:
        """From `start` to the end of the word last taken."""
        return Span(start, self._tokens[self._place - 1].end)

    def _kind(self, kind: str, what: str) -> Token:
        if self.here().kind != kind:
            raise NotPolar(f"expected {what}, found {self.here().called()}", self.here().span)
        return self.take()

    def _before(self, found: Token) -> Span:
        """A forgotten “;” is shown behind what came last, not at the start of the next line."""
        if self._place == 0:
            return found.span
        end = self._tokens[self._place - 1].end
        return Span(end - 1, end) if "\n" in self._source[end : found.start] else found.span

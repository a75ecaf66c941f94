"""A small reader of Polar: where each rule stands, so that a message can name its line, and words we don't allow.

It knows strings, comments, blocks and the `;` that ends a statement, and nothing of what they mean; that is oso's.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

_TOKEN = re.compile(r'"(?:\\[\s\S]|[^"\\])*"?|#[^\n]*|[A-Za-z_]\w*(?:::\w+)*|[{}();\[\]]|\S')

FORBIDDEN_WORDS = {
    "cut": "write rules that don't depend on their order",
    "debug": "remove it",
    "forall": "write what must be there, over `in`",
    "new": "compare with a literal",
    "not": "write `!=`, `>=`, `= false`, or what must be there",
    "print": "remove it: a policy says nothing about people to the log",
}
"""Words of Polar that have no place in a policy compiled to SQL, with what to do instead.

`not` and `forall`, because what oso 0.27.3 answers for them about an unknown row is not always equivalent to the rule,
and several at once overflow its stack. Without them a policy only grants: nobody gains a right by losing a role or row.
"""


@dataclass(frozen=True)
class Statement:
    """One rule, or one line of a block, by its place in the text. `line` counts from 1."""

    start: int
    end: int
    line: int

    def text(self, source: str) -> str:
        """The statement as written."""
        return source[self.start : self.end]

    def withheld(self, source: str) -> str:
        """`source` without this statement; every other one keeps its line."""
        blank = re.sub(r"[^\n]", " ", self.text(source))
        return source[: self.start] + blank + source[self.end :]


def statements(source: str) -> Iterator[Statement]:
    """Every statement, in order: top-level ones, and those inside `resource` and `actor` blocks."""
    start: int | None = None
    depth = 0
    block = False
    line, counted = 1, 0
    for token in _TOKEN.finditer(source):
        word = token.group()
        if word.startswith("#"):
            continue
        if start is None:
            if word == "}":
                block = False
                continue
            start = token.start()
        if word == "{" and not depth and not block and source[start:].startswith(("resource ", "actor ")):
            block, start = True, None
        elif word in "{([":
            depth += 1
        elif word in "})]":
            depth -= 1
        elif word == ";" and not depth:
            line, counted = line + source.count("\n", counted, start), start
            yield Statement(start, token.end(), line)
            start = None


def forbidden_words(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, word and advice for each forbidden word in the rules; comments and strings may use any."""
    for word, start in _words(source):
        if (advice := FORBIDDEN_WORDS.get(word)) is not None:
            yield source.count("\n", 0, start) + 1, word, advice


def backward_orders(source: str) -> Iterator[int]:
    """Lines of comparisons by order that are not of the form `column < number`.

    oso 0.27.3 takes `0 >= x` and `x < 0` for one another's mirror image when it simplifies a rule, and drops one of
    them: what is left allows more than the rule does. With every order written one way round, no two can be mirrored.
    """
    words = _words(source)
    for position, (word, start) in enumerate(words):
        if word not in ("<", ">"):
            continue
        before = words[position - 1][0] if position else ""
        after = position + 1
        if after < len(words) and words[after][0] == "=":
            after += 1
        right = words[after][0] if after < len(words) else ""
        if not before.isidentifier() or not (right.isdigit() or right == "-"):
            yield source.count("\n", 0, start) + 1


def lost_equalities(source: str) -> Iterator[tuple[int, str]]:
    """Line and words of what would make two paths equal by way of names: a list, `one = other`, a name twice in a head.

    oso 0.27.3 keeps `thing.owner_id = thing.id`, and forgets the condition where two names that stand for such paths
    are made equal: what is left allows more than the rule does. Written between the paths themselves, it is kept.
    """
    words = ["", *(word for word, _ in _words(source)), "", ""]
    for position, (word, start) in enumerate(_words(source), 1):
        if word not in ("[", "="):
            continue
        before, after = words[position - 1], words[position + 1]
        if word == "[" and any(map(_is_name, words[position : words.index("]", position)])):
            found = "a list holds something that is not written out"
        elif word == "=" and _is_name(before) and _is_name(after):
            path = (position > 2 and words[position - 2] == ".") or words[position + 2] in (".", "(")
            found = "" if path else f"“{before} = {after}” compares two names"
        else:
            continue
        if found:
            yield source.count("\n", 0, start) + 1, found
    for statement in statements(source):
        said = re.match(r"\w+\((.*)", re.sub(r"#[^\n]*", "", statement.text(source)), re.DOTALL)
        names = re.findall(r"(?:^|,|\w:)\s*([a-z_]\w*)\s*(?=[:,)}])", _head(said[1])) if said else []
        if twice := next((name for name in names if name != "_" and names.count(name) > 1), None):
            yield statement.line, f"“{twice}” stands twice in the head of a rule"


@lru_cache(maxsize=4)
def _words(source: str) -> list[tuple[str, int]]:
    """Every word and sign outside comments, and where it begins."""
    found = ((token.group(), token.start()) for token in _TOKEN.finditer(source))
    return [(word, start) for word, start in found if not word.startswith("#")]


def _head(text: str) -> str:
    """What stands before the parenthesis that ends the head of a rule, with it."""
    depth = 1
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return text[: place + 1]
    return text


def _is_name(word: str) -> bool:
    return word.isidentifier() and word not in ("true", "false", "nil")


def blame(source: str, complaint: Callable[[str], str | None], word: str) -> int | None:
    """The line of the statement that causes what `complaint` says of `source`; None if no single one does.

    That is one without which there is no complaint, or at least another one; of several, the last that names `word`.
    """
    said = complaint(source)
    found = [*statements(source)][::-1]  # each complaint takes a compilation, and what is new stands at the end
    naming = [statement for statement in found if word and word in statement.text(source)]
    without = cache(lambda statement: complaint(statement.withheld(source)))
    for guilty in (lambda now_said: now_said is None, lambda now_said: now_said != said):
        for suspect in (*naming, *found):
            if guilty(without(suspect)):
                return suspect.line
    return None

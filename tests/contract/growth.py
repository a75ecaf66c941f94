"""How the time that a pattern takes grows: strings made from the pattern's own structure, and what its structure says."""

import itertools
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import FrameType
from typing import Any

from tests.contract.patterns import Found

_ALPHABET = "".join(map(chr, range(0x180))) + "\u0301\u0660\u2019\u201c\u201d\u2026\u3002\u3042\u4e00\uff01\U0001f9f5"
_MANY = 64
"""A repeat of at most so many is a constant factor."""
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)
_NEAR_MISSES = ("", "\x00")


# Strings that make it slow


def attacks(found: Found) -> Iterator[tuple[str, str, str]]:
    """What to begin with, what to repeat, and what to end with, so that much fits and the whole does not."""
    tree = parser.parse(found.text, found.flags)
    begins = [head for head in _heads(tree) if head]
    units = list(dict.fromkeys(unit for unit in (*begins[:3], *_units(tree)) if unit))[:12]
    pumps = units + ["".join(pair) for pair in itertools.permutations(units[:5], 2)]
    heads = list(dict.fromkeys(["", *_heads(tree)]))[:3]
    yield from itertools.product(heads, pumps, _NEAR_MISSES)


def _units(tree: Any) -> Iterator[str]:
    """Each part of a pattern in one of the ways in which it can fit, and each of the characters it names."""
    for operator, argument in tree:
        yield _sample([(operator, argument)])
        yield from _characters(operator, argument)
        for inner in _inside(operator, argument):
            yield _sample(inner)
            yield from _units(inner)
    yield "\\"
    yield '"'


def _characters(operator: Any, argument: Any) -> Iterator[str]:
    """A few of the characters that a class takes: those at its ends, and of each kind."""
    if operator in (sre.IN, sre.ANY, sre.NOT_LITERAL):
        fits = [each for each in _ALPHABET if _fits(operator, argument, each)]
        for wanted in (str.isalpha, str.isdigit, str.isspace, lambda each: not each.isalnum()):
            yield from itertools.islice((each for each in fits if wanted(each)), 2)  # type: ignore[arg-type]


def _heads(tree: Any) -> Iterator[str]:
    """What comes before each repeat."""
    for place, (operator, argument) in enumerate(tree):
        if operator in _REPEATS:
            yield _sample(tree[:place])
        for inner in _inside(operator, argument):
            for head in _heads(inner):
                yield _sample(tree[:place]) + head


def _inside(operator: Any, argument: Any) -> Iterator[Any]:
    if operator in _REPEATS or operator is sre.POSSESSIVE_REPEAT:
        yield argument[2]
    elif operator is sre.SUBPATTERN:
        yield argument[3]
    elif operator is sre.BRANCH:
        yield from argument[1]
    elif operator is sre.ATOMIC_GROUP:
        yield argument
    elif operator in (sre.ASSERT, sre.ASSERT_NOT):
        yield argument[1]


def _sample(tree: Any) -> str:
    """A short string that fits."""
    found = []
    for operator, argument in tree:
        if operator is sre.LITERAL:
            found.append(chr(argument))
        elif operator in (sre.IN, sre.ANY, sre.NOT_LITERAL):
            found.append(next((each for each in "a1A.-_ " + _ALPHABET if _fits(operator, argument, each)), ""))
        elif operator in _REPEATS or operator is sre.POSSESSIVE_REPEAT:
            least, _, inner = argument
            found.append(_sample(inner) * max(least, 1))
        elif operator is sre.BRANCH:
            found.append(_sample(argument[1][0]))
        elif operator not in (sre.ASSERT, sre.ASSERT_NOT):
            found += [_sample(inner) for inner in _inside(operator, argument)]
    return "".join(found)


# What it takes


class TooSlow(Exception):
    """A pattern used more processor time than it may."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """End what takes more processor time. Raises TooSlow."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def seconds(found: Found, text: str, times: int = 2) -> float:
    """The processor time of all that the product does with the pattern, the least of several tries."""
    compiled: Any = found.compiled()
    subject: Any = text.encode("latin-1", "replace") if isinstance(found.text, bytes) else text
    least = float("inf")
    for _ in range(times):
        began = time.process_time()
        compiled.match(subject)
        compiled.fullmatch(subject)
        if not found.anchored:
            for _each in compiled.finditer(subject):
                pass
        least = min(least, time.process_time() - began)
    return least


def text_of(attack: tuple[str, str, str], length: int) -> str:
    """An attack of about this many characters."""
    head, pump, tail = attack
    return head + pump * (length // len(pump)) + tail


# What its structure says


def refusals(found: Found) -> list[str]:
    """Why a pattern may take more than linear time; empty for one that can't."""
    tree = parser.parse(found.text, found.flags)
    reasons: list[str] = []
    starts = frozenset(_first(tree)[0])
    degree = _walk(list(tree), frozenset(), True, starts, found.anchored, reasons, False)
    if degree > 1:
        reasons.append("several unbounded repeats can share the same characters")
    return reasons


def _walk(
    tree: Sequence[Any],
    follow: frozenset[str],
    ends: bool,
    starts: frozenset[str],
    anchored: bool,
    reasons: list[str],
    repeated: bool,
) -> int:
    """How many repeats could each give back what they took. `follow` may come next; `ends`: or nothing need come."""
    degree = 0
    for place, (operator, argument) in enumerate(tree):
        after, nullable = _first(tree[place + 1 :])
        following = after | follow if nullable else after
        free = ends and nullable
        if operator in _REPEATS:
            least, most, inner = argument
            first, _ = _first(inner)
            unbounded = most is sre.MAXREPEAT or most > _MANY
            if unbounded:
                everything = _all(inner)
                if not anchored and not free and starts & everything:
                    reasons.append(f"an unbounded repeat can be begun from within: {_shown(starts & everything)}")
                shared = first & following
                if shared and not free:
                    degree += 1 + any(_shares(each, everything) for each in tree[place + 1 :])
            if repeated and least != most and first & following:
                reasons.append(f"a repeat in a repeat can share characters: {_shown(first & following)}")
            again = following | first if most is sre.MAXREPEAT or most > 1 else following
            degree += _walk(list(inner), again, free, starts, anchored, reasons, repeated or unbounded)
        else:
            if operator is sre.BRANCH and repeated:
                firsts = [_first(inner)[0] for inner in argument[1]]
                for one, other in itertools.combinations(firsts, 2):
                    if one & other:
                        reasons.append(f"in a repeat, two ways begin with the same: {_shown(one & other)}")
                begins = frozenset().union(*firsts) & following
                if begins and any(_first(inner)[1] for inner in argument[1]):
                    reasons.append(f"in a repeat, what may be left out begins as what follows: {_shown(begins)}")
            for inner in _inside(operator, argument):
                if operator not in (sre.ASSERT, sre.ASSERT_NOT):
                    degree += _walk(list(inner), following, free, starts, anchored, reasons, repeated)
    return degree


def _shares(item: Any, characters: frozenset[str]) -> bool:
    """Whether it is an unbounded repeat that can begin with one of these."""
    operator, argument = item
    return operator in _REPEATS and argument[1] is sre.MAXREPEAT and bool(_first(argument[2])[0] & characters)


def _first(tree: Any) -> tuple[frozenset[str], bool]:
    """The characters with which a sequence can begin; whether it fits nothing at all, too."""
    found: frozenset[str] = frozenset()
    for operator, argument in tree:
        if operator in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
            continue
        if operator in (sre.LITERAL, sre.IN, sre.ANY, sre.NOT_LITERAL):
            return found | _set(operator, argument), False
        options = [_first(inner) for inner in _inside(operator, argument)]
        found = found.union(*(first for first, _ in options))
        nullable = any(empty for _, empty in options) or (operator in _REPEATS and argument[0] == 0)
        if not nullable:
            return found, False
    return found, True


def _all(tree: Any) -> frozenset[str]:
    """Every character that a sequence can take."""
    found: frozenset[str] = frozenset()
    for operator, argument in tree:
        if operator in (sre.LITERAL, sre.IN, sre.ANY, sre.NOT_LITERAL):
            found |= _set(operator, argument)
        elif operator not in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
            found = found.union(*(_all(inner) for inner in _inside(operator, argument)))
    return found


def _set(operator: Any, argument: Any) -> frozenset[str]:
    return frozenset(each for each in _ALPHABET if _fits(operator, argument, each))


def _fits(operator: Any, argument: Any, character: str) -> bool:
    if operator is sre.LITERAL:
        return ord(character) == argument
    if operator is sre.NOT_LITERAL:
        return ord(character) != argument
    if operator is sre.ANY:
        return True
    negated = bool(argument) and argument[0][0] is sre.NEGATE
    return negated != any(_fits_one(each, character) for each in argument if each[0] is not sre.NEGATE)


_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip


def _fits_one(part: Any, character: str) -> bool:
    operator, argument = part
    if operator is sre.LITERAL:
        return ord(character) == argument
    if operator is sre.RANGE:
        return bool(argument[0] <= ord(character) <= argument[1])
    return re.match(_CATEGORIES[argument], character) is not None


def _shown(characters: frozenset[str]) -> str:
    return repr("".join(sorted(characters))[:20])

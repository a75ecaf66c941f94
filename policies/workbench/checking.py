"""`policy check`: everything that is wrong with a policy, each finding with its place and what to write instead."""

import re
import sys
from codecs import BOM_UTF8
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from weakref import WeakValueDictionary

from policies import reading
from policies.compiled import AT_MOST_BYTES, Policy
from policies.errors import PolicyError
from policies.workbench import contradictions, lints, names, recursion, slips
from policies.workbench.parsing import parse
from policies.workbench.problems import Problem, in_order, told
from policies.workbench.reachability import reach
from policies.workbench.terms import Document, Span
from policies.workbench.tokens import NotPolar

_living: WeakValueDictionary[tuple[bytes, str], Policy] = WeakValueDictionary()
"""The policies that are compiled in this process and in use."""


@dataclass(frozen=True)
class Checked:
    """A policy that was looked over. `policy` and `document` are there if it can be loaded."""

    file: str
    source: str
    problems: tuple[Problem, ...]
    policy: Policy | None = None
    document: Document | None = None


def check(file: Path) -> Checked:
    """Look over the policy in `file`; - is standard input. Never raises for what is in the file."""
    try:
        with file.open("rb") if str(file) != "-" else nullcontext(sys.stdin.buffer) as opened:
            content = opened.read(AT_MOST_BYTES + 1)
    except OSError as problem:
        return Checked(_called(file), "", (_whole("unreadable", f"{file} can't be read: {problem.strerror}", ""),))
    return check_source(content, _called(file))


@lru_cache(maxsize=4)
def check_source(content: bytes, name: str) -> Checked:
    """Look over a policy. Never raises for what is in it.

    The last ones are kept: a policy is slow to compile, and `watch` and `diff` meet the same one again.
    """
    if len(content) > AT_MOST_BYTES:
        long = _whole("too-long", "the file is longer than 1 MiB", "a policy that people can read")
        return Checked(name, "", (long,))
    if content.startswith(BOM_UTF8):
        marked = "the file begins with a byte order mark, which Polar does not know"
        return Checked(name, "", (_whole("not-text", marked, "save it as UTF-8 without one"),))
    try:
        source = content.decode()
    except UnicodeDecodeError:
        return Checked(name, "", (_whole("not-text", "the file is not UTF-8", "save it as UTF-8"),))
    words = [_forbidden(source, *found) for found in reading.forbidden_words(source)]
    try:
        document = parse(source)
    except NotPolar as problem:
        unread = Problem("syntax", str(problem), problem.span, "", problem.advice)
        return Checked(name, source, tuple(in_order(words or [unread])))
    slipped = list(slips.check(document))
    twice = [problem for problem in slipped if problem.kind == slips.SECOND_BLOCK]  # its words belong to either
    named = twice or [*words, *names.check(document), *slipped, *lints.jobs(document)]
    if named:
        return Checked(name, source, tuple(in_order(named)))
    reached = reach(document)
    if problems := tuple(in_order(recursion.check(document, reached))):
        return Checked(name, source, problems)
    try:
        policy = _living[content, name] = Policy(content, name)
    except PolicyError as problem:
        return Checked(name, source, (_refused(problem, document),))
    warned = in_order([*lints.lint(document, reached), *contradictions.check(document)])
    return Checked(name, source, tuple(warned), policy, document)


def demand(content: bytes, name: str) -> Policy:
    """The policy, if it can be served: compiled, and without a single finding. Raises PolicyError with all of them.

    What only warns an author at work, such as a rule that can never hold, does not come into force either.
    """
    found = check_source(content, name)
    if found.policy is None or found.problems:
        raise PolicyError("\n\n".join(told(problem, found.source, found.file) for problem in found.problems))
    return found.policy


def sound(content: bytes, name: str) -> Policy:
    """The policy, where this program has compiled the same text before, in this process or an earlier one.

    It is not looked over again, and what is not in use here is compiled as it is asked for.
    """
    found = _living.get((content, name))
    if found is None:
        found = _living[content, name] = Policy(content, name, sound=True)
    return found


def _called(file: Path) -> str:
    """How messages call it: as it would be typed from here."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _whole(kind: str, message: str, advice: str) -> Problem:
    return Problem(kind, message, Span(0, 1), "", advice)


def _forbidden(source: str, line: int, word: str, advice: str) -> Problem:
    start = sum(len(text) for text in source.splitlines(keepends=True)[: line - 1])
    place = next(found for found in re.finditer(rf"\b{word}\b", source[start:]))
    span = Span(start + place.start(), start + place.end())
    return Problem("no-sql", f"“{word}” can't be compiled to SQL", span, "a policy only grants: decision 10", advice)


def _refused(problem: PolicyError, document: Document) -> Problem:
    """What the compiler says, with the rule of the line that it names underlined, or the word if it stands there."""
    found = re.match(r"[^\n]*?:(\d+): (.*)", str(problem), re.DOTALL)
    line, told = (int(found[1]), found[2]) if found else (1, str(problem))
    message, _, advice = told.partition(": ")
    rules = [rule for rule in document.rules if rule.span.line(document.source) <= line] or document.rules
    span = rules[-1].span if rules else Span(0, 1)
    for word in re.findall(r"“([^“”]+)”|\b\w+\.(\w+)\b", message):
        place = re.search(rf"\b{re.escape(''.join(word))}\b", document.source[span.start : span.end])
        if place:
            span = Span(span.start + place.start(), span.start + place.end())
            break
    if "anybody at all" in message:
        meaning = "strangers are never let in, whoever would approve it; a right is somebody's"
        return Problem("anybody", message, span, meaning, advice)
    return Problem("not-compiled", message, span, "no database could decide this rule as it is written", advice)

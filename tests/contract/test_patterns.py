"""No regular expression takes more than linear time: each is run on text made to slow it down, and each is read for it.

A pattern whose structure says that it could is refused, unless it is named here with the reason why it can't or need not.
"""

import ast
import importlib
import re
import sys

import pytest

from tests.contract import growth
from tests.contract.patterns import Found, in_tree, patterns
from tests.contract.source import ROOMS, modules, nodes

READ = {
    r"(?=.{1,253}(:\d{1,5})?$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*(:[1-9]\d{0,4})?": (
        "a label has 63 characters at most, and what is looked at 259 in all"
    ),
    r"vault://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?/((?:[A-Za-z0-9._-]+/)+keys/[A-Za-z0-9._-]+)": (
        "each segment ends with a slash, and none holds one"
    ),
    r"(?:^|,|\w:)\s*([a-z_]\w*)\s*(?=[:,)}])": "only a comma or a word's last character and a colon begins it, and blanks are neither",
    r"“([^“”]+)”|\b\w+\.(\w+)\b": "it begins at the edge of a word, of which each word has one",
    r'"[^"]*"|[A-Za-z_]\w*': "it reads terms that were parsed: each string in them ends",
    r"'(?:[^']|'')*'|[()]|[^()'\s]+|\s+": "it reads SQL that SQLAlchemy wrote: each string in it ends",
}
"""Patterns whose structure alone would not do, and why they are linear all the same. Each is run, too."""

_MIDDLE, _LONG, _LONGEST = 4_000, 64_000, 1_000_000


def growing(found: Found) -> str | None:
    """On which text a pattern takes more than linear time; None: on none that was made."""
    slowest: list[tuple[float, tuple[str, str, str]]] = []
    for attack in growth.attacks(found):
        taken, grows = _grows(found, attack, _MIDDLE)
        if grows:
            return f"{attack} repeated to {4 * _MIDDLE} characters"
        slowest.append((taken, attack))
    for _, attack in sorted(slowest, reverse=True)[:1]:
        try:
            with growth.at_most(20):
                short = growth.seconds(found, growth.text_of(attack, _LONG))
                long = growth.seconds(found, growth.text_of(attack, _LONGEST), 1)
        except growth.TooSlow:
            return f"{attack} repeated to {_LONGEST} characters takes 20 s"
        if long > 1 and long > 5 * short * _LONGEST / _LONG:
            return f"{attack} repeated to {_LONGEST} characters: {long:.1f} s"
    return None


def _grows(found: Found, attack: tuple[str, str, str], length: int) -> tuple[float, bool]:
    """What it takes at this length, and whether four times the length takes far more than four times as long."""
    try:
        with growth.at_most(6):
            taken = growth.seconds(found, growth.text_of(attack, length), 1)
            if taken < 0.004:
                return taken, False
            taken = growth.seconds(found, growth.text_of(attack, length), 5)  # the machine may have been busy
            return taken, taken > 0.004 and growth.seconds(found, growth.text_of(attack, 4 * length), 3) > 9 * taken
    except growth.TooSlow:
        return 6.0, True


ALL = list(patterns())


@pytest.mark.parametrize("found", ALL, ids=lambda found: f"{found.path}:{found.line}")
def test_no_pattern_takes_more_than_linear_time(found: Found) -> None:
    """On text of 4,000 to a million characters, made of the parts of the pattern and ending with a near miss."""
    assert growing(found) is None


@pytest.mark.parametrize(
    ("pattern", "used"),
    [
        (r"\s*Did you mean .*\Z", "sub"),
        (r"\xff+[^\x00\xff\xd0-\xd7]", "search"),
        (r"(a+)+b", "fullmatch"),
        (r"(\w\w|\w)*!", "match"),
        (r"\w*\d*x", "fullmatch"),
        (r"eyJ[A-Za-z0-9_-]{8,}\.", "search"),
        (r'"(?:\\.|[^"\\])*"|\S', "finditer"),
        (r"(.*,)+x", "match"),
    ],
)
def test_a_slow_pattern_is_found(pattern: str, used: str) -> None:
    """Run and read: those that were here once, and the text-book's."""
    found = Found("example.py", 1, pattern, re.DOTALL, frozenset({used}))
    assert growth.refusals(found), "its structure does not say so"
    assert growing(found) is not None, "no text slows it down"


def test_each_pattern_is_linear_by_its_structure() -> None:
    """No unbounded repeat gives back what another may take, or can be begun from within where it may fail."""
    refused = {str(found): reasons for found in ALL if found.text not in READ and (reasons := growth.refusals(found))}
    assert not refused, "rewrite these so that each character can be taken in one way only"
    unused = set(READ) - {found.text for found in ALL if growth.refusals(found)}
    assert not unused, "these need no reason: remove them"


def test_each_pattern_that_is_held_is_known() -> None:
    """Every compiled pattern that a module of ours holds is one that was found in the code."""
    known = {found.text for found in ALL}
    for path, _ in modules(*ROOMS):
        if "/migrations/" not in path and not path.endswith("__main__.py"):
            importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    held = set()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ROOMS:
            values = [each for value in vars(module).values() for each in (value, *_inside(value))]
            held |= {value.pattern for value in values if isinstance(value, re.Pattern)}
    assert len(held) > 20
    assert not {text for text in held if text not in known and not _dynamic(text, known)}


def _inside(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else []


def _dynamic(text: object, known: set[str | bytes]) -> bool:
    """Whether it was put together from parts: one is then known by what stands around its number."""
    return isinstance(text, str) and re.sub(r"\d+", "8", text) in {re.sub(r"\d+", "8", str(each)) for each in known}


def test_patterns_are_made_with_re_alone() -> None:
    """So that they are found: no other name for it, no other engine, no LIKE or REGEXP over what a caller wrote."""
    for path, tree in modules(*ROOMS, "examples"):
        for node in nodes(tree):
            where = f"{path}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("re", "regex", "re2"), where
            if isinstance(node, ast.Import):
                assert all(
                    each.name not in ("regex", "re2") and (each.name != "re" or not each.asname) for each in node.names
                ), where
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("like", "ilike", "not_like", "regexp_match", "regexp_replace", "similar_to"), (
                    where
                )


def test_unicode_is_normalised_in_one_place() -> None:
    """Python's own takes quadratic time for many combining characters: `storage.normalization` bounds them."""
    for path, tree in modules(*ROOMS):
        for node in nodes(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "unicodedata.normalize":
                assert path == "storage/normalization.py", f"{path}:{node.lineno}: use storage.normalization.normalize"


def test_a_pattern_that_is_not_written_out_is_refused() -> None:
    """One that is put together elsewhere could not be read."""
    with pytest.raises(AssertionError, match="write the pattern where it is used"):
        list(in_tree("example.py", ast.parse("import re\nre.search(made(), text)")))

"""The editor's grammar colours policy.polar word by word as our own reader reads it; the extension's parts are there."""

import json
import re
from typing import Any

import pytest

from policies.reading import FORBIDDEN_WORDS
from policies.workbench.checking import check_source
from policies.workbench.problems import as_data
from policies.workbench.tokens import Tokens
from tests.contract.source import ROOT

FOLDER = ROOT / "editors" / "vscode"
PATTERNS = [
    (each["name"], re.compile(each["match"]))
    for each in json.loads((FOLDER / "syntaxes" / "polar.tmLanguage.json").read_text(encoding="utf-8"))["patterns"]
]
"""In the part of Oniguruma's language that Python's `re` reads alike: no look-behind of variable length, no atoms."""

KINDS = {
    "string": {"string.quoted.double.polar"},
    "number": {"constant.numeric.polar"},
    "sign": {"keyword.operator.polar", "punctuation.polar"},
    "name": {
        "constant.language.polar",
        "entity.name.function.polar",
        "entity.name.type.polar",
        "invalid.illegal.polar",
        "keyword.control.polar",
        "keyword.other.polar",
        "storage.type.polar",
        "variable.other.polar",
    },
}


def coloured(source: str) -> list[tuple[str, str]]:
    """Scope and text of each match, line by line, the first of the leftmost, as TextMate does it."""
    found = []
    for line in source.split("\n"):
        place = 0
        while matches := [
            (m.start(), n, name, m) for n, (name, p) in enumerate(PATTERNS) if (m := p.search(line, place))
        ]:
            _, _, name, match = min(matches, key=lambda each: each[:2])
            found.append((name, match.group()))
            place = match.end()
    return found


def words(source: str) -> list[tuple[str, str]]:
    """Kind and text of each word, by our own reader."""
    tokens, found = Tokens(source), []
    while (token := tokens.take()).kind != "end":
        found.append((token.kind, token.text))
    return found


@pytest.mark.parametrize(
    "source",
    [
        (ROOT / "policy.polar").read_text(encoding="utf-8"),
        'allow(a: Agent{name: "x \\" # no comment"}, "read", t) if t.n >= 1.5 and not t.on matches Thing; # a comment "',
        "f(_) if nil in [true, false] or x := 2 and Name::Space.y != z;",
    ],
)
def test_words_are_coloured_as_they_are_read(source: str) -> None:
    """Every word of our reader is one match of the grammar, of a scope for its kind; comments are nothing to either."""
    seen = [(name, text) for name, text in coloured(source) if not name.startswith("comment.")]
    read = words(source)
    assert [text for _, text in seen] == [text for _, text in read]
    wrong = [(kind, name, text) for (name, text), (kind, _) in zip(seen, read, strict=True) if name not in KINDS[kind]]
    assert wrong == []


def test_what_the_house_refuses_is_coloured_as_wrong() -> None:
    """The words that no policy of ours may use stand out while they are typed."""
    assert {text for name, text in coloured(" ".join(FORBIDDEN_WORDS)) if name == "invalid.illegal.polar"} == set(
        FORBIDDEN_WORDS
    )


def test_the_parts_that_the_package_names_are_there() -> None:
    """VS Code loads the folder as it lies: each file that package.json names exists and is what it says."""
    package: dict[str, Any] = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    (language,), (grammar,) = package["contributes"]["languages"], package["contributes"]["grammars"]
    assert language["id"] == grammar["language"] == "polar"
    assert (FOLDER / package["main"]).is_file()
    json.loads((FOLDER / language["configuration"]).read_text(encoding="utf-8"))
    json.loads((FOLDER / grammar["path"]).read_text(encoding="utf-8"))


def test_the_extension_reads_what_check_tells() -> None:
    """Every field of a finding that the extension asks for is one that `policy check --json` gives."""
    source = 'allow(_: Persn, "read", _: Project);'
    (finding, *_) = [as_data(each, source, "policy.polar") for each in check_source(source.encode(), "p").problems]
    asked = set(re.findall(r"problem\.(\w+)", (FOLDER / "extension.js").read_text(encoding="utf-8")))
    assert asked
    assert asked <= set(finding)

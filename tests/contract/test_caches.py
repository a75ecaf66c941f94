"""Everything that may grow while the process runs is known, and has a bound: none fills the memory by what callers send."""

import ast
import re

import pytest

from tests.contract.caches import FINITE, LASTING, SHORT, growing, in_tree
from tests.contract.source import ROOT

LIMITS = ROOT / "docs" / "operations" / "limits.md"
FOUND = sorted(set(growing()))


def test_everything_that_grows_is_listed_with_its_bound() -> None:
    """A new cache, queue or dict is named in tests/contract/caches.py, with who influences it and what bounds it."""
    known = {*LASTING, *FINITE}
    unknown = [each for each in FOUND if each not in known and not each.partition(":")[0].startswith(tuple(SHORT))]
    assert not unknown, "name these in tests/contract/caches.py, with their bounds"
    assert not known - set(FOUND), "these are gone: remove them"
    assert not [path for path in SHORT if not any(each.startswith(path) for each in FOUND)], (
        "these are gone: remove them"
    )


def test_the_documentation_shows_each_of_them() -> None:
    """The table of docs/operations/limits.md is the list."""
    rows = [
        f"| {what} | {who} | {bound} | `{name.replace(': ', ':')}` |" for name, (what, who, bound) in LASTING.items()
    ]
    table = re.findall(r"^\| .*`[a-z_/]+\.py:[A-Za-z_.]+` \|$", LIMITS.read_text(encoding="utf-8"), re.MULTILINE)
    assert table == rows, "write these rows:\n" + "\n".join(rows)


@pytest.mark.parametrize(
    "text",
    [
        "_seen = {}",
        "_seen: dict[str, int] = dict()",
        "_seen = set()",
        "_waiting = queue.Queue()",
        "_last = collections.deque(maxlen=5)",
        "class A:\n    def __init__(self):\n        self._seen = defaultdict(list)",
        "class A:\n    seen: dict[str, int] = {}",
        "@dataclass\nclass A:\n    seen: set[str] = field(default_factory=set)",
        "@lru_cache(maxsize=None)\ndef f(a): ...",
        "@functools.cache\ndef f(a): ...",
        "class A:\n    @cache\n    def f(self, a): ...",
        "read = lru_cache(maxsize=None)(_read)",
    ],
)
def test_what_grows_is_found(text: str) -> None:
    """In each of the forms in which it is written."""
    assert len(list(in_tree(ast.parse(text)))) == 1

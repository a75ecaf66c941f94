"""What is committed names no machine, no package registry, no index; and nothing in it is half done."""

import ast
import re

from tests.contract.source import BESIDE, ROOMS, ROOT, files, modules, nodes

# Put together here so that this file does not name them either.
REGISTRIES = [
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("crates", "io"))
]
INDEX = re.compile(r"--(?:extra-)?index-" + "url|--find-" + "links|--trusted-" + "host")
MACHINE = re.compile(r"(?<![\w.~}])/(?:root|work|home/[a-z]\w*|Users/\w+)/")
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "pragma: no " + "cover"]))
SKIPPING = ("skip", "xfail", "importorskip", "skipif")
TEXT = (
    ".py",
    ".md",
    ".toml",
    ".in",
    ".lock",
    ".txt",
    ".polar",
    ".graphql",
    ".yaml",
    ".yml",
    ".html",
    ".js",
    ".mjs",
    ".json",
    ".css",
    "",
)


def matching(pattern: re.Pattern[str], *suffixes: str) -> list[str]:
    """Where `pattern` occurs, as path:line."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(*suffixes)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry_or_index() -> None:
    """Where packages come from is each machine's own affair; the locks hold hashes, not addresses."""
    assert matching(re.compile("|".join(map(re.escape, REGISTRIES))), *TEXT) == []
    assert matching(INDEX, *TEXT) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    """A clone works wherever it lies."""
    assert matching(MACHINE, *TEXT) == []


def test_nothing_is_half_done() -> None:
    """No note to self, no stub, no test that is skipped or expected to fail."""
    assert matching(UNFINISHED, ".py", ".polar") == []
    stubs, skips = [], []
    for path, tree in modules(*ROOMS, *BESIDE):
        for node in nodes(tree):
            if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc):
                stubs.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.Attribute) and node.attr in SKIPPING and ast.unparse(node).startswith("pytest."):
                skips.append(f"{path}:{node.lineno}")
    assert stubs == []
    assert skips == []


def test_no_error_is_swallowed() -> None:
    """An `except` that catches everything does something about it."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules(*ROOMS)
        for node in nodes(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
    ]
    assert found == []

"""The house as text: its files and syntax trees, for tests that hold rules over all of it."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("schema", "resolvers", "policies", "storage", "agents", "muniment")
BESIDE = ("tests", "benchmarks")
_NOT_OURS = {".git", "node_modules", "var", "__pycache__"}


def files(*suffixes: str) -> Iterator[Path]:
    """Every file with one of these suffixes (without any: all), what tools and servers write left out."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in _NOT_OURS and (name[0] != "." or name == ".ci")]
        found += [Path(folder, name) for name in names if name not in _NOT_OURS]
    yield from sorted(path for path in found if path.is_file() and (not suffixes or path.suffix in suffixes))


def modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    """Every Python file below `rooms`: its path from the root, and its syntax tree."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            if _NOT_OURS.isdisjoint(path.parts):
                yield path.relative_to(ROOT).as_posix(), _tree(path)


@cache
def _tree(path: Path) -> ast.Module:
    """Read once in a process: a dozen rules are held over the same files, and none changes what it reads."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """All of a syntax tree, or of a function in one: `ast.walk`, gone once however many rules are held over it."""
    return tuple(ast.walk(tree))


@cache
def calls(tree: ast.AST) -> list[tuple[ast.Call, str, str]]:
    """Every call in `tree`: the node, the last name called, and what it was called on ("" for a bare name)."""
    return list(_calls(tree))


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str, str]]:
    for node in nodes(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name):
                    yield node, name, ""
                case ast.Attribute(value=owner, attr=name):
                    yield node, name, ast.unparse(owner)


def imported_names(tree: ast.AST, module: str) -> set[str]:
    """The names under which `tree` imports things from `module` or below it."""
    return {
        alias.asname or alias.name
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(f"{module}.")
        for alias in node.names
    }

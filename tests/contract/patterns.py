"""Every regular expression of the product: found in its syntax trees, with the ways in which each is used."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.contract.source import ROOMS, modules, nodes

_METHODS = frozenset({"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
ANCHORED = frozenset({"match", "fullmatch"})
"""Methods that try a pattern at one place only."""


@dataclass(frozen=True)
class Found:
    """A pattern: where it is, its text or bytes, its flags, and the methods that are called on it."""

    path: str
    line: int
    text: str | bytes
    flags: int
    methods: frozenset[str]

    @property
    def anchored(self) -> bool:
        """Whether it is only ever tried at one place of a text."""
        return bool(self.methods) and self.methods <= ANCHORED

    def compiled(self) -> re.Pattern[str] | re.Pattern[bytes]:
        return re.compile(self.text, self.flags)  # type: ignore[type-var]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.text!r}"


def patterns() -> Iterator[Found]:
    """All of them. Raises AssertionError for one that can't be read from the code."""
    for path, tree in modules(*ROOMS, "examples"):
        yield from in_tree(path, tree)


def in_tree(path: str, tree: ast.Module) -> Iterator[Found]:
    """Those of one file."""
    names = _names(tree)
    used = _used(tree)
    for node in nodes(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id="re"), attr="compile"):
                methods = frozenset().union(*(used.get(name, frozenset()) for name in names.get(node, ())))
            case ast.Attribute(value=ast.Name(id="re"), attr=attr) if attr in _METHODS:
                methods = frozenset({attr})
            case _:
                for keyword in node.keywords:
                    if keyword.arg == "pattern" and isinstance(keyword.value, ast.Constant):
                        yield Found(path, node.lineno, keyword.value.value, 0, frozenset({"search"}))
                continue
        text = _text(node.args[0]) if node.args else None
        assert text is not None, f"{path}:{node.lineno}: write the pattern where it is used, so that it can be checked"
        yield Found(path, node.lineno, text, _flags(node), methods)


def _names(tree: ast.Module) -> dict[ast.Call, list[str]]:
    """Under which names the value of a call is kept."""
    found: dict[ast.Call, list[str]] = {}
    for node in nodes(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found[node.value] = [each.id for each in targets if isinstance(each, ast.Name)]
    return found


def _used(tree: ast.Module) -> dict[str, frozenset[str]]:
    """Which methods are called on a name; none is known of one that is also handed on."""
    found: dict[str, set[str]] = {}
    called: set[ast.Name] = set()
    for node in nodes(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in _METHODS:
            found.setdefault(node.value.id, set()).add(node.attr)
            called.add(node.value)
    for node in nodes(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in called:
            found.pop(node.id, None)
    return {name: frozenset(methods) for name, methods in found.items()}


def _text(node: ast.AST) -> str | bytes | None:
    """What a pattern says; each value that is put into it counts as a letter."""
    match node:
        case ast.Constant(value=str() | bytes() as said):
            return said
        case ast.JoinedStr(values=parts):
            texts = [_text(part) if isinstance(part, ast.Constant) else "8" for part in parts]
            return "".join(str(text) for text in texts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = _text(left), _text(right)
            return None if first is None or second is None else first + second  # type: ignore[operator]
    return None


def _flags(node: ast.Call) -> int:
    found = 0
    for each in (*node.args[1:], *(keyword.value for keyword in node.keywords)):
        for name in ast.walk(each):
            if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name) and name.value.id == "re":
                flag = getattr(re, name.attr)
                found |= flag if isinstance(flag, re.RegexFlag) else 0
    return found

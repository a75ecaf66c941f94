"""Finds every place where sealed content could be opened without the grant that its row carries.

`Vault.open` asks for the grant itself, so nothing has to be said about it. What goes round it has a name of its own:
the ways to open without a grant, to a key, to bytes of a file; and to give a row a grant that the door did not give.
"""

import ast
from collections.abc import Iterator

from tests.contract.doors.code import Finding, Module
from tests.contract.source import nodes

ROUND_THE_GRANT = {
    "open_as_system": "opens without a grant",
    "aead": "takes a content key",
    "decrypt": "decrypts",
    "reader": "opens a file's bytes",
    "with_decisions": "gives a row the decisions of a statement",
}
"""Names that open, or that give the right to."""

_GIVEN = "decisions"


def grants(module: Module) -> Iterator[Finding]:
    """Each use of a name that goes round the grant, under whatever alias, and each way to give a row decisions."""
    for node in nodes(module.tree):
        for name in _named(module, node):
            if name in ROUND_THE_GRANT:
                yield Finding(module.path, _line(node), "seal", name)
        if _gives(node):
            yield Finding(module.path, _line(node), "grant", _GIVEN)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = (module.meaning(node.func) or ast.unparse(node.func)).rpartition(".")[2]
            if called == "Vault":
                yield Finding(module.path, node.lineno, "seal", "Vault")
            if called in ("setattr", "__setattr__") and not _says_what(node):
                yield Finding(module.path, node.lineno, "grant", "setattr")


def _named(module: Module, node: ast.AST) -> Iterator[str]:
    """Names that are read here: as an attribute, as what an import means, as text that could become an attribute."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        yield node.attr
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        meaning = module.meaning(node)
        if meaning is not None and meaning.startswith("storage."):
            yield meaning.rpartition(".")[2]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from (name for name in ROUND_THE_GRANT if "_" in name and node.value == name)


def _gives(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == _GIVEN and isinstance(node.ctx, ast.Store | ast.Del)
    if isinstance(node, ast.keyword):
        return node.arg == _GIVEN
    return isinstance(node, ast.Constant) and node.value == _GIVEN


def _says_what(call: ast.Call) -> bool:
    """Whether the attribute that is set is written out, and is another one."""
    named = [each.value for each in call.args[:2] if isinstance(each, ast.Constant)]
    return bool(named)


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))

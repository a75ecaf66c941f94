"""Finds every place that decides in whose name the door is asked. A right that is borrowed is a right that is not held."""

import ast
from collections.abc import Iterator

from tests.contract.doors.code import Finding, House, Module
from tests.contract.source import nodes

_MADE = {"policies.principals.Principal": "Principal", "policies.access.Access": "Access"}


def names(house: House, module: Module) -> Iterator[Finding]:
    """Where a principal or a door is made, or the operation goes on as somebody else."""
    for node in nodes(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "become":
            yield Finding(module.path, node.lineno, "caller", "become")
        if not isinstance(node, ast.Call):
            continue
        made = _MADE.get(house.origin(module.meaning(node.func)) or "")
        if made:
            yield Finding(module.path, node.lineno, "caller", made)
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if passed := _MADE.get(house.origin(module.meaning(argument)) or ""):
                yield Finding(module.path, node.lineno, "caller", passed)
        replaces = (module.meaning(node.func) or "").endswith("replace")
        if replaces and node.args and ast.unparse(node.args[0]).endswith("principal"):
            yield Finding(module.path, node.lineno, "caller", ast.unparse(node))

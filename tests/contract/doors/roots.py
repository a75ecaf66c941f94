"""Finds what each root field asks the door before it answers, by following calls from the field into resolvers/."""

import ast
from collections.abc import Iterator

from tests.contract.doors.code import Function, House, Module
from tests.contract.source import nodes

KINDS = {"question": "Query", "mutation": "Mutation", "followed": "Subscription"}
ASKING = {"select", "listed", "get", "check"}
_AS_PASSED = "(what is handed over)"


def root_fields(house: House) -> Iterator[tuple[str, Module, Function]]:
    """Every root field by its name in the API, with the function that resolves it."""
    for module in house.modules.values():
        for node in nodes(module.tree):
            if not isinstance(node, Function):
                continue
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                meaning = house.origin(module.meaning(called)) or ""
                if meaning.startswith("schema.guards.") and (kind := KINDS.get(meaning.rpartition(".")[2])):
                    yield f"{kind}.{_camel(node.name)}", module, node


def strangers(house: House) -> Iterator[str]:
    """Root fields made without a guard: in a class that Query, Mutation or Subscription is, or is made of."""
    guarded = {id(node) for _, _, node in root_fields(house)}
    for kind in KINDS.values():
        for module in house.modules.values():
            root = module.defined.get(kind)
            if isinstance(root, ast.ClassDef):
                for name, node in _members(house, module, root):
                    if id(node) not in guarded:
                        yield f"{kind}.{name}"


def asked(house: House, module: Module, function: Function) -> set[str]:
    """What the door is asked on the way of a function: `select READ`, `get DELETE`, `check CREATE_PROJECT`."""
    found: set[str] = set()
    passed: set[str] = set()
    seen: set[int] = set()
    waiting: list[tuple[Module, ast.AST]] = [(module, function)]
    while waiting:
        home, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        found |= {f"{verb} {action}" for verb, action in _questions(node)}
        passed |= set(_passed_on(node))
        waiting += list(_called(house, home, node))
    asked_by_name = {question.split()[0] for question in found if question.endswith(_AS_PASSED)}
    found = {question for question in found if not question.endswith(_AS_PASSED)}
    return found | {f"{verb} {action}" for verb in asked_by_name for action in passed}


def _questions(function: ast.AST) -> Iterator[tuple[str, str]]:
    for node in nodes(function):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKING):
            continue
        if not ast.unparse(node.func.value).endswith("access"):
            continue
        actions = list(_actions(node))
        yield from ((node.func.attr, action) for action in actions)
        if not actions:
            yield node.func.attr, _AS_PASSED


def _passed_on(function: ast.AST) -> Iterator[str]:
    """Actions that are handed to a function of ours, which asks the door for what it was handed."""
    for node in nodes(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from _actions(node)


def _actions(call: ast.Call) -> Iterator[str]:
    for argument in [*call.args[:3], *(keyword.value for keyword in call.keywords)]:
        if isinstance(argument, ast.Attribute) and ast.unparse(argument.value) == "Action":
            yield argument.attr


def _called(house: House, module: Module, function: ast.AST) -> Iterator[tuple[Module, ast.AST]]:
    """The functions and methods of the house that stand in a function, with the modules they are written in."""
    owner = next(
        (each for each in module.defined.values() if isinstance(each, ast.ClassDef) and function in each.body), None
    )
    for node in nodes(function):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        found = house.definition(house.origin(module.meaning(node)))
        if found is None and isinstance(node, ast.Attribute):
            found = house.method(module, owner, node.attr) if owner else None
            found = found or house.definition(f"schema.nodes.Node.{node.attr}")  # any kind of thing
        if isinstance(found, Function):
            yield house.written_in(found), found


def _members(house: House, module: Module, root: ast.ClassDef) -> Iterator[tuple[str, ast.stmt]]:
    for node in root.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            yield ast.unparse(node), node
    for base in root.bases:
        found = house.origin(module.meaning(base))
        parent = house.definition(found)
        home = house.home(found) if found else None
        if isinstance(parent, ast.ClassDef) and home is not None:
            yield from _members(house, home, parent)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)

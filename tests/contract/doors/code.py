"""What names mean: imports, aliases and re-exports of the house, followed to where a thing is defined."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.contract.source import nodes

Function = ast.FunctionDef | ast.AsyncFunctionDef
Defined = Function | ast.ClassDef


@dataclass(frozen=True)
class Finding:
    """One place that breaks a rule: where, and what stands there."""

    path: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.what}"


@dataclass
class Module:
    """One file: its syntax tree, and what each name that it imports or defines stands for."""

    path: str
    tree: ast.Module
    names: dict[str, str] = field(default_factory=dict)
    defined: dict[str, Defined] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The dotted name under which others import it."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def __post_init__(self) -> None:
        for node in nodes(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.names[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for node in self.tree.body:
            if isinstance(node, Defined):
                self.defined[node.name] = node
                self.names.setdefault(node.name, f"{self.name}.{node.name}")

    def meaning(self, expression: ast.expr) -> str | None:
        """The dotted origin of a name or a chain of attributes; None for anything that was not imported or defined."""
        if isinstance(expression, ast.Name):
            return self.names.get(expression.id)
        if isinstance(expression, ast.Attribute):
            owner = self.meaning(expression.value)
            return None if owner is None else f"{owner}.{expression.attr}"
        return None


class House:
    """Modules that refer to each other."""

    def __init__(self, trees: Iterable[tuple[str, ast.Module]]) -> None:
        self.modules: dict[str, Module] = {}
        self._homes: dict[int, Module] = {}
        for path, tree in trees:
            self._take(Module(path, tree))

    def changed(self, path: str, tree: ast.Module) -> tuple["House", Module]:
        """This house with another file at `path`, and that file."""
        other = House(())
        other.modules, other._homes = dict(self.modules), dict(self._homes)
        module = Module(path, tree)
        other._take(module)
        return other, module

    def _take(self, module: Module) -> None:
        self.modules[module.name] = module
        self._homes |= {id(node): module for node in nodes(module.tree) if isinstance(node, Defined)}

    def origin(self, dotted: str | None) -> str | None:
        """Where a dotted name is really defined: re-exports are followed."""
        for _ in range(10):
            if dotted is None:
                return None
            module, name, rest = self._split(dotted)
            if module is None or name not in module.names:
                return dotted
            followed = module.names[name] + rest
            if followed == dotted:
                return dotted
            dotted = followed
        return dotted

    def definition(self, dotted: str | None) -> Defined | None:
        """The function, class or method behind a dotted name of the house; methods are looked up in bases too."""
        found = self.origin(dotted)
        if found is None:
            return None
        module, name, rest = self._split(found)
        if module is None or name not in module.defined:
            return None
        node: Defined | None = module.defined[name]
        for part in filter(None, rest.split(".")):
            if not isinstance(node, ast.ClassDef):
                return None
            node = self.method(module, node, part)
        return node

    def method(self, module: Module, owner: ast.ClassDef, name: str) -> Function | None:
        """A method of a class of the house, its own or inherited."""
        for node in owner.body:
            if isinstance(node, Function) and node.name == name:
                return node
        for base in owner.bases:
            base = base.value if isinstance(base, ast.Subscript) else base
            found = self.origin(module.meaning(base))
            parent = self.definition(found)
            if found and isinstance(parent, ast.ClassDef):
                home = self._split(found)[0]
                if home and (inherited := self.method(home, parent, name)):
                    return inherited
        return None

    def written_in(self, node: Defined) -> Module:
        """The module in which a function or class of the house is written."""
        return self._homes[id(node)]

    def home(self, dotted: str) -> Module | None:
        """The module in which a dotted name is defined."""
        return self._split(self.origin(dotted) or dotted)[0]

    def _split(self, dotted: str) -> tuple[Module | None, str, str]:
        """The longest module that a dotted name begins with, the name in it, and what follows."""
        parts = dotted.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = self.modules.get(".".join(parts[:length]))
            if module is not None:
                return module, parts[length], "".join("." + part for part in parts[length + 1 :])
        return None, "", ""


def references(tree: ast.AST) -> Iterator[ast.Name | ast.Attribute]:
    """Every name and chain of attributes that is read, each chain once at its full length."""
    inner = {id(node.value) for node in nodes(tree) if isinstance(node, ast.Attribute)}
    for node in nodes(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load) and id(node) not in inner:
            yield node

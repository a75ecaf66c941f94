"""Finds every way in which rows could reach a caller without having passed the door of policies/.

Outside storage/ nothing builds a statement, a session is written to and flushed and otherwise handed on, and it is
handed to storage's functions alone. Of those, the ones that take a `Select`, or a `Door`, filter what the door allowed; every other
one reads or writes by itself, and is a side door. The lint goes by what names refer to, not by calls, so an alias, a
`partial` or a list of functions hides nothing; what can't be followed (`getattr` on a module, a star) is refused.
"""

import ast
from collections.abc import Iterator

from tests.contract.doors.code import Defined, Finding, House, Module, references
from tests.contract.source import nodes

GIVES_ROWS = {"Connection", "Engine", "Session", "Store", "Transaction", "UnitOfWork"}
"""Kinds of parameters through which a function can reach the database."""

WRITING = {"add", "add_all", "delete", "expunge", "flush"}
"""What may be done to a session outside storage."""

_READ_BY_THEMSELVES = ("storage.", "policies.workbench.")
_TABLES = {"__mapper__", "__table__", "metadata", "registry"}
_BLIND = {"eval", "exec", "globals", "vars", "__import__"}
_SESSION = {"sqlalchemy.orm.Session", "storage.database.Transaction", "sqlalchemy.orm.session.Session"}


def side_doors(house: House, module: Module) -> Iterator[tuple[str, Finding]]:
    """Each use of a function of storage that reaches the database by itself: its name there, and the place."""
    said = {id(part) for annotation in _annotations(module.tree) for part in ast.walk(annotation)}
    for node in references(module.tree):
        dotted = house.origin(module.meaning(node))
        if id(node) in said or dotted is None or not dotted.startswith(_READ_BY_THEMSELVES):
            continue
        for name in _prefixes(dotted):
            found = house.definition(name)
            if found is not None and reaches_rows(house, name, found):
                yield name, Finding(module.path, node.lineno, "side-door", name)
                break


def reaches_rows(house: House, name: str, found: Defined) -> bool:
    """Whether a definition of storage takes something that leads to the database, and no `Select` or `Door` of the door's."""
    if isinstance(found, ast.ClassDef):
        init = next(
            (node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None
        )
        kinds = [node.annotation for node in found.body if isinstance(node, ast.AnnAssign)]
        kinds += [each.annotation for each in _parameters(init)] if init else []
    else:
        kinds = [found.returns, *(each.annotation for each in _parameters(found))]
    words = {word for kind in kinds if kind is not None for word in _words(house, name, kind)}
    return bool(words & GIVES_ROWS) and not words & {"Select", "Door"}


def unfollowed(module: Module) -> Iterator[Finding]:
    """What would blind the other rules: star imports, imports by text, attributes by text of a module or session."""
    for node in nodes(module.tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield Finding(module.path, node.lineno, "blind", f"from {node.module} import *")
        if isinstance(node, ast.ImportFrom) and node.level:
            yield Finding(module.path, node.lineno, "blind", "a relative import")
        if not isinstance(node, ast.Call):
            continue
        called = module.meaning(node.func) or ast.unparse(node.func)
        if called in _BLIND or called.rpartition(".")[2] == "import_module":
            yield Finding(module.path, node.lineno, "blind", ast.unparse(node))
        if called.rpartition(".")[2] in ("getattr", "attrgetter", "methodcaller", "getattr_static"):
            if called == "getattr" and not _hides(module, node.args[0]):
                continue
            yield Finding(module.path, node.lineno, "blind", ast.unparse(node))


def statements(module: Module) -> Iterator[Finding]:
    """What builds or runs SQL: SQLAlchemy itself, a driver, a model's table."""
    for node in nodes(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            for name in named:
                if name.partition(".")[0] in ("sqlalchemy", "sqlite3", "psycopg", "alembic"):
                    yield Finding(module.path, node.lineno, "statement", f"imports {name}")
        elif isinstance(node, ast.Attribute) and node.attr in _TABLES:
            yield Finding(module.path, node.lineno, "statement", ast.unparse(node))


def sessions(house: House, module: Module) -> Iterator[Finding]:
    """What is done with a session beside writing to it and handing it to a function of storage."""
    yield from _Sessions(house, module).found()


class _Sessions:
    """The places of one module where a session stands, and what stands around each."""

    def __init__(self, house: House, module: Module) -> None:
        self._house = house
        self._module = module
        self._parents = {id(child): node for node in nodes(module.tree) for child in ast.iter_child_nodes(node)}
        self._names = self._bound()

    def found(self) -> Iterator[Finding]:
        for node in nodes(self._module.tree):
            if isinstance(node, ast.expr) and self._is_session(node) and not self._is_fine(node):
                around = self._parents[id(node)]
                yield Finding(self._module.path, node.lineno, "session", ast.unparse(around).partition("\n")[0])
            if isinstance(node, ast.Attribute) and node.attr == "engine" and not self._is_handed_on(node):
                yield Finding(self._module.path, node.lineno, "session", ast.unparse(self._parents[id(node)]))

    def _is_session(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr == "session" and isinstance(node.ctx, ast.Load)
        return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self._names

    def _is_fine(self, node: ast.expr) -> bool:
        around = self._parents[id(node)]
        if isinstance(around, ast.Attribute):
            return around.attr in WRITING
        if isinstance(around, ast.keyword):
            node, around = around, self._parents[id(around)]  # type: ignore[assignment]
        if isinstance(around, ast.Call) and node is not around.func:
            called = self._house.origin(self._module.meaning(around.func)) or ""
            return called.startswith("storage.") or called == "policies.access.Access" or self._takes_one(called)
        return isinstance(around, ast.Assign) and all(isinstance(target, ast.Name) for target in around.targets)

    def _takes_one(self, called: str) -> bool:
        """Whether a function of the house says that it takes a session: what it does with that is looked at there."""
        found = self._house.definition(called)
        home = self._house.home(called)
        return (
            isinstance(found, ast.FunctionDef)
            and home is not None
            and any(_says_session(self._house, home, each.annotation) for each in _parameters(found))
        )

    def _is_handed_on(self, node: ast.Attribute) -> bool:
        """Whether an engine goes to a function of storage, as it is."""
        around = self._parents[id(node)]
        called = self._module.meaning(around.func) if isinstance(around, ast.Call) else None
        return (self._house.origin(called) or "").startswith("storage.") and node is not getattr(around, "func", None)

    def _bound(self) -> set[str]:
        """Names that stand for a session anywhere in the module: parameters, `with … as`, and aliases of those."""
        found = {
            each.arg
            for node in nodes(self._module.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for each in _parameters(node)
            if _says_session(self._house, self._module, each.annotation)
            or (each.annotation is None and each.arg == "session")
        }
        for node in nodes(self._module.tree):
            if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
                opened = node.context_expr
                called = self._module.meaning(opened.func) if isinstance(opened, ast.Call) else None
                if called == "storage.database.transaction":
                    found.add(node.optional_vars.id)
        return self._with_aliases(found)

    def _with_aliases(self, found: set[str]) -> set[str]:
        while True:
            more = {
                target.id
                for node in nodes(self._module.tree)
                if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign)
                for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
                if isinstance(target, ast.Name) and node.value is not None and self._aliased(node.value, found)
            }
            if more <= found:
                return found
            found = found | more

    def _aliased(self, value: ast.expr, found: set[str]) -> bool:
        if isinstance(value, ast.Attribute):
            return value.attr == "session"
        return isinstance(value, ast.Name) and value.id in found


def _says_session(house: House, module: Module, annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    return any(
        (house.origin(module.meaning(part)) or module.meaning(part)) in _SESSION
        for part in ast.walk(annotation)
        if isinstance(part, ast.Name | ast.Attribute)
    )


def _hides(module: Module, subject: ast.expr) -> bool:
    """Whether `getattr` of this would hide what is read: something imported, or a session."""
    if isinstance(subject, ast.Attribute) and subject.attr in ("session", "work", "vault", "access", "engine", "store"):
        return True
    if isinstance(subject, ast.Name) and subject.id in ("session", "work", "vault", "access", "engine", "store"):
        return True
    meaning = module.meaning(subject)
    return meaning is not None and meaning.startswith("storage.")


def _annotations(tree: ast.AST) -> Iterator[ast.expr]:
    for node in nodes(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield node.returns


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.arg]:
    given = function.args
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]


def _words(house: House, name: str, annotation: ast.expr) -> Iterator[str]:
    """The last words of what an annotation names. A `Session` of ours, a signed-in device, is none of SQLAlchemy's."""
    home = house.home(name)
    for part in ast.walk(annotation):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield from _words(house, name, ast.parse(part.value, mode="eval").body)
        elif isinstance(part, ast.Name | ast.Attribute):
            dotted = home.meaning(part) if home else None
            if dotted != "storage.sessions.Session":
                yield (dotted or ast.unparse(part)).rpartition(".")[2]


def _prefixes(dotted: str) -> Iterator[str]:
    parts = dotted.split(".")
    for length in range(2, len(parts) + 1):
        yield ".".join(parts[:length])

"""Columns are compared by name: `==` of two of SQLAlchemy's makes an expression, and whether that is true it can't say.

The first rule is held over the source. The second is held while all other tests run (`tests/conftest.py`): there an
expression that is asked whether it is true fails, even where SQLAlchemy would say something.
"""

import ast

import pytest

from storage.incidents import Incident
from tests.contract.source import ROOMS, modules, nodes

_COLLECTIONS = frozenset({"frozenset", "list", "set", "sorted", "tuple"})
_OF_COLUMNS = frozenset({"c", "columns", "primary_key"})
_BY_NAME = frozenset({"key", "keys", "name"})


def _holds_columns(node: ast.AST) -> bool:
    """Whether a collection is made of columns, and not of their names."""
    collected = isinstance(node, ast.List | ast.Tuple | ast.Set | ast.ListComp | ast.SetComp) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _COLLECTIONS
    )
    names = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    return collected and bool(names & _OF_COLUMNS) and not names & _BY_NAME


def _compared(tree: ast.Module) -> list[ast.Compare]:
    found = (node for node in nodes(tree) if isinstance(node, ast.Compare))
    return [node for node in found if any(_holds_columns(side) for side in (node.left, *node.comparators))]


def test_no_columns_are_compared_in_a_collection() -> None:
    """As `list(table.primary_key) != [table.c.id]` once was: a TypeError for every table with another key."""
    found = [f"{path}:{node.lineno}" for path, tree in modules(*ROOMS) for node in _compared(tree)]
    assert found == [], "compare the columns' names"


@pytest.mark.parametrize(
    "line",
    [
        "list(model.__table__.primary_key) != [model.__table__.c.get('id')]",
        "tuple(table.columns) == other",
        "[table.c.id] == list(key)",
        "table.c.id in {table.c.a, table.c.b}",
    ],
)
def test_such_a_comparison_is_found(line: str) -> None:
    """In each form."""
    assert _compared(ast.parse(line))


def test_an_expression_says_not_whether_it_is_true() -> None:
    """Not even where both sides are one column, which hides the mistake until they are not."""
    with pytest.raises(TypeError, match="SQLAlchemy"):
        bool(Incident.__table__.c.id == Incident.__table__.c.id)

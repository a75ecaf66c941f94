"""Questions made from the schema: every root field, every argument, things nested in things."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from schema.api import build

T = TypeVar("T")
Choose = Callable[[Sequence[Any]], Any]
"""Takes one of several: hypothesis' draw, or always the first."""

SCHEMA: GraphQLSchema = build()._schema
WORDS = ("text/plain", "image/png", "project.created", "access.denied", "read", "delete", "SUPPORT", "x", "")
MOMENT = "2030-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Pools:
    """What arguments are taken from."""

    ids: Sequence[str]
    cursors: Sequence[str]
    words: Sequence[str] = WORDS


def questions() -> dict[str, GraphQLField]:
    """Every root query field."""
    assert SCHEMA.query_type is not None
    return dict(SCHEMA.query_type.fields)


@dataclass(frozen=True)
class Question:
    """A document, and what stands in it for its variables."""

    document: str
    variables: dict[str, Any]


def question(name: str, pools: Pools, choose: Choose, depth: int) -> Question:
    """One query of one root field, with all leaves down to `depth` and arguments as chosen.

    Arguments are variables, as clients send them: a document that came before, with other ids, need not be read again.
    """
    asked = _Asked(pools, choose)
    field = asked.field(name, questions()[name], depth)
    declared = f"({', '.join(asked.declared)})" if asked.declared else ""
    return Question(f"query{declared} {{ it: {field} }}", asked.variables)


class _Asked:
    """A question while it is written."""

    def __init__(self, pools: Pools, choose: Choose) -> None:
        self._pools = pools
        self._choose = choose
        self.declared: list[str] = []
        self.variables: dict[str, Any] = {}

    def field(self, name: str, field: GraphQLField, depth: int, *, small: bool = False) -> str:
        given = {
            argument: value(argument, found.type, self._pools, self._choose)
            for argument, found in field.args.items()
            if isinstance(found.type, GraphQLNonNull) or self._choose((False, True))
        }
        if "first" in field.args and (small or {"first", "last"} <= set(given)):
            given.pop("last", None)
            given["first"] = self._choose((2, 3, 0)) if small else given.get("first", 2)
        told = ", ".join(
            f"{argument}: {self._variable(field.args[argument], each)}" for argument, each in given.items()
        )
        return f"{name}{f'({told})' if told else ''}{self._selection(get_named_type(field.type), depth)}"

    def _variable(self, argument: GraphQLArgument, given: Any) -> str:
        name = f"v{len(self.variables)}"
        self.variables[name] = given
        self.declared.append(f"${name}: {argument.type}")
        return f"${name}"

    def _selection(self, kind: Any, depth: int) -> str:
        if is_leaf_type(kind):
            return ""
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            one = self._choose(sorted(SCHEMA.get_possible_types(kind), key=lambda each: each.name))
            return f" {{ __typename ... on {one.name}{self._selection(one, depth)} }}"
        assert isinstance(kind, GraphQLObjectType)
        parts = ["__typename"]
        for name, field in kind.fields.items():
            below = get_named_type(field.type)
            around = kind.name.endswith(("Connection", "Edge"))
            if is_leaf_type(below) or around or below.name == "PageInfo" or depth > 0:
                deeper = depth if around or below.name == "PageInfo" else depth - 1
                parts.append(self.field(name, field, deeper, small=True))
        return f" {{ {' '.join(parts)} }}"


def value(name: str, kind: Any, pools: Pools, choose: Choose) -> Any:
    """A value for an argument or input field of this name and type."""
    if isinstance(kind, GraphQLNonNull):
        return value(name, kind.of_type, pools, choose)
    if isinstance(kind, GraphQLList):
        return [value(name, kind.of_type, pools, choose) for _ in range(choose((1, 3, 0)))]
    if isinstance(kind, GraphQLEnumType):
        return choose(sorted(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {each: value(each, field.type, pools, choose) for each, field in kind.fields.items()}
    simple: dict[str, Sequence[Any]] = {
        "ID": pools.ids,
        "Int": (2, 1, 100, 0),
        "BigInt": (9,),
        "Float": (0.5,),
        "Boolean": (True, False),
        "DateTime": (MOMENT,),
        "String": pools.cursors if name in ("after", "before") else pools.words,
    }
    return choose(simple.get(kind.name, ("x",)))

"""Questions made from the schema: every root field, every argument, things nested in things."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import (
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


class Literal(str):
    """A value that is written as it is: an enum's member."""

    __slots__ = ()


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


def question(name: str, pools: Pools, choose: Choose, depth: int) -> str:
    """One query of one root field, with all leaves down to `depth` and arguments as chosen."""
    return f"{{ it: {_field(name, questions()[name], pools, choose, depth)} }}"


def _field(name: str, field: GraphQLField, pools: Pools, choose: Choose, depth: int, *, small: bool = False) -> str:
    given = {
        argument: value(argument, found.type, pools, choose)
        for argument, found in field.args.items()
        if isinstance(found.type, GraphQLNonNull) or choose((False, True))
    }
    if "first" in field.args and (small or {"first", "last"} <= set(given)):
        given.pop("last", None)
        given["first"] = choose((2, 3, 0)) if small else given.get("first", 2)
    told = ", ".join(f"{argument}: {written(each)}" for argument, each in given.items())
    return f"{name}{f'({told})' if told else ''}{_selection(get_named_type(field.type), pools, choose, depth)}"


def _selection(kind: Any, pools: Pools, choose: Choose, depth: int) -> str:
    if is_leaf_type(kind):
        return ""
    if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
        one = choose(sorted(SCHEMA.get_possible_types(kind), key=lambda each: each.name))
        return f" {{ __typename ... on {one.name}{_selection(one, pools, choose, depth)} }}"
    assert isinstance(kind, GraphQLObjectType)
    parts = ["__typename"]
    for name, field in kind.fields.items():
        below = get_named_type(field.type)
        around = kind.name.endswith(("Connection", "Edge"))
        if is_leaf_type(below) or around or below.name == "PageInfo" or depth > 0:
            deeper = depth if around or below.name == "PageInfo" else depth - 1
            parts.append(_field(name, field, pools, choose, deeper, small=True))
    return f" {{ {' '.join(parts)} }}"


def value(name: str, kind: Any, pools: Pools, choose: Choose) -> Any:
    """A value for an argument or input field of this name and type."""
    if isinstance(kind, GraphQLNonNull):
        return value(name, kind.of_type, pools, choose)
    if isinstance(kind, GraphQLList):
        return [value(name, kind.of_type, pools, choose) for _ in range(choose((1, 3, 0)))]
    if isinstance(kind, GraphQLEnumType):
        return Literal(choose(sorted(kind.values)))
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


def written(given: Any) -> str:
    """A value as GraphQL writes it."""
    if isinstance(given, Literal):
        return str(given)
    if isinstance(given, dict):
        return f"{{{', '.join(f'{name}: {written(each)}' for name, each in given.items())}}}"
    if isinstance(given, list):
        return f"[{', '.join(map(written, given))}]"
    return json.dumps(given)

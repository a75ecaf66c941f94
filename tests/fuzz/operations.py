"""Operations made from the schema itself: valid ones, and ones that nearly are."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from tests.fuzz import values

LEFT_OUT = frozenset({"lockDown"})
"""It would leave nothing else to be tried."""
_CURSORS = frozenset({"after", "before"})


@dataclass
class Known:
    """What exists, so that some of what is asked for is found."""

    ids: list[str] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)


@dataclass
class Operation:
    """A document with its variables, as they are sent."""

    query: str
    variables: Any
    name: Any = None

    def body(self) -> bytes:
        """The request's body."""
        asked = {"query": self.query, "variables": self.variables, "operationName": self.name}
        return json.dumps({key: value for key, value in asked.items() if value is not None}).encode()


class Operations:
    """Makes one operation after another; the same ones for the same source of chance."""

    def __init__(self, schema: GraphQLSchema, at: random.Random, known: Known) -> None:
        self._schema = schema
        self._at = at
        self._known = known
        self._declared: dict[str, tuple[str, Any]] = {}
        self._fragments: list[str] = []
        self._room = 0

    def next(self) -> Operation:
        """The next operation."""
        self._declared, self._fragments = {}, []
        self._room = self._at.choice([15, 60, 60, 300, 1_500])
        kind = self._at.choices(["query", "mutation", "subscription"], [60, 35, 5])[0]
        root: Any = {
            "query": self._schema.query_type,
            "mutation": self._schema.mutation_type,
            "subscription": self._schema.subscription_type,
        }[kind]
        depth = self._at.choices([4, 6, 12, 20, 60, 250], [35, 40, 10, 8, 4, 3])[0]
        selections = self._selections(root, depth, at_most=4 if kind == "query" else 2)
        declared = ", ".join(f"${name}: {said}" for name, (said, _) in self._declared.items())
        name = self._at.choice(["", "", "Q", "Q" * 300])
        text = f"{kind} {name}{f'({declared})' if declared else ''}{self._directives()} {selections}"
        query = " ".join((text, *self._fragments))
        if self._at.random() < 0.12:
            query = self._broken(query)
        variables: Any = {name: value for name, (_, value) in self._declared.items()}
        if self._at.random() < 0.05:
            variables = {**variables, "undeclared": values.anything(self._at, self._known.ids)}
        chosen = name or None
        if self._at.random() < 0.05:
            chosen = self._at.choice(["", "absent", "Q", values.text(self._at)])
        return Operation(query, variables, chosen)

    def _selections(self, kind: Any, depth: int, at_most: int = 5) -> str:
        if is_abstract_type(kind) and self._at.random() < 0.8:
            possible = self._at.sample(list(self._schema.get_possible_types(kind)), 1)
            inside = "".join(f" ... on {each.name} {self._selections(each, depth)}" for each in possible)
            return f"{{ __typename{inside} }}"
        fields: dict[str, GraphQLField] = getattr(kind, "fields", {})
        names = [name for name in fields if name not in LEFT_OUT]
        deep = [name for name in names if not is_leaf_type(get_named_type(fields[name].type))]
        plain = [name for name in names if name not in deep]
        chosen = self._at.sample(plain, min(len(plain), self._at.randrange(at_most + 1)))
        if depth > 0 and deep and self._room > 0:
            # On a long way down one field is enough: several would double the document with each level.
            width = 1 if depth > 8 else self._at.randrange(1, 3)
            chosen += self._at.sample(deep, min(len(deep), width, at_most))
        said = [self._field(fields[name], name, depth) for name in chosen if self._spent()]
        if not said or self._at.random() < 0.1:
            said.append("__typename")
        if self._at.random() < 0.03:
            unknown = ["nothing", "__schema { types { name fields { name } } }", "nofield" * 60, "id(a: 1)"]
            said.append(self._at.choice(unknown))
        body = " ".join(said)
        if self._at.random() < 0.05 and isinstance(kind, GraphQLObjectType):
            return f"{{ {self._fragment(kind, body)} }}"
        return f"{{ {body} }}"

    def _spent(self) -> bool:
        self._room -= 1
        return self._room > -20

    def _fragment(self, kind: GraphQLObjectType, body: str) -> str:
        match self._at.randrange(4):
            case 0:
                return f"... on {kind.name}{self._directives()} {{ {body} }}"
            case 1:
                return f"... {{ {body} }}"
            case 2:
                name = f"F{len(self._fragments)}"
                itself = f" ...{name}" if self._at.random() < 0.2 else ""
                self._fragments.append(f"fragment {name} on {kind.name} {{ {body}{itself} }}")
                return f"...{name} ...{name}"
        return f"...Absent {body}"

    def _field(self, of: GraphQLField, name: str, depth: int) -> str:
        given = []
        for each, about in of.args.items():
            if (said := self._argument(each, about)) is not None:
                given.append(f"{each}: {said}")
        if self._at.random() < 0.02:
            given.append(self._at.choice(["absent: 1", "first: 1, first: 2", "id: null"]))
        alias = f"a{self._at.randrange(30)}: " if self._at.random() < 0.08 else ""
        kind = get_named_type(of.type)
        below = "" if is_leaf_type(kind) else f" {self._selections(kind, depth - 1)}"
        arguments = f"({', '.join(given)})" if given else ""
        return f"{alias}{name}{arguments}{self._directives()}{below}"

    def _directives(self) -> str:
        if self._at.random() > 0.04:
            return ""
        some = [
            "@include(if: true)",
            "@skip(if: false)",
            "@skip",
            "@absent(x: 1)",
            "@skip(if: true) " * 60,
            "@include(if: $no)",
        ]
        return " " + self._at.choice(some)

    def _argument(self, name: str, about: GraphQLArgument | GraphQLInputField) -> str | None:
        if not is_non_null_type(about.type) and self._at.random() > 0.35:
            return None
        if is_non_null_type(about.type) and self._at.random() < 0.03:
            return None
        value = self._value(name, about.type)
        if self._at.random() < 0.6:
            variable = f"v{len(self._declared)}"
            wrong = self._at.choice(["Int", "[String!]!", "Absent", "Asset"])
            self._declared[variable] = (str(about.type) if self._at.random() < 0.97 else wrong, value)
            return f"${variable}"
        return self._literal(value, about.type)

    def _value(self, name: str, kind: Any, depth: int = 4) -> Any:
        at = self._at
        if at.random() < 0.03:
            return values.anything(at, self._known.ids)
        if is_non_null_type(kind):
            return self._value(name, kind.of_type, depth)
        if at.random() < 0.05:
            return None
        if is_list_type(kind):
            many = at.choices([0, 1, 2, 5, 120, 3_000], [10, 50, 20, 10, 8, 2])[0]
            some = [self._value(name, kind.of_type, depth) for _ in range(min(many, 5))]
            return some + some[:1] * (many - len(some))
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, depth)
        if isinstance(kind, GraphQLEnumType):
            return at.choice(list(kind.values)) if at.random() < 0.9 else values.text(at)
        match kind.name:
            case "Int" | "BigInt":
                return at.randrange(1, 20) if at.random() < 0.5 else at.choice(values.INTEGERS[:12])
            case "Float":
                return at.random() if at.random() < 0.4 else at.choice([*values.FLOATS, *values.INTEGERS[:12]])
            case "Boolean":
                return at.random() < 0.5
            case "ID":
                return values.identifier(at, self._known.ids)
        if name in _CURSORS:
            return values.cursor(at, self._known.cursors)
        if name.lower().endswith("id"):
            return values.identifier(at, self._known.ids)
        if kind.name in ("DateTime", "Date") and at.random() < 0.6:
            return at.choice(["2026-01-01T00:00:00Z", "2030-01-01T00:00:00+02:00", "2026-01-01"])
        return at.choice(["Autumn", "a name", "text/plain"]) if at.random() < 0.4 else values.text(at)

    def _object(self, kind: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, about in kind.fields.items():
            if (is_non_null_type(about.type) and self._at.random() > 0.03) or (depth > 0 and self._at.random() < 0.3):
                found[name] = self._value(name, about.type, depth - 1)
        if self._at.random() < 0.03:
            found[self._at.choice(["absent", "", "projectid", "x" * 2_000])] = values.anything(
                self._at, self._known.ids
            )
        return found

    def _literal(self, value: Any, kind: Any) -> str:
        if self._at.random() < 0.02:
            odd = [*values.NUMBERS, "[" * 150 + "]" * 150, "$absent", "absent", '"""\n a\n"""', "{}", "[]"]
            return self._at.choice(odd)
        named = get_named_type(kind)
        return _written(value, enum=isinstance(named, GraphQLEnumType), of=named)

    def _broken(self, query: str) -> str:
        for _ in range(self._at.randrange(1, 4)):
            place = self._at.randrange(len(query) + 1)
            cut = place + self._at.choice([0, 0, 1, 3, 40])
            put = self._at.choice(
                ["", "{", "}", "(", ")", "[", "]", '"', '"""', "#", "\n", "\r", "\x00", "é", "...", "...on", "$", "@", ":", "!", "&", "\ufeff",
                 '"\\u{110000}"', '"\\uD800"', "fragment", "on", "null", "{a", "\\", "9" * 500, "a" * 3_000, "{" * 300, "(a:[" * 150]
            )  # fmt: skip
            query = query[:place] + put + query[cut:]
        return query


def _written(value: Any, *, enum: bool, of: Any = None) -> str:
    if isinstance(value, dict):
        fields = getattr(of, "fields", {})
        said = []
        for name, each in value.items():
            below = get_named_type(fields[name].type) if name in fields else None
            said.append(f"{name or 'empty'}: {_written(each, enum=isinstance(below, GraphQLEnumType), of=below)}")
        return "{" + ", ".join(said) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(each, enum=enum, of=of) for each in value) + "]"
    if enum and isinstance(value, str) and value.isidentifier() and value.isascii():
        return value
    return json.dumps(value)

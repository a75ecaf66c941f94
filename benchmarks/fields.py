"""Every field of the query root alone, and every leaf of the nodes of each list: processor time per unit of cost.

Each is asked once and five times in one document; the difference is what it takes by itself. A field whose unit takes
more than three times the median needs a price, or a larger one, in `schema/prices.py`.

`python -m benchmarks fields`; asked as an owner of 100 assets and prompts, and as staff with every role; SQLite.
"""

import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_interface_type,
    is_leaf_type,
    is_object_type,
    parse,
)
from rich import print as show

from benchmarks._worlds import nest
from muniment import homes
from muniment.house import open_house
from muniment.variables import load
from policies.principals import Kind, Principal
from resolvers.context import Asking, Context
from resolvers.house import House
from resolvers.identity import identify
from schema.api import Schema, build
from schema.ids import encode_id
from schema.weights import is_connection, weigh
from storage.staff import StaffRole

TIMES = 5
ROUNDS = 3
TOO_MUCH = 3.0
"""More than so many times the median, and a field is named."""
_MONTH = '{from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z"}'


@dataclass(frozen=True)
class Measured:
    """A field, what it costs, and what it takes in microseconds."""

    field: str
    cost: int
    microseconds: float

    @property
    def unit(self) -> float:
        """Microseconds for each unit of cost."""
        return self.microseconds / self.cost


def main() -> None:
    """Measure, and print a table, the field with the cheapest price first."""
    with tempfile.TemporaryDirectory() as place:
        settings = load(home=Path(place) / "home", worker=False, cost_per_minute=10**9)
        homes.prepare(settings)
        with open_house(settings, serves=True) as house:
            token = nest(house, owners=2, projects=4, assets=25, prompts=25, outputs=1)
            owner = identify(house, token)
            roles = frozenset(role.value for role in StaffRole)
            staff = Asking(Principal(Kind.STAFF, uuid.uuid4(), roles=roles, mfa=True, stepped_up=True))
            schema = build()
            for who, asking in (("owner", owner), ("staff", staff)):
                found = sorted(_measured(schema, house, asking), key=lambda each: -each.unit)
                usual = statistics.median(each.unit for each in found)
                show(f"asked as {who}: {len(found)} fields, median {usual:.2f} µs per unit of cost")
                for each in found[:25]:
                    mark = "  too cheap" if each.unit > TOO_MUCH * usual else ""
                    times = each.unit / usual
                    show(f"  {each.field:48} {each.cost:7} {each.microseconds / 1000:9.2f} ms {times:7.1f} x{mark}")


def _measured(schema: Schema, house: House, asking: Asking) -> Iterator[Measured]:
    for field, selection in _fields(schema, asking):
        once, often = (_seconds(schema, house, asking, selection, times) for times in (1, TIMES))
        if once is None or often is None:
            continue
        document = parse(_document(selection, 1))
        yield Measured(
            field, weigh(schema._schema, document, {}).cost, max(often - once, 1e-7) / (TIMES - 1) * 1_000_000
        )


def _document(selection: str, times: int) -> str:
    return "{" + " ".join(f"a{number}: {selection}" for number in range(times)) + "}"


def _seconds(schema: Schema, house: House, asking: Asking, selection: str, times: int) -> float | None:
    """Processor time of a document that asks so often; None where it is refused."""
    taken = []
    for _ in range(ROUNDS):
        context = Context(house, asking)
        began = time.thread_time()
        result: Any = schema.execute_sync(_document(selection, times), context_value=context)
        taken.append(time.thread_time() - began)
        if result.data is None or all(value is None for value in result.data.values()):
            return None
    return min(taken)


def _fields(schema: Schema, asking: Asking) -> Iterator[tuple[str, str]]:
    """Each field with the text that asks for it."""
    account = "" if asking.principal.id is None else encode_id("Contributor", asking.principal.id)
    query: Any = schema._schema.query_type
    for name, field in query.fields.items():
        given = _arguments(field, account)
        if given is None:
            continue
        kind: Any = get_named_type(field.type)
        if is_leaf_type(kind):
            yield f"Query.{name}", name + given
        elif is_interface_type(kind):
            yield f"Query.{name}", f"{name}{given} {{ id }}"
        elif is_connection(kind):
            page = f"(first: 100{', ' + given[1:-1] if given else ''})"
            node: Any = get_named_type(get_named_type(kind.fields["edges"].type).fields["node"].type)  # type: ignore[union-attr]
            yield f"Query.{name}.totalCount", f"{name}{page} {{ totalCount }}"
            yield f"Query.{name}.cursor", f"{name}{page} {{ edges {{ cursor }} }}"
            for leaf in _leaves(node):
                yield f"Query.{name}.{leaf}", f"{name}{page} {{ edges {{ node {{ {leaf} }} }} }}"
        else:
            for leaf in _leaves(kind):
                yield f"Query.{name}.{leaf}", f"{name}{given} {{ {leaf} }}"
    yield "Query.__schema", "__schema { types { name fields { name args { name type { name } } type { name kind } } } }"


def _leaves(kind: GraphQLObjectType) -> Iterator[str]:
    """What can be asked of an object: its leaves, and its objects by their leaves."""
    for name, field in kind.fields.items():
        below: Any = get_named_type(field.type)
        if any(argument.type.__class__.__name__ == "GraphQLNonNull" for argument in field.args.values()):
            if name == "explain":
                yield "explain(action: READ) { allowed text reasons { saw { name value } } }"
            continue
        if is_leaf_type(below):
            yield name
        elif is_object_type(below) and not is_connection(below):
            plain = [each for each, its in below.fields.items() if is_leaf_type(get_named_type(its.type))]
            yield f"{name} {{ {' '.join(plain)} }}"


def _arguments(field: GraphQLField, account: str) -> str | None:
    """Arguments that a field cannot do without; None where there are none to be had here."""
    given = []
    for name, argument in field.args.items():
        kind = str(argument.type)
        if not kind.endswith("!"):
            continue
        if argument.default_value is not None and "Undefined" not in str(argument.default_value):
            continue
        if name in ("id", "ids"):
            given.append(f'{name}: "{account}"')
        elif name == "period":
            given.append(f"period: {_MONTH}")
        elif name == "name":
            given.append("name: ACCOUNTS")
        else:
            return None
    return f"({', '.join(given)})" if given else ""

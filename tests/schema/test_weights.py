"""Cost follows from the types of the schema: however a document is written, it costs what is executed, or more."""

from typing import Any

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_introspection_query,
    get_named_type,
    parse,
    print_ast,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.budgets import Charge
from resolvers.context import Context
from resolvers.identity import identify
from schema.api import build
from schema.limits import MAX_COST
from schema.weights import Weight, weigh
from tests.schema.test_executor import Documents
from tests.world import World

SCHEMA = build()._schema
MUCH = "m: projects { edges { node { id assets { ...{ edges { node { id title project { name } } } } } } } } controls { criteria } "
NESTED = "{projects{edges{node{assets{edges{node{project{assets{edges{node{id title}}}}}}}}}}}"


def cost(text: str, **variables: Any) -> int:
    """The cost of a document."""
    return weigh(SCHEMA, parse(text), variables).cost


@pytest.mark.parametrize(
    ("plain", "other"),
    [
        ("edges{node{id}}", "...on AssetConnection{edges{node{id}}}"),
        ("edges{node{id}}", "...{...{...on AssetConnection{edges{node{id}}}}}"),
        ("edges{node{id}}", "...F"),
        ("edges{node{id}}", "...on AssetConnection{...F}"),
        ("edges{node{id}}", "e:edges{n:node{i:id}}"),
        ("edges{node{id}}", "edges{...on AssetEdge{node{...on Node{id}}}}"),
        ("edges{node{id}}", "edges@include(if:true){node{id}}"),
        ("edges{node{id}}", "...@skip(if:false){edges{node{id}}}"),
    ],
)
def test_a_list_costs_the_same_in_a_fragment_and_under_an_alias(plain: str, other: str) -> None:
    """At every page size, said by a number, by a variable, or not at all; at every depth."""
    fragments = " fragment F on AssetConnection{...G} fragment G on AssetConnection{edges{node{id}}}"
    for argument, variables in (
        ("", {}),
        ("(first:7)", {}),
        ("(last:100)", {}),
        ("(first:$n)", {"n": 30}),
        ("(first:$n)", {"n": None}),
        ("(first:$n)", {}),
        ("(first:null,last:90)", {}),
    ):
        for around in ("{%s}", "{projects{edges{node{%s}}}}", "{projects(first:9){...{edges{node{%s}}}}}"):
            texts = [
                "query($n:Int)" + around % f"assets{argument}{{{selection}}}" + fragments
                for selection in (plain, other)
            ]
            before, after = (cost(text, **variables) for text in texts)
            assert before == after
            assert before > 120


def test_the_reproduction_of_the_finding_is_refused() -> None:
    """`edges` in a fragment at each level was counted once, and cost 15 instead of 515,201."""
    assert cost(NESTED) > MAX_COST
    spread = (
        "{projects{...A}} fragment A on ProjectConnection{edges{node{assets{...B}}}}"
        "fragment B on AssetConnection{edges{node{project{assets{...C}}}}}"
        "fragment C on AssetConnection{edges{node{id title}}}"
    )
    inline = (
        "{projects{...on ProjectConnection{edges{node{assets{...on AssetConnection{edges{node{project{assets{"
        "...on AssetConnection{edges{node{id title}}}}}}}}}}}}}}"
    )
    assert cost(spread) == cost(inline) == cost(NESTED)


def test_the_larger_of_first_and_last_counts() -> None:
    """A `first` that is null leaves the page to `last`."""
    whole = cost("{assets(last:100){edges{node{id}}}}")
    assert cost("{assets(first:null,last:100){edges{node{id}}}}") == whole
    assert cost("query($n:Int){assets(first:$n,last:100){edges{node{id}}}}", n=None) == whole
    assert cost("query($n:Int=100){assets(first:$n){edges{node{id}}}}") == whole
    assert cost("{assets(first:100){pageInfo{hasNextPage}}}") < 110


def test_ids_count_as_often_as_they_are_named() -> None:
    """Through an interface, in a literal and in a variable; one that is no list is one."""
    of_ten = cost("query($ids:[ID!]!){nodes(ids:$ids){...on Project{assets{...{edges{node{id}}}}}}}", ids=["a"] * 10)
    assert of_ten == cost("{nodes(ids:[" + '"a",' * 10 + "]){...F}} fragment F on Project{assets{edges{node{id}}}}")
    assert of_ten > 9 * 150


def test_introspection_has_a_price_and_no_depth_to_lend() -> None:
    """GraphiQL's query passes; a schema asked for beside data makes the data no deeper."""
    full = weigh(SCHEMA, parse(get_introspection_query()), {})
    assert 5_000 < full.cost < MAX_COST / 2
    assert full.introspects
    deep = weigh(SCHEMA, parse("{__typename" + "}"), {})
    assert (deep.introspects, deep.depth) == (False, 1)
    beside = weigh(SCHEMA, parse("{__schema{queryType{name}}" + NESTED[1:]), {})
    assert beside.depth == weigh(SCHEMA, parse(NESTED), {}).depth


def test_fragments_that_spread_one_another_take_no_time() -> None:
    """Forty doublings are a trillion fields: counted, and not walked."""
    text = "{...F0}" + "".join(
        f"fragment F{number} on Query{{...F{number + 1} ...F{number + 1}}}" for number in range(40)
    )
    assert cost(text + "fragment F40 on Query{projects{edges{node{id}}}}") > 2**40
    assert weigh(SCHEMA, parse("{...F} fragment F on Query{...F a:nothing{...F}}"), {}).cost >= 0


def inlined(document: Any) -> str:
    """The operation with every fragment spread replaced by an inline fragment."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}

    def of_set(selections: SelectionSetNode) -> SelectionSetNode:
        found: list[Any] = []
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                fragment = fragments[node.name.value]
                found.append(
                    InlineFragmentNode(
                        type_condition=fragment.type_condition,
                        directives=node.directives,
                        selection_set=of_set(fragment.selection_set),
                    )
                )
            elif isinstance(node, InlineFragmentNode):
                found.append(
                    InlineFragmentNode(
                        type_condition=node.type_condition,
                        directives=node.directives,
                        selection_set=of_set(node.selection_set),
                    )
                )
            elif isinstance(node, FieldNode) and node.selection_set is not None:
                found.append(
                    FieldNode(
                        alias=node.alias,
                        name=node.name,
                        arguments=node.arguments,
                        directives=node.directives,
                        selection_set=of_set(node.selection_set),
                    )
                )
            else:
                found.append(node)
        return SelectionSetNode(selections=tuple(found))

    [operation] = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    return "query ($yes: Boolean!, $no: Boolean!) " + print_ast(of_set(operation.selection_set))


def objects(found: Any) -> int:
    """How many objects a response holds."""
    if isinstance(found, dict):
        return 1 + sum(map(objects, found.values()))
    return sum(map(objects, found)) if isinstance(found, list) else 0


@pytest.mark.one_database("sqlite", reason="the cost is counted before a database is asked")
def test_no_response_holds_more_than_its_cost_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random documents: the cost is that of the same document with its fragments inlined, and bounds the response."""
    monkeypatch.setattr(Context, "charge", lambda self, cost: Charge(1))
    ada = world.register("ada")
    project = world.project(ada)
    asset, prompt = world.asset(ada, project), world.prompt(ada, project)
    documents = Documents(SCHEMA, [project, asset, prompt, world.output(prompt), ada.id])
    asking = identify(world.house, ada.token)
    filled: list[int] = []

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def bounded(data: st.DataObject) -> None:
        head, _, rest = documents.query(data.draw).partition("{ ")
        text = head + "{ y: __typename @include(if: $yes) n: __typename @include(if: $no) " + MUCH + rest
        document = parse(text)
        weight = weigh(SCHEMA, document, {})
        plain = weigh(SCHEMA, parse(inlined(document)), {})
        assert (weight.cost, weight.depth, weight.aliases) == (plain.cost, plain.depth, plain.aliases)
        context = Context(world.house, asking)
        result: Any = build().execute_sync(text, variable_values={"yes": True, "no": False}, context_value=context)
        if result.data is not None:
            assert objects(result.data) - 1 <= weight.cost
            filled.append(objects(result.data))

    bounded()
    assert max(filled) > 10


def test_every_connection_is_counted_by_its_arguments() -> None:
    """What has `first` returns a connection, and a connection's page is what its field says: none has another form."""
    for kind in SCHEMA.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                if "first" in field.args and name != "population":
                    below: Any = get_named_type(field.type)
                    text = f"{{...on {kind.name}{{{name}(first:100){{...on {below.name}{{edges{{cursor}}}}}}}}}}"
                    assert cost(text) >= 200, f"{kind.name}.{name}"


def test_a_weight_beside_nothing_is_itself() -> None:
    """Adding up starts from nothing."""
    weight = weigh(SCHEMA, parse(NESTED), {})
    assert Weight().beside(weight) == weight

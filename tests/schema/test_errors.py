"""What clients are told of a document or its variables: in time that grows with what they sent, and without its values."""

import time

import pytest
from graphql import GraphQLError

from policies.principals import Kind, Principal
from schema.errors import coded
from storage.ids import new_id
from tests.world import World

ORDER = "query($o: Order!) { projects(orderBy: $o) { totalCount } }"
LONG = [
    " " * 500_000,
    "\n\t " * 160_000,
    "Did you mean " * 40_000,
    " value: " * 60_000,
    "invalid value: " * 30_000,
    ", found: " * 50_000,
    "Variable '$" * 40_000,
    "\u2003" * 160_000,
    "a" * 900_000,
]


@pytest.mark.one_database("sqlite", reason="no database is asked")
@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_an_error_takes_linear_time_whatever_it_quotes(world: World, text: str) -> None:
    """As the value of an enum, the name of a field, and a literal: 100,000 blanks took 18 seconds, a megabyte 25 minutes."""
    began = time.process_time()
    for refused in (
        world.ask(ORDER, o=text),
        world.ask("mutation($i: SignInInput!) { signIn(input: $i) { auditEventId } }", i={text: 1}),
        world.ask("query($n: Int!) { projects(first: $n) { totalCount } }", n=text),
        world.ask("{ projects(first: " + ('"' + text.replace("\n", " ") + '"')[:500_000] + ") { totalCount } }"),
    ):
        assert refused.status == 400
        assert all(len(error["message"]) <= 620 for error in refused.errors)
    assert time.process_time() - began < 10


def _told(message: str) -> str:
    (error,) = coded([GraphQLError(message)], new_id(), Principal(Kind.CONTRIBUTOR, new_id()))
    assert error.extensions is not None
    return error.message


def test_values_are_cut_and_suggestions_stay() -> None:
    """Of what graphql-core says, where what it quotes begins; a suggestion after it is kept, what follows that is not."""
    assert _told("Int cannot represent non-integer value: 'secret'") == "Int cannot represent non-integer"
    assert (
        _told("Expected value of type 'A' to be an object, found: ['secret'].")
        == "Expected value of type 'A' to be an object"
    )
    assert (
        _told("Variable '$a' has invalid value: Expected a value, found: 'secret'.")
        == "Variable '$a' has invalid value: Expected a value"
    )
    assert _told("Cannot query field 'nam'. Did you mean 'name'?") == "Cannot query field 'nam'. Did you mean 'name'?"
    assert (
        _told("Expected value not to include unknown field 'nam'. Did you mean 'name'? Found: {'nam': 'secret'}.")
        == "Expected value not to include unknown field 'nam'. Did you mean 'name'?"
    )

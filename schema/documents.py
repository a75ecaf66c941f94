"""Documents that came before: parsed, weighed and validated once, by their text.

Clients send the same few documents again and again, with other variables.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse
from strawberry.schema.schema import validate_document

from schema.weights import Weight, weigh

MAX_TOKENS = 5_000
_KEPT = 1_000


class Known:
    """A document that could be parsed. It is told from others by being another object, not by what is in it."""

    def __init__(self, document: DocumentNode) -> None:
        self.document = document

    def weight(self, variables: Mapping[str, Any]) -> Weight:
        """What it weighs with these variables, of which numbers and lists count. Raises RecursionError."""
        if any(isinstance(value, list | tuple) for value in variables.values()):
            return weigh(self.document, variables)
        return _weight(self, tuple(pair for pair in variables.items() if isinstance(pair[1], int)))

    def errors(self, schema: GraphQLSchema, rules: tuple[Any, ...]) -> list[GraphQLError]:
        """What is not valid about it, by these rules and Strawberry's own."""
        return _errors(self, schema, rules)


@lru_cache(_KEPT)
def known(text: str) -> Known:
    """The document of this text. Raises GraphQLSyntaxError, and RecursionError for one that is nested absurdly."""
    return Known(parse(text, max_tokens=MAX_TOKENS))


@lru_cache(_KEPT)
def _weight(document: Known, numbers: tuple[tuple[str, int], ...]) -> Weight:
    return weigh(document.document, dict(numbers))


@lru_cache(_KEPT)
def _errors(document: Known, schema: GraphQLSchema, rules: tuple[Any, ...]) -> list[GraphQLError]:
    return validate_document(schema, document.document, rules)

"""Documents that came before: parsed, weighed and validated once, by their text.

Clients send the same few documents again and again, with other variables. What has words of its own in it, which may be
a password or somebody's text, is not kept: it would outlive what is erased, in clear.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse

from schema.validation import validate_within_budget
from schema.weights import Weight, weigh

MAX_TOKENS = 5_000
_KEPT = 1_000
_LONGEST = 20_000  # characters: a thousand that are longer, as a stranger could send them, would fill the memory
_FEW = 10
_QUOTE = '"'
"""With which each text begins that a document can hold."""


class Known:
    """A document that could be parsed. It is told from others by being another object, not by what is in it."""

    def __init__(self, document: DocumentNode, *, lasts: bool) -> None:
        self.document = document
        self._lasts = lasts
        self.validated = False
        """Whether its validation was paid for already. It is charged once, to the caller who sends it first."""
        self._declared = [
            each.variable.name.value
            for definition in document.definitions
            for each in getattr(definition, "variable_definitions", None) or ()
        ]

    def weight(self, schema: GraphQLSchema, variables: Mapping[str, Any]) -> Weight:
        """What it weighs with these variables, of which numbers and lists count. Raises RecursionError."""
        told = [(name, variables[name]) for name in self._declared if name in variables]
        numbers = tuple(each for each in told if isinstance(each[1], int | float))
        if not self._lasts or len(numbers) > _FEW or any(isinstance(value, list | tuple) for _, value in told):
            return weigh(schema, self.document, variables)
        return _weight(self, schema, numbers)

    def errors(self, schema: GraphQLSchema, rules: tuple[Any, ...]) -> list[GraphQLError]:
        """What is not valid about it, by these rules and Strawberry's own."""
        if not self._lasts:
            return validate_within_budget(schema, self.document, rules)
        return _errors(self, schema, rules)


def known(text: str) -> Known:
    """The document of this text. Raises GraphQLSyntaxError, and RecursionError for one that is nested absurdly."""
    if len(text) <= _LONGEST and _QUOTE not in text:
        return _kept(text)
    return Known(parse(text, max_tokens=MAX_TOKENS), lasts=False)


@lru_cache(_KEPT)
def _kept(text: str) -> Known:
    return Known(parse(text, max_tokens=MAX_TOKENS), lasts=True)


@lru_cache(_KEPT)
def _weight(document: Known, schema: GraphQLSchema, numbers: tuple[tuple[str, float], ...]) -> Weight:
    return weigh(schema, document.document, dict(numbers))


@lru_cache(_KEPT)
def _errors(document: Known, schema: GraphQLSchema, rules: tuple[Any, ...]) -> list[GraphQLError]:
    return validate_within_budget(schema, document.document, rules)

"""Parsed, costed and validated documents, and a cache of them by their text.

Clients send the same few documents again and again, with other variables. The cache holds only what a signed-in caller
sent, what was valid, and what was neither refused nor over the limit. A document with text of its own, which may be a
password or content, is never kept: it would outlive what is erased, in clear.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, GraphQLSyntaxError, Source, parse

from schema.validation import validate_within_budget
from schema.weights import Weight, weigh

MAX_TOKENS = 5_000
MAX_LINES = 10_000
"""More than a document of so many tokens has. To find the line of an error takes time by the lines before it."""
_MOST_BYTES = 64 * 1024 * 1024
_MOST_BYTES_EACH = 1024 * 1024
_LONGEST = 20_000  # characters
_BYTES_PER_TOKEN = 800
"""What a token, its node and their locations take in memory; measured in tests/schema/test_documents.py."""
_BYTES_PER_CHARACTER = 4
_MOST_WEIGHTS = 20
"""How many weights of one document are kept, by the numbers it was sent with."""
_FEW = 10
_QUOTE = '"'
"""With which each text begins that a document can hold."""


class Known:
    """A document that could be parsed."""

    def __init__(self, text: str, document: DocumentNode) -> None:
        self.text = text
        self.document = document
        self._declared = [
            each.variable.name.value
            for definition in document.definitions
            for each in getattr(definition, "variable_definitions", None) or ()
        ]
        self._valid: tuple[GraphQLSchema, tuple[Any, ...]] | None = None
        self._weights: OrderedDict[tuple[tuple[str, float], ...], Weight] = OrderedDict()

    @property
    def validated(self) -> bool:
        """Whether it was found valid. Validation is charged to the caller who sends a document first."""
        return self._valid is not None

    @property
    def size(self) -> int:
        """An upper bound of the memory it takes, in bytes."""
        tokens, token = 0, self.document.loc.start_token if self.document.loc else None
        while token is not None:
            tokens, token = tokens + 1, token.next
        return tokens * _BYTES_PER_TOKEN + len(self.text) * _BYTES_PER_CHARACTER

    def weight(self, schema: GraphQLSchema, variables: Mapping[str, Any]) -> Weight:
        """What it weighs with these variables, of which numbers and lists count. Raises RecursionError."""
        told = [(name, variables[name]) for name in self._declared if name in variables]
        numbers = tuple(each for each in told if isinstance(each[1], int | float))
        if len(numbers) > _FEW or any(isinstance(value, list | tuple) for _, value in told):
            return weigh(schema, self.document, variables)
        found = self._weights.get(numbers)
        if found is None:
            found = weigh(schema, self.document, dict(numbers))
            if len(self._weights) >= _MOST_WEIGHTS:
                self._weights = OrderedDict()
            self._weights[numbers] = found
        return found

    def errors(self, schema: GraphQLSchema, rules: tuple[Any, ...]) -> list[GraphQLError]:
        """What is not valid about it, by these rules and Strawberry's own."""
        if self._valid == (schema, rules):
            return []
        found = validate_within_budget(schema, self.document, rules)
        if not found:
            self._valid = (schema, rules)
        return found


class DocumentCache:
    """The documents that were used last, bounded by the memory they take."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._documents: OrderedDict[str, tuple[Known, int]] = OrderedDict()
        self.bytes = 0
        """An upper bound of the memory that they take."""

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, text: str) -> Known | None:
        """The document of this text, if it is kept."""
        with self._lock:
            found = self._documents.get(text)
            if found is None:
                return None
            self._documents.move_to_end(text)
            return found[0]

    def keep(self, document: Known) -> None:
        """Keep a valid document, unless it is large or holds text of its own; drop those not used for longest."""
        text = document.text
        if len(text) > _LONGEST or _QUOTE in text or text in self._documents:
            return
        size = document.size
        if size > _MOST_BYTES_EACH:
            return
        with self._lock:
            if text in self._documents:
                return
            self._documents[text] = (document, size)
            self.bytes += size
            while self.bytes > self._most_bytes:
                _, (_, freed) = self._documents.popitem(last=False)
                self.bytes -= freed

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._documents.clear()
            self.bytes = 0


cache = DocumentCache()
"""That of this process."""


def known(text: str) -> Known:
    """The document of this text; it is not kept by that.

    Raises GraphQLSyntaxError, and RecursionError for one that is nested absurdly.
    """
    found = cache.get(text)
    if found is not None:
        return found
    if text.count("\n") + text.count("\r") > MAX_LINES:
        raise GraphQLSyntaxError(Source(""), 0, f"Document contains more than {MAX_LINES} lines. Parsing aborted.")
    return Known(text, parse(text, max_tokens=MAX_TOKENS))

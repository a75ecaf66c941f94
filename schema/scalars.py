"""Scalars beside GraphQL's own."""

from typing import NewType

import strawberry

BigInt = NewType("BigInt", int)
"""An integer up to 2^53 - 1: sizes in bytes outgrow GraphQL's 32-bit Int."""


def _parse(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**53) < value < 2**53:
        raise ValueError("a BigInt is a whole number of at most 2^53 - 1")
    return value


BIG_INT = strawberry.scalar(
    name="BigInt",
    description="A whole number up to 2^53 - 1, as a JSON number. Sizes in bytes outgrow the 32-bit Int.",
    serialize=int,
    parse_value=_parse,
)

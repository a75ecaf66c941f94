"""Count the values in JSON that a client sent."""

from typing import Any

MOST_VALUES = 10_000
"""How many values one request may hold. One costs up to 2.5 microseconds to coerce, and takes up to 90 bytes."""


def count_values(value: Any, most: int) -> int:
    """Return how many values are in `value`, itself and names included; more than `most` once there are more."""
    count, rest = 1, [value]
    while rest and count <= most:
        each = rest.pop()
        if isinstance(each, dict):
            count += 2 * len(each)
            rest.extend(below for below in each.values() if isinstance(below, dict | list))
        elif isinstance(each, list):
            count += len(each)
            rest.extend(below for below in each if isinstance(below, dict | list))
    return count

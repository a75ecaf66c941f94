"""Canonical JSON, so that the same record is the same bytes for ever and everywhere (RFC 8785).

Narrower than the RFC on purpose: no floating-point numbers, whose text differs between languages, and ASCII keys only,
for which its order (by UTF-16 code unit) is plain alphabetical order. Pure: knows neither database nor keys.
"""

from typing import Any

import orjson

_LARGEST = 2**53 - 1


def canonical(value: Any) -> bytes:
    """`value` as canonical JSON in UTF-8.

    Raises TypeError for anything but dict, list, str, int, bool and None, and for a key that is not ASCII text;
    ValueError for a whole number beyond ±(2^53 - 1), which not every reader keeps, and for text that UTF-8 can't hold.
    """
    _check(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"not to be written as JSON: {error}") from None


def _check(value: Any) -> None:
    kind = type(value)
    if isinstance(value, dict):
        for key, member in value.items():
            if type(key) is not str or not key.isascii():
                raise TypeError("a key in canonical JSON is ASCII text")
            if type(member) is not str:  # which most are
                _check(member)
    elif isinstance(value, list):
        for member in value:
            _check(member)
    elif kind is int:
        if not -_LARGEST <= value <= _LARGEST:
            raise ValueError("a whole number beyond 2^53 - 1 is not the same in every reader of JSON")
    elif value is not None and kind is not str and kind is not bool:
        raise TypeError(f"canonical JSON has no {kind.__name__}")

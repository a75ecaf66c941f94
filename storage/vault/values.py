"""What is inside a sealed value: one byte that says of which kind it is, then text, bytes or JSON."""

import json
from typing import Any

_TEXT, _BYTES, _JSON = b"t", b"b", b"j"
_IS_TEXT, _IS_BYTES = _TEXT[0], _BYTES[0]
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(value: Any) -> bytes | None:
    """The value with a tag for its kind. None when it has no such form: no error here may quote what it was given."""
    try:
        if isinstance(value, str):
            return _TEXT + value.encode()
        if isinstance(value, bytes):
            return _BYTES + value
        return _JSON + _ENCODER.encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        return None


def decode(plaintext: bytes) -> Any:
    """The value that `encode` was given."""
    tag = plaintext[0]
    if tag == _IS_TEXT:
        return plaintext[1:].decode()
    return plaintext[1:] if tag == _IS_BYTES else json.loads(plaintext[1:])

"""What no log line may hold, looked for in each before it is written: whatever else allows it, it is withheld.

The list of what may be logged (`logs.py`) lets names through, and a token looks like one. What is found here is a fault
of ours: it is counted, and told in the trail (`withheld.py`), so that somebody mends it.
"""

import re
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

WITHHELD = "[withheld]"

PATTERNS: Mapping[str, re.Pattern[str]] = {
    "address": re.compile(r"[A-Za-z0-9._%+-]@(?:[A-Za-z0-9-]{1,63}\.){1,20}[A-Za-z]{2}"),
    "key": re.compile(r"-----BEGIN [A-Z ]{0,60}PRIVATE KEY|AGE-SECRET-KEY-1|whsec_[A-Za-z0-9+/=]{16}|otpauth://"),
    "token": re.compile(r"mun_[sk]_[A-Za-z0-9_-]{12}|\.eyJ[A-Za-z0-9_-]{8}"),
}
"""E-mail addresses; private keys and the secrets of webhooks and second factors; what proves who is calling."""

_HINTS = ("@", "PRIVATE KEY", "AGE-SECRET-KEY", "eyJ", "mun_", "otpauth", "whsec_")
"""Without one of these a text holds nothing of the sort: looking for them takes half the time."""

_found: Counter[tuple[str, str]] = Counter()
_lock = threading.Lock()


def searched(line: dict[str, Any]) -> dict[str, Any]:
    """The line without what it must not hold."""
    told = str(line.get("logger", "unknown"))
    return {key: _searched(value, told) for key, value in line.items()}


def taken() -> dict[tuple[str, str], int]:
    """How many lines had something withheld since the last time this was asked, by what it was and by logger."""
    with _lock:
        found = dict(_found)
        _found.clear()
    return found


def _searched(value: Any, logger: str) -> Any:
    if isinstance(value, list):
        return [_searched(each, logger) for each in value]
    if not isinstance(value, str) or not any(hint in value for hint in _HINTS):
        return value
    for name, pattern in PATTERNS.items():
        if pattern.search(value):
            with _lock:
                _found[name, logger] += 1
            return WITHHELD
    return value

"""Unicode normalisation in linear time.

Python sorts the combining characters after a letter by insertion, which takes quadratic time and holds the interpreter:
20,000 of them, well chosen, take seconds. No script has more than a few after one letter; Unicode's Stream-Safe Text
Format (UAX 15, section 13) allows 30. What comes after that is left out here.
"""

import unicodedata
from typing import Literal

MOST_COMBINING = 30
_DECOMPOSED_COMBINING = frozenset("\u0f73\u0f75\u0f81\uff9e\uff9f")
"""Starters that decompose into combining characters alone (UAX 15, section 13)."""


def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return `text` in a normalisation form, with at most 30 combining characters in a row."""
    if text.isascii():
        return text
    return unicodedata.normalize(form, text if len(text) <= MOST_COMBINING else _stream_safe(text))


def _stream_safe(text: str) -> str:
    kept, run = [], 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) or character in _DECOMPOSED_COMBINING else 0
        if run <= MOST_COMBINING:
            kept.append(character)
    return "".join(kept)

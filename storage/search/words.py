"""What counts as a word, and what of it is written down.

A word is written down as each of its beginnings, so that one look-up finds words by how they begin. Chinese and
Japanese are written without blanks: there every character is a word.
"""

import re

from storage.normalization import normalize

LONGEST = 16
"""Characters of a word that count: two words that agree in so many are the same here."""

MOST_WORDS = 1000
"""Different words of one text that can be found; those beyond are not."""

_WORD = re.compile(r"[぀-ヿ㐀-鿿豈-﫿\U00020000-\U0003ffff]|[^\W_぀-ヿ㐀-鿿豈-﫿\U00020000-\U0003ffff]+")


def words(text: str) -> list[str]:
    """The different words of a text in order, NFKC-normalised and casefolded (Unicode, UAX 15 and chapter 3.13)."""
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    return list(dict.fromkeys(found[:LONGEST] for found in _WORD.findall(folded)))


def beginnings(text: str) -> set[bytes]:
    """What is written down of a text: every word from its second character on, or its only one."""
    found: set[bytes] = set()
    for word in words(text)[:MOST_WORDS]:
        found |= {word[:length].encode() for length in range(min(2, len(word)), len(word) + 1)}
    return found

"""Unicode normalisation takes linear time, whatever the text, and changes no text that any script writes."""

import sys
import time
import unicodedata

import pytest

from storage.archives.layout import safe_name
from storage.normalization import _DECOMPOSED_COMBINING, MOST_COMBINING, normalize
from storage.search.words import words

ABSURD = [
    "\u0301" * 20_000 + "\u0323" * 20_000,
    "\u0301\u0323\u05b0" * 15_000,
    "a" + "\u0f73" * 40_000,
    "\u0301" * 20_000 + "\uff9e" * 20_000,
    "\u0344\u0323" * 20_000,
]


@pytest.mark.parametrize("text", ABSURD, ids=range(len(ABSURD)))
def test_no_text_takes_long(text: str) -> None:
    """Python's own takes 15 seconds for 40,000 combining characters of two classes."""
    began = time.process_time()
    words(text)
    safe_name(text)
    assert time.process_time() - began < 1


def test_what_scripts_write_is_normalised_as_unicode_has_it() -> None:
    """Words of many scripts, and up to 30 combining characters after a letter."""
    texts = (
        "Ångström",
        "e\u0301" * 50_000,
        "ﬀ",
        "한국어",
        "ひゞか\u3099",
        "ﾊﾞ",
        "نَصٌّ",
        "שָׁלוֹם",
        "བོད་ཡིག",
        "นํ้า",
        "a" + "\u0323\u0301" * 15,
    )
    for text in texts:
        assert normalize("NFC", text) == unicodedata.normalize("NFC", text)
        assert normalize("NFKC", text) == unicodedata.normalize("NFKC", text)


def test_no_more_than_30_combining_characters_are_kept() -> None:
    """Those after that are left out."""
    assert len(normalize("NFC", "a" + "\u0335" * 500)) == 1 + MOST_COMBINING


def test_which_starters_decompose_into_combining_characters() -> None:
    """Of this Python's Unicode, each is counted as combining."""
    found = {
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if not unicodedata.combining(character) and unicodedata.combining(unicodedata.normalize("NFKD", character)[0])
    }
    assert found == _DECOMPOSED_COMBINING

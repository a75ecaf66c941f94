"""Finding sealed texts by their words: keyed hashes beside the rows, and nothing that can be read."""

from storage.search.indexes import AssetWord, Indexed, PromptWord, Words, index, reindex, words_of
from storage.search.matching import MOST_TERMS, Searching, terms_of

__all__ = [
    "MOST_TERMS",
    "AssetWord",
    "Indexed",
    "PromptWord",
    "Searching",
    "Words",
    "index",
    "reindex",
    "terms_of",
    "words_of",
]

"""Finding sealed texts by their words: keyed hashes beside the rows, and nothing that can be read."""

from storage.search.indexes import AssetWord, Indexed, PromptWord, index, reindex
from storage.search.matching import MOST_TERMS, Searching, terms_of

__all__ = ["MOST_TERMS", "AssetWord", "Indexed", "PromptWord", "Searching", "index", "reindex", "terms_of"]

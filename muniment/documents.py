"""Trusted documents: operations that clients send by their hash, and, where so set, the only ones that run.

The operator names a directory of `.graphql` files, or a manifest as clients' tools write it: an object of ids and texts
(relay-compiler), or `{"format": "apollo-persisted-query-manifest", "operations": [{"id", "body"}]}`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import orjson

from resolvers.errors import BadInput

_SHA256 = re.compile(r"[0-9a-f]{64}")


class DocumentsError(Exception):
    """The documents can't be used; the message says why, for the operator."""


class Documents:
    """Texts by id. Each is known by its SHA-256, plain and as `sha256:…`, and by the id its manifest gives it."""

    def __init__(self, texts: Mapping[str, str], *, only: bool = False) -> None:
        self._texts = dict(texts)
        self._only = only
        for text in texts.values():
            digest = hashlib.sha256(text.encode()).hexdigest()
            self._texts |= {digest: text, f"sha256:{digest}": text}

    @classmethod
    def load(cls, path: Path | None, *, only: bool = False) -> Self:
        """The documents at `path`; none without one. Raises DocumentsError."""
        if path is None:
            return cls({}, only=only)
        try:
            found = dict(_files(path) if path.is_dir() else _manifest(orjson.loads(path.read_bytes())))
        except (OSError, ValueError):
            raise DocumentsError("MUNIMENT_DOCUMENTS can't be read: name a directory or a manifest.") from None
        for name, text in found.items():
            if _SHA256.fullmatch(name) and hashlib.sha256(text.encode()).hexdigest() != name:
                raise DocumentsError("MUNIMENT_DOCUMENTS holds a text that is not what its SHA-256 says.")
        if not found:
            raise DocumentsError("MUNIMENT_DOCUMENTS holds no document.")
        return cls(found, only=only)

    def resolved(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What was asked, with the text of its document. Raises `BadInput` for a document that may not run here.

        The id stands in `documentId` (GraphQL over HTTP, appendix on persisted documents), or where Apollo's clients
        put it: `extensions.persistedQuery.sha256Hash`.
        """
        name = asked.get("documentId") or _apollo(asked.get("extensions"))
        if name is None:
            text = asked.get("query")
            if self._only and isinstance(text, str) and hashlib.sha256(text.encode()).hexdigest() not in self._texts:
                raise BadInput("This server runs trusted documents only: send one's `documentId`.", field="query")
            return asked
        if not isinstance(name, str) or name not in self._texts:
            raise BadInput("This server knows no document of this id.", field="documentId")
        if asked.get("query"):
            raise BadInput("Send `query` or `documentId`, not both.", field="documentId")
        return {**asked, "query": self._texts[name]}


def _apollo(extensions: Any) -> Any:
    said = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    return said.get("sha256Hash") if isinstance(said, dict) else None


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.glob("**/*.graphql")):
        text = file.read_text(encoding="utf-8")
        yield hashlib.sha256(text.encode()).hexdigest(), text


def _manifest(found: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(found, dict):
        raise ValueError("a manifest is an object")
    listed = found.get("operations") if isinstance(found.get("operations"), list) else None
    pairs = [(each.get("id"), each.get("body")) for each in listed] if listed is not None else found.items()
    for name, text in pairs:
        if not isinstance(name, str) or not isinstance(text, str):
            raise ValueError("a manifest holds ids and texts")
        yield name, text

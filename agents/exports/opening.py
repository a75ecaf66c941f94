"""Opening what goes into an archive: a page of rows at once, each column when it is first asked for."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from storage.records import Record
from storage.vault import Vault

_PAGE = 100
"""Rows whose fields are opened together, and held meanwhile."""


class Opening:
    """Brings rows in pages, and opens their fields. Of each model one page is at hand at a time."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._pages: dict[type[Record], tuple[list[Record], dict[str, dict[Record, Any]]]] = {}

    def in_pages(self, rows: Iterator[Any]) -> Iterator[Any]:
        """These rows, all of one model. What was noted as opened is let go with each page: it is the owner's own."""
        while page := list(islice(rows, _PAGE)):
            self._pages[type(page[0])] = page, {}
            yield from page
            self._vault.let_go()

    def open(self, row: Record, column: str) -> Any:
        """What was sealed in this column. Raises as `Vault.open` does."""
        page, opened = self._pages.get(type(row), ([], {}))
        if column not in opened:
            opened[column] = self._vault.open_all(page, column)
        found = opened[column]
        return found[row] if row in found else self._vault.open(row, column)

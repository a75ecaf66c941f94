"""What is kept, column by column: `docs/data-inventory.md`, generated from what the models say of themselves.

`python -m storage.inventory` writes the page; with `--check` it writes nothing and fails if the page is behind.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import inspect

from storage.catalogue import models
from storage.generated import keep
from storage.records import Exported, Holding, Record

PAGE = Path(__file__).parents[1] / "docs" / "data-inventory.md"

_HEAD = """\
# What is kept, and how

Every table and column of the database, as the models declare them. **Sealed** columns hold ciphertext under the keys
named; **keyed** ones hold a hash under a secret key, by which a value can be found again and not read; all others are
readable by whoever has the database. Files lie beside it, each sealed under a key of its own. Keys lie apart, in the
key store.

This page is generated from `storage/`; run `python -m storage.inventory` after changing a model. A column that does not
say how it is kept fails `tests/contract/test_every_column_is_classified.py`.
"""


def page() -> str:
    """The page as it should stand."""
    return _HEAD + "".join(_table(model) for model in models())


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` compare it; answers the exit code."""
    return keep(PAGE, page(), "storage.inventory", arguments)


def _table(model: type[Record]) -> str:
    card = model.card
    about = f"the contributor in `{card.subject}`" if card.subject else "nobody in particular"
    export = f"`{card.export.file}`" if isinstance(card.export, Exported) else f"not exported: {card.export.reason}"
    said = (model.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")
    said = " ".join(said.split())
    facts = f"About {about}. Kept: `{card.retention}`. In an export: {export}.\n"
    rows = "".join(f"| `{name}` | {holding} |\n" for name, holding in _columns(model))
    return f"\n## `{model.__tablename__}`\n\n{said}\n\n{facts}\n| column | kept |\n|---|---|\n{rows}"


def _columns(model: type[Record]) -> Iterator[tuple[str, str]]:
    for column in inspect(model).columns:
        holding = column.info["holding"]
        if holding is Holding.SEALED:
            yield column.name, f"**sealed** ({column.info.get('under') or model.sealed_under}'s keys)"
        else:
            yield column.name, "**keyed**" if holding is Holding.KEYED else "plain"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

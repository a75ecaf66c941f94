"""Every table says whose data it holds and how; every column says whether it is plain, sealed or a keyed hash."""

from typing import Any

import pytest
from sqlalchemy import Column, LargeBinary

from storage.catalogue import models
from storage.records import DataCard, Exported, Holding, NotExported, Record
from storage.sealed import SealedBytes

MODELS = models()
COLUMNS = [(model, column) for model in MODELS for column in model.__table__.columns]

# Text that may stand in clear, by column: each is a value of a list of our own, or names a program or a format.
PLAIN_TEXT = {
    "action", "component", "failure_code", "hash", "media_type", "model", "model_digest", "preference", "prefix", "provider",
    "version",
    # Names of the catalogue of controls (storage/controls/catalogue.py).
    "control", "found_by", "owner",
    # Words of staff about a company, which everybody reads at /services.
    "address", "contract", "operator", "purpose",
    "actor_kind", "detection",
    # Words of staff about machines, which everybody reads at /status.
    "cause",
}  # fmt: skip

# The same for columns of one table: a job, agent, address or prefix, and a hash of what it may do; and what staff publish for everybody is nobody's secret.
PLAIN_HERE = {
    ("access_review_items", "name"), ("access_review_items", "rights_hash"),
    ("changes", "ticket"),  # a short name, held to letters, digits and # . _ / -
    ("published_notices", "title"), ("published_notices", "body"),
    # A provider's own number of an answer, held to letters, digits and . _ : -; and a path, which everybody reads at /services.
    ("provider_calls", "reference"), ("provider_recalls", "reference"), ("services", "deletion_path"),
}  # fmt: skip


def ids(value: Any) -> str | None:
    """A readable id for a parametrised model or column."""
    return value.__tablename__ if isinstance(value, type) else value.name if isinstance(value, Column) else None


@pytest.mark.parametrize("model", MODELS, ids=ids)
def test_every_table_has_a_data_card(model: type[Record]) -> None:
    """A card of its own names the subject's column, how long rows stay, and where an export has them or why not."""
    card = vars(model).get("card")
    assert isinstance(card, DataCard), "a card can't be inherited: say what this table holds"
    names = set(model.__table__.columns.keys())
    assert card.subject is None or card.subject in names
    assert set(card.within.values()) <= names
    assert card.retention
    match card.export:
        case Exported(file=file):
            assert card.subject is not None, "what is exported belongs to someone"
            assert file
        case NotExported(reason=reason):
            assert len(reason.split()) >= 3, "give a reason a contributor would accept"


@pytest.mark.parametrize(("model", "column"), COLUMNS, ids=ids)
def test_every_column_is_classified(model: type[Record], column: Column[Any]) -> None:
    """A column declared with `plain`, `sealed` or `keyed` carries that as `info["holding"]`; nothing else will do."""
    assert isinstance(column.info.get("holding"), Holding)


@pytest.mark.parametrize(
    ("model", "column"), [pair for pair in COLUMNS if pair[1].info.get("holding") is Holding.SEALED], ids=ids
)
def test_sealed_columns_can_only_store_ciphertext(model: type[Record], column: Column[Any]) -> None:
    """Their type is SealedBytes over raw bytes, and their keyset is one the vault knows."""
    assert isinstance(column.type, SealedBytes)
    assert isinstance(column.type.impl_instance, LargeBinary)
    assert (column.info["under"] or model.sealed_under) in ("contributor", "project", "platform", "ledger")


@pytest.mark.parametrize(
    ("model", "column"), [pair for pair in COLUMNS if pair[1].info.get("holding") is Holding.KEYED], ids=ids
)
def test_keyed_columns_hold_bytes(model: type[Record], column: Column[Any]) -> None:
    """A keyed hash is bytes; text would invite the thing itself."""
    assert isinstance(column.type, LargeBinary)


@pytest.mark.parametrize(
    ("model", "column"), [pair for pair in COLUMNS if pair[1].info.get("holding") is Holding.PLAIN], ids=ids
)
def test_plain_columns_hold_no_free_text(model: type[Record], column: Column[Any]) -> None:
    """Ids, times, numbers, enums; a plain string must be listed above, so that a new one is a choice."""
    free_text = column.type.python_type is str and not hasattr(column.type, "enum_class")
    listed = column.name in PLAIN_TEXT or (model.__tablename__, column.name) in PLAIN_HERE
    assert not free_text or listed, "seal it, make it an enum, or list it with a reason"

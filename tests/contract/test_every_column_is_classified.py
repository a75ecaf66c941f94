"""Every table says whose data it holds and how; every column says whether it is plain, sealed or a keyed hash."""

from collections.abc import Iterable
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
    "actor_kind", "detection", "loop",
    # Words of staff about machines, which everybody reads at /status.
    "cause",
}  # fmt: skip

# The same for columns of one table: a job, agent, address or prefix, and a hash of what it may do; and what staff publish for everybody is nobody's secret.
PLAIN_HERE = {
    ("set_aside_items", "loop"),  # one of a few names in the code
    ("access_review_items", "name"), ("access_review_items", "rights_hash"),
    ("changes", "ticket"),  # a short name, held to letters, digits and # . _ / -
    ("published_notices", "title"), ("published_notices", "body"),
    # A provider's own number of an answer, held to letters, digits and . _ : -; and a path, which everybody reads at /services.
    ("provider_calls", "reference"), ("provider_recalls", "reference"), ("services", "deletion_path"),
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__tablename__)
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


OTHERWISE = {
    "audit_personal": "who it was, beside the trail, which an archive tells as audit_events.jsonl",
    "follow_ups": "the owner is who works on it",
}
"""Tables whose `owner_id` or `subject_id` is no owner that an export goes by."""


def test_what_has_an_owner_says_so() -> None:
    """A card without a subject takes its table out of exports and deletions: none with an owner's column has one."""
    owned = {model.__tablename__: {"owner_id", "subject_id"} & set(model.__table__.columns.keys()) for model in MODELS}
    unsaid = {str(model.__tablename__) for model in MODELS if model.card.subject is None and owned[model.__tablename__]}
    assert unsaid == set(OTHERWISE)


def held_as(holding: Holding) -> list[tuple[type[Record], Column[Any]]]:
    """The columns that say so of themselves. There are some, or nothing would be looked at."""
    found = [(model, column) for model, column in COLUMNS if column.info.get("holding") is holding]
    assert len(found) > 10
    return found


def named(columns: Iterable[tuple[type[Record], Column[Any]]]) -> list[str]:
    """As messages name them."""
    return [f"{model.__tablename__}.{column.name}" for model, column in columns]


def test_every_column_is_classified() -> None:
    """A column declared with `plain`, `sealed` or `keyed` carries that as `info["holding"]`; nothing else will do."""
    assert named(each for each in COLUMNS if not isinstance(each[1].info.get("holding"), Holding)) == []
    assert sum(len(held_as(holding)) for holding in Holding) == len(COLUMNS)


def test_sealed_columns_can_only_store_ciphertext() -> None:
    """Their type is SealedBytes over raw bytes, and their keyset is one the vault knows."""
    sealed = held_as(Holding.SEALED)
    assert named(each for each in sealed if not isinstance(each[1].type, SealedBytes)) == []
    assert named(each for each in sealed if not isinstance(each[1].type.impl_instance, LargeBinary)) == []  # type: ignore[attr-defined]
    known = ("contributor", "project", "platform", "ledger")
    assert named(each for each in sealed if (each[1].info["under"] or each[0].sealed_under) not in known) == []


def test_keyed_columns_hold_bytes() -> None:
    """A keyed hash is bytes; text would invite the thing itself."""
    assert named(each for each in held_as(Holding.KEYED) if not isinstance(each[1].type, LargeBinary)) == []


def test_plain_columns_hold_no_free_text() -> None:
    """Ids, times, numbers, enums; a plain string must be listed above, so that a new one is a choice."""
    free = [
        (model, column)
        for model, column in held_as(Holding.PLAIN)
        if column.type.python_type is str and not hasattr(column.type, "enum_class")
    ]
    unlisted = [
        (model, column)
        for model, column in free
        if column.name not in PLAIN_TEXT and (model.__tablename__, column.name) not in PLAIN_HERE
    ]
    assert named(unlisted) == [], "seal it, make it an enum, or list it with a reason"

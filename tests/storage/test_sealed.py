"""The sealed value and its column: content neither shows nor slips past."""

import copy
import json
import operator
import pickle
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import StatementError

from storage.contributors import StyleProfile
from storage.database import open_engine, transaction
from storage.records import Record
from storage.sealed import Sealed
from storage.vault import Vault
from tests.storage.keyrings import contributor, everything_under, keyring_in

CANARY = "canary-77ac"
OWNER = uuid.UUID(int=1)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """A vault with one contributor's keyset."""
    with keyring_in(tmp_path) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        yield Vault(keyring)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database with one table that has a sealed column."""
    (tmp_path / "data").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path}/data/muniment.sqlite")
    Record.metadata.create_all(engine, tables=[Record.metadata.tables["style_profiles"]])
    yield engine
    engine.dispose()


@pytest.mark.parametrize("show", [repr, str, format, "{:>40}".format, "%s".__mod__, lambda value: f"{value!r}"])
def test_a_sealed_value_shows_nothing(show: Callable[[object], str]) -> None:
    """However it is turned into text, not even its ciphertext appears."""
    assert show(Sealed(b"\x01stored")).strip() == "<sealed>"


def test_a_row_does_not_show_its_sealed_values(vault: Vault) -> None:
    """A row's `repr` names its type, and nothing from its columns but the id."""
    row = StyleProfile(owner_id=OWNER)
    vault.seal(row, profile=CANARY)
    assert CANARY not in repr(row)
    assert "sealed" not in repr(row)


@pytest.mark.parametrize("carry_off", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, bytes, list])
def test_a_sealed_value_is_not_carried_off(carry_off: Callable[[Any], object]) -> None:
    """It is not pickled, copied, or turned into something that a queue or a log would take."""
    with pytest.raises(TypeError):
        carry_off(Sealed(b"\x01stored"))


def test_a_sealed_value_does_not_change() -> None:
    """Neither by setting its attribute, nor through the buffer it was made from."""
    buffer = bytearray(b"\x01stored")
    value = Sealed(bytes(buffer))
    buffer[0] = 9
    with pytest.raises(AttributeError):
        value._stored = b"other"
    assert value.stored == b"\x01stored"


def test_equal_means_the_same_ciphertext() -> None:
    """And never the same content, nor the bytes themselves."""
    assert Sealed(b"\x01a") == Sealed(b"\x01a")
    assert Sealed(b"\x01a") != Sealed(b"\x01b")
    assert Sealed(b"\x01a") != b"\x01a"


def test_a_sealed_column_keeps_its_value(vault: Vault, engine: Engine) -> None:
    """It comes back from the database sealed, and opens there."""
    with transaction(engine) as session:
        row = StyleProfile(owner_id=OWNER)
        vault.seal(row, profile=CANARY)
        session.add(row)
    with transaction(engine, read_only=True) as session:
        [found] = session.scalars(select(StyleProfile))
        assert isinstance(found.profile, Sealed)
        found.decisions = frozenset({"read_content"})
        assert vault.open(found, "profile") == CANARY


@pytest.mark.parametrize("raw", [CANARY, CANARY.encode(), [CANARY], 7])
@pytest.mark.parametrize(
    "write",
    [
        lambda session, raw: session.add(StyleProfile(owner_id=OWNER, profile=raw)),
        lambda session, raw: session.execute(insert(StyleProfile).values(owner_id=OWNER, profile=raw)),
        lambda session, raw: session.execute(update(StyleProfile).values(profile=raw)),
    ],
    ids=["unit of work", "insert", "update"],
)
def test_anything_raw_is_refused(engine: Engine, tmp_path: Path, raw: object, write: Callable[..., object]) -> None:
    """Text never reaches the statement, the error, or the disk."""
    with pytest.raises(StatementError, match=r"use Vault\.seal first") as refusal, transaction(engine) as session:
        write(session, raw)
    assert CANARY not in repr(refusal.value)
    assert CANARY not in str(refusal.value)
    with transaction(engine, read_only=True) as session:
        assert session.scalars(select(StyleProfile)).all() == []
    assert CANARY.encode() not in everything_under(tmp_path)


@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.add])
def test_a_comparison_with_raw_text_is_not_even_built(compare: Callable[[object, object], object]) -> None:
    """A statement that held the text could be printed, with the text in it."""
    with pytest.raises(TypeError, match=r"use Vault\.seal first") as refusal:
        compare(StyleProfile.profile, CANARY)
    assert CANARY not in str(refusal.value)


def test_a_sealed_column_can_be_asked_whether_it_is_empty(engine: Engine) -> None:
    """NULL and another sealed value are what it may be compared with."""
    is_there = StyleProfile.profile.is_not(None) & (StyleProfile.profile == Sealed(b"\x01stored"))
    with transaction(engine, read_only=True) as session:
        assert session.scalars(select(StyleProfile).where(is_there)).all() == []


def test_nothing_is_in_clear_on_disk(vault: Vault, engine: Engine, tmp_path: Path) -> None:
    """Not in the database, its log, or the key store; and data without keys opens nothing."""
    with transaction(engine) as session:
        row = StyleProfile(owner_id=OWNER)
        vault.seal(row, profile={"tone": CANARY})
        session.add(row)
    assert row.profile.stored in everything_under(tmp_path / "data")
    assert CANARY.encode() not in everything_under(tmp_path)


def test_an_emptied_column_is_not_taken_for_a_sealed_one(vault: Vault, engine: Engine) -> None:
    """Bytes that someone wrote past the vault come back as a value that doesn't open."""
    with transaction(engine) as session:
        session.execute(
            text("INSERT INTO style_profiles (owner_id, profile, updated_at) VALUES (:owner, x'', '2026-01-01')"),
            {"owner": OWNER.hex},
        )
    with transaction(engine, read_only=True) as session:
        [found] = session.scalars(select(StyleProfile))
    assert found.profile == Sealed(b"")

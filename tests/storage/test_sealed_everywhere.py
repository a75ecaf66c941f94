"""Every sealed column of every model: its value opens in its own place, and in no other that could be thought of."""

import itertools
import logging
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import IntegrityError

from storage.database import transaction
from storage.keys.keyring import Keyring
from storage.projects import Project
from storage.records import Holding, Record
from storage.sealed import Sealed
from storage.vault import SealedDamaged, Vault
from tests.storage.keyrings import contributor, keyring_in, project

PEOPLE = [uuid.UUID(int=1), uuid.UUID(int=2)]
PROJECTS = [uuid.UUID(int=3), uuid.UUID(int=4)]
GRANTED = frozenset({"read", "read_content", "read_contact", "read_reason"})
CANARY = "canary-41c0"

COLUMNS = [
    (mapper.class_, key)
    for mapper in sorted(Record.registry.mappers, key=lambda each: each.class_.__name__)
    for key, column in mapper.columns.items()
    if column.info.get("holding") is Holding.SEALED
]
"""Every sealed column there is."""

places = st.tuples(
    st.sampled_from(COLUMNS), st.sampled_from([*PEOPLE, *PROJECTS]), st.sampled_from(PEOPLE), st.sampled_from(PROJECTS)
)
thorough = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyring]:
    """Any of these ids may be a person's and a project's, so that only the binding tells them apart."""
    with keyring_in(tmp_path_factory.mktemp("everywhere")) as keyring:
        for owner in [*PEOPLE, *PROJECTS]:
            keyring.create(contributor(owner), owner)
        for name, owner in itertools.product([*PEOPLE, *PROJECTS], PEOPLE[:1]):
            keyring.create(project(name), owner)
        yield keyring


def row_at(place: Any) -> tuple[Record, str]:
    """A row that stands there, as the door hands it out."""
    (model, column), row_id, owner, project_id = place
    row: Record = model()
    mapper = inspect(model)
    [key] = mapper.primary_key
    values = {model.card.subject: owner, "project_id": project_id, mapper.get_property_by_column(key).key: row_id}
    for name, value in values.items():
        if name is not None and name in mapper.columns:
            setattr(row, name, value)
    row.decisions = GRANTED
    return row, column


def stand(vault: Vault, row: Record, column: str) -> tuple[Any, ...]:
    """Everything that the place is made of, read off the row itself."""
    mapper = inspect(type(row))
    owner = getattr(row, row.card.subject) if row.card.subject else None
    key = mapper.get_property_by_column(mapper.primary_key[0]).key
    return (row.__tablename__, mapper.columns[column].name, getattr(row, key), owner, vault.keyset_of(row, column))


@thorough
@given(here=places, there=places)
def test_a_value_opens_in_its_own_place_and_in_no_other(keyring: Keyring, here: Any, there: Any) -> None:
    """Moved or swapped between any two columns, rows, people and projects."""
    vault = Vault(keyring)
    (one, column), (other, other_column) = row_at(here), row_at(there)
    vault.seal(one, **{column: CANARY})
    vault.seal(other, **{other_column: "other"})
    same = stand(vault, one, column) == stand(vault, other, other_column)
    mine, theirs = getattr(one, column), getattr(other, other_column)
    setattr(one, column, theirs)
    setattr(other, other_column, mine)
    for row, name, content in ((one, column, "other"), (other, other_column, CANARY)):
        if same:
            assert vault.open(row, name) == content
            continue
        with pytest.raises(SealedDamaged):
            vault.open(row, name)
    setattr(one, column, mine)
    assert vault.open(one, column) == CANARY


@thorough
@given(place=places, data=st.data())
def test_a_damaged_value_opens_nowhere(keyring: Keyring, place: Any, data: st.DataObject) -> None:
    """Cut at either end, prolonged, or with a byte changed, the version's too."""
    vault = Vault(keyring)
    row, column = row_at(place)
    vault.seal(row, **{column: CANARY})
    stored: bytes = getattr(row, column).stored
    at = data.draw(st.integers(0, len(stored) - 1))
    changed = data.draw(st.integers(1, 255))
    damaged = (
        stored[:at],
        stored[at + 1 :],
        stored + stored[-1:],
        stored[:at] + bytes([stored[at] ^ changed]) + stored[at + 1 :],
    )
    for each in damaged:
        setattr(row, column, Sealed(each))
        with pytest.raises(SealedDamaged) as refusal:
            vault.open(row, column)
        told = "".join(traceback.TracebackException.from_exception(refusal.value, capture_locals=True).format())
        assert CANARY not in told


def test_neither_echo_nor_errors_of_the_database_show_content(
    engine: Engine, keyring: Keyring, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Statements logged with their parameters, and a row refused by the database."""
    caplog.set_level(logging.DEBUG)
    engine.echo = "debug"
    row = Project(id=PROJECTS[0], owner_id=PEOPLE[0])
    Vault(keyring).seal(row, name=CANARY)
    stored = row.name.stored
    with transaction(engine) as session:
        session.add(row)
    again = Project(id=PROJECTS[0], owner_id=PEOPLE[0], name=row.name)
    with pytest.raises(IntegrityError) as refusal, transaction(engine) as session:
        session.add(again)
    told = caplog.text + "".join(traceback.format_exception(refusal.value))
    assert "INSERT INTO projects" in told
    assert CANARY not in told
    assert stored.hex() not in told
    assert repr(stored) not in told

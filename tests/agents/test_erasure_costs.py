"""What an erasure reads is what there is of the erased, however much others have in every table."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, UniqueConstraint, Uuid

from agents.erasures import erase, reducing
from agents.runtime import Agents
from storage.catalogue import models
from storage.database import transaction
from storage.deletions import Deletion, DeletionReceipt, DeletionScope, DeletionStatus
from storage.erasures import STAYS
from storage.residues import EXPECTED
from tests import crowds
from tests.agents.households import Person, ask_deletion, household, person
from tests.rows_read import costs

OTHERS = 5_000
MOST = 1_000
"""Rows and index entries of one statement."""


@pytest.fixture
def agents(home: Any, began: None, engine: Engine) -> Any:
    """A house's agents."""
    with household(home, engine) as found:
        yield found


@pytest.fixture
def ada(agents: Agents, engine: Engine) -> Person:
    """Return a contributor with a few rows in each table, beside thousands of rows of others."""
    found = person(agents, "ada")
    with psycopg.connect(
        engine.url.set(drivername="postgresql").render_as_string(False), autocommit=True
    ) as connection:
        assert len(crowds.fill(connection, OTHERS)) > 30
    return found


@pytest.mark.one_database("postgresql", reason="SQLite does not count what it reads")
@pytest.mark.parametrize("large", [False, True], ids=["at once", "piece by piece"])
@pytest.mark.parametrize("scope", [DeletionScope.ASSET, DeletionScope.PROJECT, DeletionScope.ACCOUNT])
def test_an_erasure_reads_nothing_of_others(
    agents: Agents, ada: Person, scope: DeletionScope, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement that finds, deletes or counts rows is measured by itself."""
    if large:
        monkeypatch.setattr(reducing, "_ONE_PIECE", 0)
    thing = {DeletionScope.ASSET: ada.assets[0], DeletionScope.PROJECT: ada.projects[0]}.get(scope, ada.id)
    asked = ask_deletion(agents, ada, scope, thing)
    with costs(agents.store.engine) as read:
        erase(agents, asked)
    with transaction(agents.store.engine, read_only=True) as session:
        assert session.get_one(Deletion, asked).status is DeletionStatus.ERASED
    assert len(read) > 50
    assert {statement: rows for statement, rows in read.items() if rows > MOST} == {}


@pytest.mark.one_database("sqlite", reason="the models are the same on both")
def test_each_id_in_what_people_have_begins_an_index(engine: Engine) -> None:
    """The verifier looks for the erased thing's id in all of them."""
    lacking = []
    for model in models():
        table: Any = model.__table__
        if model.card.retention in STAYS or not (model.card.subject or model is DeletionReceipt):
            continue
        unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
        begun = {next(iter(each.columns)).name for each in (*table.indexes, table.primary_key, *unique)}
        ids = [column.name for column in table.columns if isinstance(column.type, Uuid)]
        lacking += [(table.name, name) for name in ids if name not in begun and (table.name, name) not in EXPECTED]
    assert lacking == []

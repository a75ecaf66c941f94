"""What an erasure reads is what there is of the erased, however much others have in the same tables."""

from typing import Any

import pytest
from sqlalchemy import Engine, UniqueConstraint, Uuid, text

from agents.erasures import erase, reducing
from agents.runtime import Agents
from storage.catalogue import models
from storage.database import transaction
from storage.deletions import Deletion, DeletionReceipt, DeletionScope, DeletionStatus
from storage.erasures import STAYS
from storage.residues import EXPECTED
from tests.agents.households import Person, ask_deletion, household, person
from tests.rows_read import costs

OTHERS = 10_000
MOST = 3_000
"""Rows and index entries of one statement."""

_MORE = (
    "INSERT INTO contributors SELECT (jsonb_populate_record(one, jsonb_build_object("
    "'id', who, 'email_lookup', '\\x' || encode(uuid_send(who), 'hex')))).*"
    " FROM (SELECT contributors AS one FROM contributors LIMIT 1) t, {people} AS people (who)",
    "INSERT INTO projects SELECT (jsonb_populate_record(one, jsonb_build_object('id', who, 'owner_id', who))).*"
    " FROM (SELECT projects AS one FROM projects LIMIT 1) t, {people} AS people (who)",
    "INSERT INTO assets SELECT (jsonb_populate_record(one, jsonb_build_object("
    "'id', uuidv7(), 'owner_id', who, 'project_id', who, 'blob_id', uuidv7(), 'thumbnail_id', NULL))).*"
    " FROM (SELECT assets AS one FROM assets LIMIT 1) t, {people} AS people (who), generate_series(1, {each})",
    "INSERT INTO asset_words SELECT id, decode(md5(n::text || id::text), 'hex'), owner_id, project_id"
    " FROM assets, generate_series(1, 4) AS n WHERE owner_id IN (SELECT who FROM {people} AS people (who))",
)
_PEOPLE = "(SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid FROM generate_series(1, 20) AS n)"


@pytest.fixture
def agents(home: Any, began: None, engine: Engine) -> Any:
    """A house's agents."""
    with household(home, engine) as found:
        yield found


@pytest.fixture
def ada(agents: Agents, engine: Engine) -> Person:
    """Somebody with a few of everything, among ten thousand assets of others."""
    found = person(agents, "ada")
    with transaction(engine) as session:
        for each in _MORE:
            session.execute(text(each.format(people=_PEOPLE, each=OTHERS // 20).replace(":", r"\:")))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE)")  # planning reads what others left
    return found


@pytest.mark.one_database("postgresql", reason="SQLite does not count what it reads")
@pytest.mark.parametrize("large", [False, True], ids=["at once", "piece by piece"])
@pytest.mark.parametrize("scope", [DeletionScope.ASSET, DeletionScope.PROJECT, DeletionScope.ACCOUNT])
def test_an_erasure_reads_nothing_of_others(
    agents: Agents, ada: Person, scope: DeletionScope, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it finds, destroys and counts: each statement by itself."""
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

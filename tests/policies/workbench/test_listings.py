"""`policy sql` shows the statement that a list really is, and what would spare a database the walk through a table."""

import uuid

import pytest
from sqlalchemy import Engine

from policies.access import Policy
from policies.actions import Action
from policies.principals import Kind, Principal
from policies.workbench import listings
from storage.assets import Asset
from storage.database import transaction
from storage.outputs import Output
from storage.projects import Project, ProjectMember
from storage.prompts import Prompt
from storage.records import Record
from storage.staff import StaffRole
from tests.house_policy import house_policy

ADA = Principal(Kind.CONTRIBUTOR, uuid.UUID(int=7))


@pytest.fixture(scope="module")
def policy() -> Policy:
    """The house's own."""
    return house_policy()


@pytest.mark.parametrize("dialect", listings.DIALECTS)
def test_a_list_begins_at_what_one_has_and_ends_with_its_page(policy: Policy, dialect: str) -> None:
    """Each way is a branch of its own, cut to the page inside; the door's own condition stands beside it."""
    told = listings.told(listings.statement(policy, ADA, Asset, Action.READ, dialect), listings.DIALECTS[dialect])
    door, keys = told.split("assets.id IN (" if dialect == "sqlite" else "assets.id = ANY (array(", 1)
    assert "OR (EXISTS" in door
    assert keys.count("UNION") == 1
    assert "LIMIT 51" in keys
    assert told.count(str(ADA.id) if dialect == "postgresql" else ADA.id.hex) == 4  # type: ignore[union-attr]


def test_rows_without_an_id_are_shown_as_a_whole(policy: Policy) -> None:
    """A membership is named by two ids, and is no list of its own."""
    asked = listings.statement(policy, ADA, ProjectMember, Action.READ, "sqlite")
    told = listings.told(asked, listings.DIALECTS["sqlite"])
    assert "FROM project_members" in told
    assert "LIMIT" not in told


@pytest.mark.parametrize(
    ("step", "table"),
    [
        ("SCAN assets", "assets"),
        ("SCAN project_members_2", "project_members"),
        ("->  Seq Scan on assets  (cost=0.00..155.00 rows=120000 width=16)", "assets"),
        ("SCAN assets USING INDEX ix_assets_owner_id_id", None),
        ("SEARCH assets USING INDEX ix_assets_owner_id_id (owner_id=?)", None),
        ("SCAN anon_1", None),
        ("->  Seq Scan on assets  (cost=0.00..1.05 rows=5 width=16)", None),
    ],
)
def test_a_walk_through_a_table_is_told_with_the_index_that_spares_it(step: str, table: str | None) -> None:
    """Once for each table; a table that is read by an index, or is small, needs nothing."""
    found = listings.advice([step, step])
    assert len(found) == (table is not None)
    assert all(told.startswith(f"It walks the whole of {table}:") for told in found)


STAFF = Principal(Kind.STAFF, uuid.UUID(int=8), roles=frozenset({StaffRole.SUPPORT}), mfa=True)


@pytest.mark.one_database("sqlite", reason="PostgreSQL plans by how much there is; benchmarks/policy.py measures both")
@pytest.mark.parametrize("who", [ADA, STAFF], ids=["owner and member", "staff with a grant"])
@pytest.mark.parametrize("model", [Project, Asset, Prompt, Output], ids=lambda model: model.__tablename__)
def test_no_list_of_work_walks_a_whole_table(
    policy: Policy, engine: Engine, model: type[Record], who: Principal
) -> None:
    """Of what everybody has much of: each branch begins at an index, whoever asks, with nobody's statistics to help."""
    with transaction(engine, read_only=True) as session:
        plan = list(listings.query_plan(listings.statement(policy, who, model, Action.READ, "sqlite"), session))
    assert any("USING" in step for step in plan)
    assert listings.advice(plan) == []

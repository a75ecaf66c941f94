"""`policy sql` shows the statement that a list really is, and what would spare a database the walk through a table."""

import uuid

import pytest

from policies.access import Policy
from policies.actions import Action
from policies.principals import Kind, Principal
from policies.workbench import listings
from storage.assets import Asset
from storage.projects import ProjectMember
from tests.house_policy import house_policy

ADA = Principal(Kind.CONTRIBUTOR, uuid.UUID(int=7))


@pytest.fixture(scope="module")
def policy() -> Policy:
    """The house's own."""
    return house_policy()


@pytest.mark.parametrize("dialect", listings.DIALECTS)
def test_a_list_begins_at_what_one_has_and_ends_with_its_page(policy: Policy, dialect: str) -> None:
    """Each way is a branch of its own, cut to the page inside; the door's own condition stands beside it."""
    told = listings.told(listings.statement(policy, ADA, Asset, Action.READ), listings.DIALECTS[dialect])
    door, keys = told.split("assets.id IN (", 1)
    assert "OR (EXISTS" in door
    assert keys.count("UNION") == 1
    assert "LIMIT 51" in keys
    assert told.count(str(ADA.id) if dialect == "postgresql" else ADA.id.hex) == 4  # type: ignore[union-attr]


def test_rows_without_an_id_are_shown_as_a_whole(policy: Policy) -> None:
    """A membership is named by two ids, and is no list of its own."""
    told = listings.told(listings.statement(policy, ADA, ProjectMember, Action.READ), listings.DIALECTS["sqlite"])
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

"""What an answer costs: one statement per level whatever its length, and nothing opened that was not asked for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schema.lookups import KINDS
from storage.clock import now
from storage.staff import StaffRole
from storage.vault import Vault
from tests.resolvers import appointments
from tests.resolvers.changes import registered
from tests.resolvers.follow_ups import opened as opened_follow_up
from tests.resolvers.found import incident, lockdown, outage, reviewed
from tests.resolvers.granting import Case
from tests.resolvers.ladder import MUTATIONS
from tests.told import notice
from tests.world import Person, World, raw_id

Statements = Callable[[], list[str]]

_ASSETS_OF_ASSETS = """projects(first: 20) { edges { node { assets { edges { node { title project {
    name assets(first: 20) { edges { node { id } } } } } } } } } }"""
_PROMPTS = """projects(first: 20) { edges { node { prompts { edges { node {
    text outputs(first: 2) { totalCount edges { node { text } } } } } } } } }"""

LEVELS = {
    "projects { edges { node { name } } }": 1,
    "projects { totalCount pageInfo { hasNextPage } edges { node { name viewerCan } } }": 1,
    "projects { edges { node { assets { totalCount edges { node { title viewerCan } } } } } }": 2,
    _ASSETS_OF_ASSETS: 4,
    _PROMPTS: 3,
    "projects { edges { node { outputs { edges { node { text viewerCan } } } } } }": 2,
    "assets { totalCount edges { node { title viewerCan contentUrl project { name viewerCan } } } }": 2,
    "prompts { totalCount edges { node { text viewerCan outputs { edges { node { text viewerCan } } } } } }": 2,
    "outputs { totalCount edges { node { text viewerCan } } }": 1,
    "exports { totalCount edges { node { status viewerCan } } }": 1,
    "deletions { totalCount edges { node { status viewerCan } } }": 1,
    "apiKeys { totalCount edges { node { name viewerCan } } }": 1,
}
"""A list below `{ … }`, and how many levels of things it has."""


def _furnish(world: World, ada: Person, many: int) -> None:
    """`many` of everything that a list can hold."""
    for _ in range(many):
        project = world.project(ada)
        world.announce(ada, project)
        world.output(world.prompt(ada, project))
        world.key(ada, "read")
        world.do("requestExport", ada).data  # noqa: B018 - fails the test where it did not work


def _selects(found: list[str]) -> list[str]:
    return [sql for sql in found if sql.startswith("SELECT")]


def test_a_list_is_one_statement_per_level_whatever_its_length(world: World, statements: Statements) -> None:
    """The same number of statements for one row and for a dozen: as many as the query has levels."""
    ada = world.register("ada")
    world.step_up(ada)
    statements()
    world.ask("{ __typename }", ada)
    around = len(statements())  # who is asking
    costs: dict[int, dict[str, int]] = {}
    length = 0
    for many in (1, 12):
        _furnish(world, ada, many - length)
        length = many
        statements()
        costs[many] = {}
        for query in LEVELS:
            found = world.ask(f"{{ {query} }}", ada).data
            if "deletions" not in query:
                assert len(next(iter(found.values()))["edges"]) == many
            costs[many][query] = len(statements()) - around
    assert costs[12] == costs[1] == LEVELS


def test_what_the_viewer_can_do_costs_no_statement_of_any_type(world: World, statements: Statements) -> None:
    """Asked for with the thing, of every type that has an id; a new type needs a line here."""
    ada = world.register("ada")
    world.step_up(ada)
    project = world.project(ada)
    prompt = world.prompt(ada, project)
    gone = world.asset(ada, project)
    deletion = world.do("deleteAsset", ada, wants="deletion { id } auditEventId", assetId=gone).data["it"]
    world.do("updatePrivacyPreferences", ada, supportAccess=True).data  # noqa: B018 - fails where it did not work
    support, asset, output = world.employ(StaffRole.SUPPORT), world.asset(ada, project), world.output(prompt)
    case = Case(world, ada, project, asset, prompt, output, support, support, support)
    into = {"personId": ada.id, "reason": "for this test", "expiresAt": (now() + timedelta(days=1)).isoformat()}
    security = world.employ(StaffRole.SECURITY)
    opened = world.do("openInvestigation", security, wants="investigation { id }", **into).data["it"]["investigation"]
    holding = MUTATIONS["placeLegalHold"]({"contributor": ada.id})
    placed = world.do("placeLegalHold", world.employ(StaffRole.PRIVACY), wants="legalHold { id }", **holding)
    kept = world.do("setRetention", ada, wants="retentionSetting { id }", setting="UNTIL_I_DELETE")
    told = MUTATIONS["publishNotice"]({})
    published = world.do("publishNotice", security, wants="publishedNotice { id }", **told)
    listed = world.ask("{ services { edges { node { id } } } }", ada).data["services"]
    review, item = reviewed(world)
    ids = {
        "AccessReview": review,
        "AccessReviewItem": item,
        "AccessGrant": case.asked(support),
        "ApiKey": world.key(ada, "read")[0],
        "Appointment": appointments.asked(world),
        "Asset": asset,
        "AuditEvent": deletion["auditEventId"],
        "Change": registered(world),
        "Contributor": ada.id,
        "Deletion": deletion["deletion"]["id"],
        "Export": world.do("requestExport", ada, wants="export { id }").data["it"]["export"]["id"],
        "Investigation": opened["id"],
        "Output": output,
        "Project": project,
        "Prompt": prompt,
        "FollowUp": opened_follow_up(world),
        "Incident": incident(world, raw_id(ada.id)),
        "Lockdown": lockdown(world),
        "Outage": outage(world),
        "LegalHold": placed.data["it"]["legalHold"]["id"],
        "RetentionSetting": kept.data["it"]["retentionSetting"]["id"],
        "RightsRequest": world.do(
            "fileComplaint", ada, wants="rightsRequest { id }", topic="USE", text="Too slow."
        ).data["it"]["rightsRequest"]["id"],
        "Service": listed["edges"][0]["node"]["id"],
        "Notice": notice(world, ada),
        "PublishedNotice": published.data["it"]["publishedNotice"]["id"],
    }
    assert set(ids) == set(KINDS)
    for kind, given in ids.items():
        costs = []
        for wants in ("id", "id viewerCan"):
            statements()
            staffs = (
                "AccessReview", "AccessReviewItem", "Appointment", "Change", "FollowUp", "Incident", "Lockdown", "Outage",
                "PublishedNotice",
            )  # fmt: skip
            by = security if kind in staffs else ada
            found = world.ask(f"query($id: ID!) {{ node(id: $id) {{ {wants} }} }}", by, id=given).data["node"]
            asked = [sql.replace(" IS DISTINCT FROM ", " <> ") for sql in statements()]
            costs.append([sql.split(" FROM ")[-1].split()[0] for sql in asked])
        assert "READ" in found["viewerCan"], kind
        assert costs[0] == costs[1], kind


def test_reading_the_trail_costs_the_same_whatever_its_length(world: World, statements: Statements) -> None:
    """Entries come with their personal side in one statement; recording that they were read is one entry."""
    ada = world.register("ada")
    query = "{ auditEvents(first: 100) { totalCount edges { node { action details resourceId userId viewerCan } } } }"
    costs = []
    for many in (1, 20):
        for _ in range(many):
            world.project(ada)
        statements()
        assert len(world.ask(query, ada).data["auditEvents"]["edges"]) >= many
        costs.append(len(statements()))
    assert costs[0] == costs[1]


def test_things_by_their_ids_are_one_statement_per_type(world: World, statements: Statements) -> None:
    """A hundred ids cost what one does."""
    ada = world.register("ada")
    projects = [world.project(ada) for _ in range(8)]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Project { name assets { edges { node { id } } } } } }"
    costs = []
    for ids in ([projects[0]], projects, projects * 5):
        statements()
        world.ask(query, ada, ids=ids).data  # noqa: B018 - fails the test where it did not work
        costs.append(len(statements()))
    assert costs[0] == costs[1] == costs[2]


OPENED: list[tuple[str, list[str]]] = [
    ("{ assets { totalCount edges { node { id status byteSize createdAt viewerCan } } } }", []),
    ("{ assets { edges { node { title } } } }", ["title"] * 3),
    ("{ assets { edges { node { id project { id } } } } }", []),
    ("{ projects { edges { node { assets { edges { node { tags } } } } } } }", ["tags"] * 3),
    ("{ assets { edges { node { id title @skip(if: true) } } } }", []),
    ("{ prompts { edges { node { status outputs { edges { node { model } } } } } } }", []),
    ("{ viewer { kind contributor { id status } } }", []),
]


def test_nothing_is_opened_that_was_not_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """Each sealed field is opened once where it is selected, and no other is."""
    ada = world.register("ada")
    project = world.project(ada)
    for _ in range(3):
        world.announce(ada, project)
    world.output(world.prompt(ada, project))
    seen: list[str] = []
    one, many = Vault.open, Vault.open_each

    def watched(vault: Vault, row: Any, column: str) -> Any:
        seen.append(column)
        return one(vault, row, column)

    def watched_all(vault: Vault, rows: Any, column: str) -> Any:
        seen.extend(column for _ in rows)
        return many(vault, rows, column)

    monkeypatch.setattr(Vault, "open", watched)
    monkeypatch.setattr(Vault, "open_each", watched_all)
    for query, opened in OPENED:
        with subtests.test(query=query, opened=opened):
            seen.clear()
            world.ask(query, ada).data  # noqa: B018 - fails the test where it did not work
            assert seen == opened


def test_a_query_of_ones_own_writes_nothing(world: World, statements: Statements) -> None:
    """Reading one's own work is no event: no statement but SELECT."""
    ada = world.register("ada")
    world.project(ada)
    statements()
    world.ask("{ projects { edges { node { name } } } }", ada).data  # noqa: B018 - as above
    found = statements()
    assert found == _selects(found)

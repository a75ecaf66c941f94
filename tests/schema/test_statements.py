"""A list is one statement per level, whatever its length."""

import pytest

from tests.schema.callers import Caller, statements

PAGES = {
    "projects": "{ projects(first: 50) { nodes: edges { node { id name viewerCan createdAt } } } }",
    "counted": "{ projects(first: 50) { totalCount pageInfo { hasNextPage } edges { node { name } } } }",
    "nested": "{ projects(first: 50) { edges { node { name assets(first: 10) { edges { node { title tags } } } } } } }",
    "upwards": "{ assets(first: 50) { edges { node { title project { name } } } } }",
    "twice": """{ projects(first: 50) { edges { node {
        few: assets(first: 1) { edges { node { title } } }
        more: assets(first: 10) { edges { node { title } } }
        prompts(first: 5) { edges { node { text outputs(first: 3) { edges { node { text } } } } } } } } } }""",
}


def counted(caller: Caller, document: str) -> int:
    """How many statements this document takes."""
    with statements(caller.house.store.engine) as seen:
        caller.run(document)
    return len(seen)


@pytest.mark.parametrize("page", PAGES)
def test_statements_do_not_grow_with_the_rows(nobody: Caller, page: str) -> None:
    """One project with one asset costs as many statements as six with three each, at every level."""
    ada = nobody.registered()
    ada.created_asset(ada.created_project())
    few = counted(ada, PAGES[page])
    for _ in range(5):
        project = ada.created_project()
        for _ in range(3):
            ada.created_asset(project)
    assert counted(ada, PAGES[page]) == few


def test_nested_lists_go_to_their_own_parents(nobody: Caller) -> None:
    """Loaded together, each parent gets its own rows, cut to its own page."""
    ada = nobody.registered()
    titles = {}
    for name in ("Harbour", "Hills"):
        project = ada.created_project(name)
        titles[name] = [f"{name} {number}" for number in range(3)]
        for title in titles[name]:
            ada.created_asset(project, title)
    found = ada.run("{ projects { edges { node { name assets(first: 2) { totalCount edges { node { title } } } } } } }")
    for edge in found["projects"]["edges"]:
        assets = edge["node"]["assets"]
        got = [each["node"]["title"] for each in assets["edges"]]
        assert len(got) == 2
        assert set(got) < set(titles[edge["node"]["name"]])
        assert assets["totalCount"] == 3

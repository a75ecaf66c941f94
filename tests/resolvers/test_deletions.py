"""Asking for a deletion: once for each thing, however many ask at the same moment."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.world import PASSWORD, World


@pytest.mark.parametrize("kind", ["project", "account"])
def test_of_requests_at_the_same_moment_one_is_taken(world: World, kind: str) -> None:
    """One deletion is queued; every other request is told that the thing is on its way already, or gone."""
    ada = world.register("ada")
    project = world.project(ada)
    world.do("stepUp", ada, password=PASSWORD)

    def ask(_: int) -> str | None:
        if kind == "project":
            return world.do("deleteProject", ada, projectId=project).code
        return world.do("deleteAccount", ada, confirm=True).code

    with ThreadPoolExecutor(4) as at_once:
        codes = list(at_once.map(ask, range(4)))
    assert codes.count(None) == 1, codes
    assert set(codes) - {None} <= {"CONFLICT", "UNAUTHENTICATED", "NOT_FOUND"}
    assert len(world.events("deletion.requested")) == 1

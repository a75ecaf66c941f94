"""What an operation works with: while it is under way the house knows that somebody waits for it."""

import pytest

from agents.models.gateway import Gateway
from agents.runtime import Agents
from policies.actions import Action
from policies.errors import NotFound
from resolvers.context import Context
from resolvers.identity import identify
from storage.ids import new_id
from storage.projects import Project
from tests.world import World


@pytest.mark.one_database("sqlite", reason="nothing of it is in the database")
def test_whoever_is_being_answered_is_known_and_agents_at_work_are_not(world: World) -> None:
    """Reading and changing apart, and no longer than it takes, however it ends."""
    house, traffic = world.house, world.house.store.traffic
    context = Context(house, identify(house, world.register("ada").token))
    assert (traffic.reading, traffic.changing) == (False, False)
    with context.reading():
        assert (traffic.reading, traffic.changing) == (True, False)
    with pytest.raises(NotFound), context.writing("rename_project"):
        assert (traffic.reading, traffic.changing) == (False, True)
        context.access.get(Project, new_id(), Action.UPDATE)
    assert (traffic.reading, traffic.changing) == (False, False)
    agents = Agents(house.store, house.force, Gateway([]))
    with agents.acting("generation", None, run=new_id(), read_only=True):
        assert (traffic.reading, traffic.changing) == (False, False)

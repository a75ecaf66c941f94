"""What hangs on a thing comes with its own decisions: what a list below another one opens is what the door allows."""

from tests.world import World


def test_what_is_below_opens_to_nobody_whom_the_door_refuses(world: World) -> None:
    """A key that only writes is refused the texts of a project's prompts as it is those of a plain list."""
    ada = world.register("ada")
    project = world.project(ada)
    world.prompt(ada, project, "A secret brief.")
    _, writes = world.key(ada, "write")
    nested = "{ projects { edges { node { prompts { edges { node { text } } } } } } }"
    refused = world.ask(nested, writes)
    assert "A secret brief." not in str(refused.body)
    assert {error["extensions"]["code"] for error in refused.errors} == {"FORBIDDEN"}


def test_what_a_viewer_can_is_the_same_below_another_thing(world: World) -> None:
    """A viewer's `viewerCan` of what is in a project, in a list of its own and in the project's."""
    ada, vic = world.register("ada"), world.register("vic")
    project = world.project(ada)
    world.share(ada, project, vic, "VIEWER")
    world.asset(ada, project)
    world.output(world.prompt(ada, project))
    for what in ("assets", "prompts", "outputs"):
        listed = f"{what} {{ edges {{ node {{ viewerCan }} }} }}"
        below = world.ask(f"{{ projects {{ edges {{ node {{ {listed} }} }} }} }}", vic).data["projects"]["edges"][0]
        assert below["node"][what] == world.ask(f"{{ {listed} }}", vic).data[what], what
        assert below["node"][what]["edges"][0]["node"]["viewerCan"] == ["READ", "READ_CONTENT"]

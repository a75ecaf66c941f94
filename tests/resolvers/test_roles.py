"""The jobs of staff, told in the policy's own words."""

from storage.staff import StaffRole
from tests.world import World


def test_each_job_says_what_it_is_for_and_who_answers_for_it(world: World) -> None:
    """Every job there is, to whoever has signed in, as policy.polar has it."""
    ada = world.register("ada")
    found = {role["name"]: role for role in world.ask("{ roles { name jobStatement owner } }", ada).data["roles"]}
    assert set(found) == {role.name for role in StaffRole}
    assert all(role["jobStatement"].endswith(".") and role["owner"] for role in found.values())
    assert found["SUPPORT"] == {
        "name": "SUPPORT",
        "jobStatement": "Support looks after accounts: it sees that one exists, since when and in what state.",
        "owner": "head of support",
    }


def test_strangers_are_told_nothing_about_jobs(world: World) -> None:
    """Signing in comes first."""
    with world.unchanged("access.denied"):
        assert world.ask("{ roles { name } }").code == "UNAUTHENTICATED"

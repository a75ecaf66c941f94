"""Every decision of the policy over a small cast and a few things, in words a person can check: `decisions.txt`.

After a change of the policy that is meant, write it anew with `python -m tests.policies.decisions`, and read the diff.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policies.principals import Principal
from policies.resources import PLATFORM
from storage.projects import ProjectMember
from tests.policies import worlds
from tests.policies.oracle import Oracle, connect

HERE = Path(__file__).with_name("decisions.txt")
POLICY = Path(__file__).parents[2] / "policy.polar"

CAST = (
    "nobody",
    "sam, stepped up",
    "ada",
    "ada, stepped up",
    "ada, departing",
    "eve, stepped up",
    "max, stepped up",
    "vic, stepped up",
    "ada's key to nothing",
    "ada's key to read",
    "ada's key to write",
    "ada's key to export",
    "eve's key to read",
    "eve's key to write",
    "generation for ada on her prompt",
    "generation for eve on her prompt",
    "generation for nobody",
    "exports for ada on her export",
    "erasures for ada on her deletion",
    "verifier for ada on her deletion",
    "verifier for nobody",
    "exports for eve on ada's export",
    "erasures for eve on ada's deletion",
    "verifier for eve on ada's deletion",
    "an unknown agent",
    "staff: SUPPORT",
    "staff: SYSADMIN",
    "staff: PRIVACY",
    "staff: SECURITY",
    "staff: AUDITOR",
    "staff: no role",
)
THINGS = (
    "ada",
    "ada's preferences",
    "ada's consent 0",
    "ada's style",
    "ada's key",
    "atlas",
    "book",
    "alone",
    "eve in atlas",
    "vic in atlas",
    "atlas/asset 0",
    "atlas/asset 1",
    "atlas/ada prompt",
    "atlas/eve prompt",
    "alone/sam prompt",
    "atlas/ada prompt with asset 0",
    "atlas/ada step",
    "atlas/ada output 0",
    "atlas/eve output 0",
    "etude/asset 0",
    "atlas/blob",
    "ada's export 0",
    "ada's export 1",
    "ada's deletion 0",
    "ada's deletion 1",
    "event 0",
    "event 1",
    "event 2",
    "event 3",
    "event 4",
    "event of nobody left",
)

Cell = tuple[str, str]


def cells() -> dict[Cell, tuple[Principal, object]]:
    """Every pair of somebody and something, by their names; "the platform" is a thing too."""
    world = worlds.build()
    guest: Any = "GUEST"  # a role that no rule knows: it must not come to mean viewer
    ids = {name: worlds.named(who) for name, who in (("contributor_id", "sam"), ("owner_id", "ada"))}
    world.add("sam in alone", ProjectMember(project_id=worlds.named("alone"), role=guest, **ids))
    connect(world.rows)
    people = worlds.everyone()
    by_name = dict(zip(world.names, world.rows, strict=True))
    things = {"the platform": PLATFORM, **{name: by_name[name] for name in THINGS}}
    return {(thing, who): (people[who], it) for thing, it in things.items() for who in CAST}


def lines(oracle: Oracle) -> Iterator[str]:
    """The table: under each thing, who may do what with it; who is missing may do nothing."""
    before = ""
    for (thing, who), (principal, it) in cells().items():
        if thing != before:
            yield f"{before and chr(10)}{thing}"
            before = thing
        if actions := oracle.actions(principal, it):
            yield f"    {who}: {', '.join(sorted(actions))}"


def read() -> dict[Cell, set[str]]:
    """The table as written down."""
    table: dict[Cell, set[str]] = {}
    thing = ""
    for line in HERE.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            thing = line or thing
            continue
        who, _, actions = line.strip().rpartition(": ")
        table[thing, who] = set(actions.split(", "))
    return table


if __name__ == "__main__":
    HERE.write_text("\n".join(lines(Oracle(POLICY.read_text(encoding="utf-8")))) + "\n", encoding="utf-8")

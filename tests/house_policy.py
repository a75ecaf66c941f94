"""The house's own policy, compiled once in a process: that takes longer than most tests that need it."""

from functools import cache
from pathlib import Path

from policies.compiled import Policy
from policies.workbench import checking

POLICY = Path(__file__).resolve().parent.parent / "policy.polar"


@cache
def house_policy() -> Policy:
    """The policy as it stands, by the way that a start takes: a server in this process, or forked off it, has it too."""
    return checking.demand(POLICY.read_bytes(), POLICY.name)

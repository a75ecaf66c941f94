"""The policy in force in this process, and the lock-down that is on: references, replaced whole."""

import threading
from dataclasses import dataclass

from policies.compiled import Policy
from storage import clock
from storage.lockdowns import Span


@dataclass(frozen=True)
class Held:
    """A policy, and its place in the order of those that were in force; 0 where no order is kept."""

    policy: Policy
    number: int = 0
    unloadable: str | None = None
    """The version that is in force elsewhere, where this process could not load it and keeps the last good one."""


class InForce:
    """What use cases and agents take their policy from: once per request, event or step, and then keep it.

    Threads may read and replace it at any time: they see the policy before or the one after, never parts of both.
    """

    def __init__(self, policy: Policy, number: int = 0) -> None:
        self.held = Held(policy, number)
        self.lockdown: Span | None = None
        """The lock-down that this process knows of; it may be over."""
        self.looking = threading.Lock()
        """Held from looking for a lock-down to taking it over, so that nobody takes over what is old by then."""

    @property
    def locked_down(self) -> Span | None:
        """The lock-down that is on at this moment. It costs no more than a look at the clock while there is one."""
        found = self.lockdown
        return found if found is not None and clock.now() < found.until else None

    @property
    def policy(self) -> Policy:
        """The policy in force now."""
        return self.held.policy

    def replace(self, policy: Policy, number: int) -> None:
        """From here on `policy` is in force; whoever took the one before finishes by it."""
        self.held = Held(policy, number)

    def keep(self, unloadable: str) -> None:
        """Keep the last good policy, since this version can't be loaded here."""
        self.held = Held(self.held.policy, self.held.number, unloadable)

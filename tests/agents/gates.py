"""A gate that stands open, for tests that are not about it; tests/agents/test_egress.py tries the real one."""

from agents.egress import Sending
from storage.services import DataCategory

SENDING = Sending(frozenset({DataCategory.PROMPTS}))


class Open:
    """Lets everything through."""

    def clear(self, address: str, sending: Sending) -> None:
        """Nothing to object."""

    def admit(self, version: str, sending: Sending) -> None:
        """Nothing to object to any model."""

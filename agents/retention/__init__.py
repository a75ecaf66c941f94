"""The retention agent has destroyed what its contributor let go of by a date: exactly then, by a clock it believes."""

from agents.retention.clocks import Clock, Verdict
from agents.retention.sweeping import Sweeper, Swept

__all__ = ["Clock", "Sweeper", "Swept", "Verdict"]

"""Services to which work may be sent, as far as the program must know them to ask whether it may."""

import enum
from dataclasses import dataclass


class Terms(enum.StrEnum):
    """What whoever runs a service does with what they are sent. Unknown counts as the worst: `may-train`."""

    IN_HOUSE = "in-house"  # it is this platform's own, on machines of its operator
    NO_TRAINING = "no-training"  # somebody else's, who promised not to train models on it
    MAY_TRAIN = "may-train"  # somebody else's, who promised nothing


@dataclass(frozen=True)
class Service:
    """A model somewhere. `name` is the host that words are sent to, or `embedded`: the provider that outputs name."""

    name: str
    model: str
    terms: Terms = Terms.MAY_TRAIN

    @property
    def outside(self) -> bool:
        """Whether what it is sent leaves this platform."""
        return self.terms is not Terms.IN_HOUSE

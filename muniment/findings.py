"""What a look over an installation comes upon."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what about, whether it is well, and in which words. If it is not, they say what to do."""

    about: str
    good: bool
    text: str

"""What a provider of a language model is to the gateway, and what is known about the model for provenance."""

import uuid
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Protocol

from storage.changes import ENDPOINT


@dataclass(frozen=True)
class Message:
    """One turn of a conversation: `role` is "system" or "user"."""

    role: str
    content: str

    def __repr__(self) -> str:
        return f"<message of {self.role}>"


@dataclass(frozen=True)
class Facts:
    """Where an answer came from: stored beside it as provenance.

    `digest` is the model file's SHA-256 in hex, or None where the provider does not show it. `provider` names who
    computes: "embedded", or the host the words are sent to: then they leave this machine (`leaves`), and stay there for
    `keeps`, or nobody has said how long.
    """

    model: str
    provider: str
    digest: str | None = None
    leaves: bool = False
    keeps: timedelta | None = None

    @property
    def version(self) -> str:
        """What the change register knows this model by: another name, place or file is another version."""
        named = "\n".join((self.model, self.provider, self.digest or ""))
        return (ENDPOINT if self.leaves else "embedded-") + sha256(named.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Ask:
    """One question: the messages, and the limits of the answer. The same seed gives the same answer where it can.

    `call` is the correlation id of the API call behind it, a random number, by which both sides find it in their logs.
    `named` is told, from another thread, under which id the provider makes its answer, where it says so.
    """

    messages: Sequence[Message]
    seed: int
    max_tokens: int
    temperature: float
    call: uuid.UUID | None = None
    named: Callable[[str], object] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Door:
    """Where else a provider is reached than by questions: `base` is `https://host`, without a path."""

    base: str
    api_key: str = field(repr=False)


class Provider(Protocol):
    """Something that answers as one model."""

    @property
    def model(self) -> str:
        """The name it is asked for by."""

    @property
    def address(self) -> str:
        """The service that computes, as the register of services knows it."""

    @property
    def parallel(self) -> int:
        """How many answers it gives at once; more wait."""

    @property
    def room(self) -> int:
        """How many tokens of question it reads in good time, roughly; a longer brief is cut."""

    def facts(self) -> Facts:
        """Where its answers come from. May start the model to find out; raises ModelError when it can't."""

    def answer(self, ask: Ask) -> Generator[str]:
        """The answer, piece by piece, blocking between pieces. Raises ModelError; closing it stops the model."""

    def reachable(self) -> bool:
        """Whether it could be asked at the moment, as far as that shows without asking it anything."""

    def close(self) -> None:
        """Release what it holds. It may be asked again afterwards."""

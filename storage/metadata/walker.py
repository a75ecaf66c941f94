"""Following a file's structure while its bytes pass: some are copied, some are left out, some are blanked.

Nothing is decoded, so a picture's pixels stay as they are and no picture can be a bomb. What a walker holds back is
bounded by HELD, and its whole state can be put away and taken up again by another process.
"""

import abc
import base64
import dataclasses
import enum
from typing import Any, Self

HELD = 128 * 1024
"""The most bytes that are held back while a part is looked at."""


class MetadataUnreadable(Exception):
    """The bytes do not have the structure of their type, so nobody can say what in them is metadata."""

    code = "METADATA_UNREADABLE"


class Run(enum.StrEnum):
    """What is done with the next bytes."""

    COPY = "copy"
    DROP = "drop"
    BLANK = "blank"


@dataclasses.dataclass
class Walker(abc.ABC):
    """Takes a file in pieces, answers it without metadata. `stage` says where in the file the walker is."""

    stage: str = "start"
    run: Run = Run.COPY
    left: int = 0
    """How many bytes `run` still holds for."""
    rest: int = 0
    """How many bytes the file still has by its own account, where it gives one."""
    held: bytearray = dataclasses.field(default_factory=bytearray)

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes in; those that stay out. Raises MetadataUnreadable."""
        self.held += chunk
        out = bytearray()
        while self._pass(out) if self.left else self._step(out):
            pass
        if len(self.held) > HELD:
            raise MetadataUnreadable("a part of the file is larger than any of its kind")
        return bytes(out)

    @abc.abstractmethod
    def finish(self) -> bytes:
        """The file has ended: what is still to be kept. Raises MetadataUnreadable for one that ends too early."""

    @abc.abstractmethod
    def _step(self, out: bytearray) -> bool:
        """Look at the next part of the file. False when more of it must come first."""

    def state(self) -> dict[str, Any]:
        """Where the walker stands, in what JSON holds. It contains bytes of the file: seal it."""
        return {**vars(self), "run": self.run.value, "held": base64.b64encode(self.held).decode()}

    @classmethod
    def at(cls, state: dict[str, Any]) -> Self:
        """A walker that goes on where another put away its `state`."""
        return cls(**{**state, "run": Run(state["run"]), "held": bytearray(base64.b64decode(state["held"]))})

    def _next(self, run: Run, length: int) -> bool:
        self.run, self.left = run, length
        return True

    def _take(self, length: int) -> bytes:
        taken = bytes(self.held[:length])
        del self.held[:length]
        return taken

    def _drop_the_rest(self) -> bool:
        self.held.clear()
        return False

    def _pass(self, out: bytearray) -> bool:
        passing = self._take(self.left)
        self.left -= len(passing)
        if self.run is Run.COPY:
            out += passing
        elif self.run is Run.BLANK:
            out += bytes(len(passing))
        return bool(passing)

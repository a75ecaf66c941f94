"""What an upload's bytes pass through before they are sealed: the check of their type, then the loss of metadata."""

from typing import Any, Self

from storage.media import MediaCheck
from storage.metadata import REMOVABLE, Handling, Walker, scrubber


class Intake:
    """One file on its way in. Its `state` lets another process take the file on where this one was stopped."""

    def __init__(self, media_type: str, *, strip: bool) -> None:
        self._media_type = media_type
        self._check = MediaCheck(media_type)
        self._walker: Walker | None = scrubber(media_type) if strip else None
        self._strip = strip
        self.received = 0
        """Bytes taken in so far; fewer come out where metadata is removed."""

    @property
    def handling(self) -> Handling:
        """What is done about the file's metadata."""
        if not self._strip:
            return Handling.AS_SENT
        return Handling.NOT_REMOVABLE if self._walker is None else Handling.REMOVED

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes in; those to be sealed out. Raises MediaMismatch and MetadataUnreadable."""
        self._check.feed(chunk)
        self.received += len(chunk)
        return chunk if self._walker is None else self._walker.feed(chunk)

    def finish(self) -> bytes:
        """The file has ended: the last bytes to be sealed. Raises MediaMismatch and MetadataUnreadable."""
        self._check.finish()
        return b"" if self._walker is None else self._walker.finish()

    def state(self) -> dict[str, Any]:
        """Where the file stands, in what JSON holds. It contains bytes of the file: seal it."""
        return {
            "media_type": self._media_type,
            "strip": self._strip,
            "received": self.received,
            "check": self._check.state(),
            "walker": None if self._walker is None else self._walker.state(),
        }

    @classmethod
    def at(cls, state: dict[str, Any]) -> Self:
        """The intake of a file that another put away with `state`."""
        found = cls(state["media_type"], strip=state["strip"])
        found.received = state["received"]
        found._check.resume(state["check"])
        if state["walker"] is not None:
            found._walker = REMOVABLE[state["media_type"]].at(state["walker"])
        return found

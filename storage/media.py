"""Media types that are accepted, and the check that bytes are what they are said to be.

Sniffing is an alarm against a wrong label, not the control: what is served goes out as an attachment with `nosniff`.
"""

import base64
import codecs
from typing import Any

_SNIFFED = {
    "application/pdf": (b"%PDF-",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "audio/mpeg": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "audio/ogg": (b"OggS",),
    "audio/flac": (b"fLaC",),
    "video/webm": (b"\x1aE\xdf\xa3",),
}
_BY_CONTENT = ("audio/wav", "image/tiff", "image/webp", "video/mp4")
_TEXT = ("application/json", "text/csv", "text/markdown", "text/plain")

ACCEPTED: tuple[str, ...] = tuple(sorted({*_SNIFFED, *_BY_CONTENT, *_TEXT}))
"""Media types (RFC 6838) that an upload may have."""

_CONTAINERS = {"audio/wav": b"WAVE", "image/webp": b"WEBP"}


class MediaMismatch(Exception):
    """The bytes are not of the media type that was announced."""


class MediaCheck:
    """Looks at an upload while it passes: the first bytes of a binary type, every byte of a text type."""

    def __init__(self, media_type: str) -> None:
        self._media_type = media_type
        self._decoder = codecs.getincrementaldecoder("utf-8")() if media_type in _TEXT else None
        self._head = b""
        self._judged = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes. Raises `MediaMismatch`."""
        if self._decoder is not None:
            self._text(chunk, final=False)
        elif not self._judged:
            self._head += chunk[: 64 - len(self._head)]
            if len(self._head) >= 64:
                self._judge()

    def finish(self) -> None:
        """The upload has ended. Raises `MediaMismatch`."""
        if self._decoder is not None:
            self._text(b"", final=True)
        elif not self._judged:
            self._judge()

    def state(self) -> dict[str, Any]:
        """Where the check stands, in what JSON holds. It contains bytes of the file: seal it."""
        begun, flags = (b"", 0) if self._decoder is None else self._decoder.getstate()
        held = {"head": self._head, "begun": begun}
        return {"judged": self._judged, "flags": flags} | {
            name: base64.b64encode(value).decode() for name, value in held.items()
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where another check put away its `state`."""
        self._judged, self._head = state["judged"], base64.b64decode(state["head"])
        if self._decoder is not None:
            self._decoder.setstate((base64.b64decode(state["begun"]), state["flags"]))

    def _text(self, chunk: bytes, *, final: bool) -> None:
        assert self._decoder is not None  # noqa: S101 - narrows the type; feed() has asked
        if b"\x00" in chunk:
            raise MediaMismatch
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            raise MediaMismatch from None

    def _judge(self) -> None:
        self._judged = True
        if not _matches(self._media_type, self._head):
            raise MediaMismatch


def _matches(media_type: str, head: bytes) -> bool:
    if media_type in _SNIFFED:
        return head.startswith(_SNIFFED[media_type])
    if media_type in _CONTAINERS:
        return head[:4] == b"RIFF" and head[8:12] == _CONTAINERS[media_type]
    if media_type == "video/mp4":
        return head[4:8] == b"ftyp"
    return head.startswith((b"II*\x00", b"MM\x00*"))  # image/tiff

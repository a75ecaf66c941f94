"""A blob as a file to seek in, for libraries that want one. Read segment by segment; nothing is written to disk."""

import io

from storage.blobs.reader import BlobReader


class BlobFile(io.RawIOBase):
    """The bytes of a blob, in clear in memory only, a segment at a time. Raises what `BlobReader.read` raises."""

    def __init__(self, reader: BlobReader) -> None:
        super().__init__()
        self._reader = reader
        self._at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere; past the end nothing is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._reader.size}[whence]
        if base + offset < 0:
            raise OSError("there is nothing before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, target: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill `target` as far as one piece of the blob goes; 0 at the end."""
        stop = min(self._at + len(target), self._reader.size)
        piece = next(self._reader.read(min(self._at, stop), stop), b"")
        target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

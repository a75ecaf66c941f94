"""Archives for one reader: encrypted to a public key in the age format (https://age-encryption.org/v1), as a stream.

What an archive is sealed under here opens for the platform; what it is encrypted to opens for whoever has the other
half of the key, with stock `age`, wherever the file lies. This is the one place that imports pyrage (decision 29).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import pyrage

MAGIC = b"age-encryption.org/v1"
"""How every file in the age format begins."""

SUFFIX = ".age"


class RecipientRefused(ValueError):
    """Text that is no public key archives can be encrypted to. The message never repeats it."""


class IdentityRefused(ValueError):
    """What was given opens no archive, or not this one. The message never repeats it."""


def checked(text: str) -> str:
    """`text`, a recipient of age's own (`age1…`) or an SSH public key, without blanks around it. RecipientRefused."""
    found = text.strip()
    if "SECRET-KEY" in found.upper() or "PRIVATE KEY" in found.upper():
        raise RecipientRefused("this is a secret key: make another pair, keep its secret half, and send the public one")
    _parsed(found)
    return found


def encrypt(chunks: Iterable[bytes], recipient: str, write: Callable[[bytes], object]) -> None:
    """Encrypt what `chunks` brings to `recipient`, and hand it to `write`, in constant memory.

    Raises RecipientRefused, and whatever `chunks` or `write` raises, as it was.
    """
    source, target = _Source(iter(chunks)), _Target(write)
    try:
        pyrage.encrypt_io(source, target, [_parsed(recipient)])
    except BaseException:
        raised = source.raised or target.raised
        if raised is not None:
            raise raised from None
        raise


def decrypt(source: BinaryIO, identities: str, write: Callable[[bytes], object]) -> None:
    """Decrypt an age file with the secret keys in `identities` (the text of an identity file, or of an SSH key).

    Raises IdentityRefused where none of them opens it or it was changed, and whatever `write` raises, as it was.
    """
    target = _Target(write)
    try:
        pyrage.decrypt_io(source, target, _identities(identities))
    except (pyrage.DecryptError, OSError) as error:
        if target.raised is not None:
            raise target.raised from None
        raise IdentityRefused("none of these keys opens the file, or it was changed or cut since") from error


def _identities(text: str) -> list[Any]:
    lines = (line.strip() for line in text.splitlines())
    try:
        if "PRIVATE KEY" in text:
            return [pyrage.ssh.Identity.from_buffer(text.encode())]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError:
        raise IdentityRefused("this is no age identity file (AGE-SECRET-KEY-…) and no SSH private key") from None
    if not found:
        raise IdentityRefused("there is no secret key in the identity file")
    return found


def _parsed(text: str) -> Any:
    for kind in (pyrage.x25519.Recipient, pyrage.ssh.Recipient):
        try:
            return kind.from_str(text)
        except pyrage.RecipientError:
            continue
    raise RecipientRefused("this is no age recipient (age1…) and no SSH public key (ssh-ed25519 or ssh-rsa)")


class _Source:
    """What pyrage reads from. It turns every error into one of its own, so the real one is kept."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")
        self.raised: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            while not self._left:
                found = next(self._chunks, None)
                if found is None:
                    return b""
                self._left = memoryview(found)
        except BaseException as error:
            self.raised = error
            raise
        piece, self._left = self._left[:size], self._left[size:]
        return bytes(piece)


class _Target:
    """What pyrage writes to."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.raised: BaseException | None = None

    def write(self, piece: bytes) -> int:
        try:
            self._write(piece)
        except BaseException as error:
            self.raised = error
            raise
        return len(piece)

    def flush(self) -> None:
        """Everything has been handed on already."""

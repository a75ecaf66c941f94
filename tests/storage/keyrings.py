"""What the tests of the vault share: keyrings in a directory of their own, and programs run in a second process."""

import hashlib
import subprocess
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.blobs.contexts import FileContext, FileKind
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.keys.names import KeysetName
from tests.forks import Forked

ROOT = Path(__file__).parents[2]

SOME_FILE = FileContext(FileKind.CONTENT, owner_id=uuid.UUID(int=1), object_id=uuid.UUID(int=2))
"""What the files of these tests are bound to, where nothing else is said."""


def open_keyring(home: Path, *, key_store_url: str | None = None, cache_seconds: float = 60) -> Keyring:
    """A keyring whose keys lie in `home`/keys."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        url = key_store_url or f"sqlite:///{home}/keys/keys.sqlite"
        return Keyring.open(url, f"insecure-local://{home}/keys", cache_seconds=cache_seconds)


@contextmanager
def keyring_in(home: Path, *, key_store_url: str | None = None, cache_seconds: float = 60) -> Iterator[Keyring]:
    """The same, closed afterwards."""
    keyring = open_keyring(home, key_store_url=key_store_url, cache_seconds=cache_seconds)
    try:
        yield keyring
    finally:
        keyring.close()


def contributor(owner: uuid.UUID) -> KeysetName:
    """The name of a contributor's keyset."""
    return KeysetName("contributor", str(owner))


def project(project_id: uuid.UUID) -> KeysetName:
    """The name of a project's keyset."""
    return KeysetName("project", str(project_id))


def blob(blob_id: uuid.UUID) -> KeysetName:
    """The name of a blob's keyset."""
    return KeysetName("blob", str(blob_id))


def pattern(size: int) -> bytes:
    """Bytes of which no two segments are alike."""
    return hashlib.shake_128(b"a pattern").digest(size)


@contextmanager
def second_process(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """`program`, run by another Python with pipes to its input and output, and killed at the end."""
    options = {"cwd": ROOT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with Forked(["-c", program, *arguments], **options) as process:
        try:
            yield process
        finally:
            process.kill()


def everything_under(directory: Path) -> bytes:
    """The bytes of every file under a directory, one after the other."""
    return b"\0".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())

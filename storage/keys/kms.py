"""The key-encryption key: the one key that wraps keysets, chosen by URI.

`insecure-local:///path/to/directory` keeps it in a file: good for a laptop, refused in production. A key management
service (`aws-kms://`, `gcp-kms://`, `vault://`) answers to the same two methods.
"""

import os
import secrets
import stat
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

import tink
from tink import aead, json_proto_keyset_format, secret_key_access

from storage.keys.errors import KeyEncryptionKeyRefused
from storage.keys.wrapping import Kms

aead.register()

_KEY_FILE = "insecure-key-encryption-key.json"
_LOCAL = "insecure-local"
SECONDS = 5.0
"""How long a key management service is waited for, unless the settings say otherwise."""


class InsecureWarning(UserWarning):
    """A development stand-in is in use where production needs the real thing."""


def open_kms(uri: str, *, create: bool, seconds: float = SECONDS) -> Kms:
    """The KMS at `uri`, each call bounded by `seconds`. `create` allows a local key to be made where there is none yet.

    A service is not asked before it is needed. Raises KeyEncryptionKeyRefused for a URI that is not understood, for a
    service whose library is not installed, and for a local key that is missing or exposed.
    """
    if _is_local(uri):
        return InsecureLocalKms(_directory(uri), create=create)
    from storage.keys import remote, services

    # The client's own bound only frees its thread. It is the longer one, so that it is always the call's that speaks.
    return remote.RemoteKms(services.service(uri, 2 * seconds), seconds)


def has_key(uri: str) -> bool:
    """Whether there is a key in a local directory already; of a service nobody can tell, so False."""
    return _is_local(uri) and (_directory(uri) / _KEY_FILE).exists()


def local_key(uri: str) -> Path | None:
    """The file of a local key; None for a key in a service, of which no copy can be had."""
    return _directory(uri) / _KEY_FILE if _is_local(uri) else None


def kek_id(uri: str) -> str:
    """The name under which the key store remembers which key wrapped a keyset. Moving a local key keeps its name."""
    return _LOCAL if _is_local(uri) else uri


def _is_local(uri: str) -> bool:
    return urlsplit(uri).scheme == _LOCAL


def _directory(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.netloc or not parts.path.startswith("/"):
        raise KeyEncryptionKeyRefused("insecure-local needs three slashes and an absolute path to a directory")
    return Path(unquote(parts.path))


class InsecureLocalKms(Kms):
    """A key-encryption key in a file of mode 0600, in a directory of mode 0700. Whoever has the file has every key."""

    insecure = True

    def __init__(self, directory: Path, *, create: bool) -> None:
        warnings.warn(
            f"InsecureLocalKms keeps the key-encryption key in {directory}: fit for development, never for production",
            InsecureWarning,
            stacklevel=2,
        )
        try:
            self._aead = _open_key_file(directory, create=create)
        except OSError as error:
            raise KeyEncryptionKeyRefused(f"{directory} can't hold a key: {error.strerror}") from error

    def __repr__(self) -> str:
        return "<InsecureLocalKms>"

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
        """Wrap `plaintext`, bound to `associated_data`."""
        return self._aead.encrypt(plaintext, associated_data)

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        """Unwrap `ciphertext`. Raises tink.TinkError when it does not open."""
        return self._aead.decrypt(ciphertext, associated_data)


def _open_key_file(directory: Path, *, create: bool) -> aead.Aead:
    path = directory / _KEY_FILE
    if create:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_exposed(directory)
        if not path.exists():
            _make_key_file(path)
    if not path.exists():
        raise KeyEncryptionKeyRefused(
            f"{path} is missing, and the key store holds keysets that were wrapped with it: restore the file"
        )
    _refuse_exposed(directory)
    _refuse_exposed(path)
    return _read_key_file(path)


def _read_key_file(path: Path) -> aead.Aead:
    try:
        return json_proto_keyset_format.parse(path.read_text(), secret_key_access.TOKEN).primitive(aead.Aead)  # type: ignore[type-abstract]
    except (tink.TinkError, ValueError):
        pass
    # Raised out here, so that no exception that has seen the file's text hangs on to this one.
    raise KeyEncryptionKeyRefused(f"{path} is not a key file")


def _make_key_file(path: Path) -> None:
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike rename, fails when another process was first: its key is the one in use
    except FileExistsError:
        return
    finally:
        draft.unlink()
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)


def _refuse_exposed(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        wanted = "700" if path.is_dir() else "600"
        raise KeyEncryptionKeyRefused(f"{path} has mode {mode:03o}, so others may reach the key: chmod {wanted} it")

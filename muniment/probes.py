"""Whether a key-encryption key answers: tried with a value of nobody's."""

import secrets

from muniment.findings import Finding
from muniment.settings import Settings
from storage.keys.errors import KeyStoreError
from storage.keys.kms import has_key, open_kms

_HINT = (
    "look at the key's state, at the credentials in the environment, and at the way there; nothing is opened or sealed"
    " until it answers (docs/operations/keys.md)"
)


def reach(uri: str, settings: Settings) -> Finding:
    """Whether a key-encryption key wraps and unwraps: one probe there and back."""
    scheme = uri.partition("://")[0].lower()
    if scheme.startswith("insecure") and not has_key(uri):
        return Finding("key-encryption key", False, "the local key is gone: restore it, for nothing opens without it")
    probe = secrets.token_bytes(16)
    try:
        kms = open_kms(uri, create=False, seconds=settings.kms_seconds)
        try:
            answered = kms.decrypt(kms.encrypt(probe, b"doctor"), b"doctor") == probe
        finally:
            kms.close()
    except KeyStoreError as error:
        return Finding("key-encryption key", False, f"{scheme}: {error}: {_HINT}")
    return Finding("key-encryption key", answered, f"{scheme} wraps and unwraps")

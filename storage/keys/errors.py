"""What can go wrong with keys. No message carries key material or content; `code` is what leaves the process."""


class KeyStoreError(Exception):
    """The base of every error about keys."""

    code = "KEY_STORE_ERROR"


class KeyDestroyed(KeyStoreError):
    """There is no such keyset: it was destroyed, or never made. What it sealed does not open again."""

    code = "KEY_DESTROYED"


class KeyStoreUnavailable(KeyStoreError):
    """The key store or the KMS does not answer. Nothing is opened or sealed meanwhile; there is no fallback key."""

    code = "KEY_STORE_UNAVAILABLE"


class KeyStoreMissing(KeyStoreError):
    """The key-encryption key is in use, and the key store it served is gone. A fresh one would open nothing."""

    code = "KEY_STORE_MISSING"


class KeysetExists(KeyStoreError):
    """A keyset of that name is there already."""

    code = "KEYSET_EXISTS"


class ParentRotated(KeyStoreError):
    """The keyset above was rotated since this one was wrapped by it: this one is made anew."""


class KeysetDamaged(KeyStoreError):
    """A wrapped keyset does not open: another key-encryption key wrapped it, or its row was changed or moved."""

    code = "KEYSET_DAMAGED"


class KeysetProtected(KeyStoreError):
    """A keyset of the platform's own is never destroyed this way."""

    code = "KEYSET_PROTECTED"


class KeyEncryptionKeyRefused(KeyStoreError):
    """The key-encryption key cannot be used: an unknown URI, a missing key, or a key file that others may read."""

    code = "KEY_ENCRYPTION_KEY_REFUSED"


class CiphertextDamaged(KeyStoreError):
    """A ciphertext does not open under this keyset with this associated data."""

    code = "CIPHERTEXT_DAMAGED"

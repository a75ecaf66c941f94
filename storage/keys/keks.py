"""The key-encryption keys that may wrap and open keysets here: those that the settings name, and no others.

The key store remembers under which of them each keyset lies. A row that names another is not followed there: whoever
can write to the key store could otherwise send us to a service of their own.
"""

from collections.abc import Sequence

from storage.keys.errors import KeyEncryptionKeyRefused
from storage.keys.kms import kek_id, open_kms
from storage.keys.wrapping import Kms


class Keks:
    """Key-encryption keys by the name under which the key store remembers them. Safe between threads."""

    def __init__(self, uris: Sequence[str], *, create: bool, seconds: float) -> None:
        """The first of `uris` wraps, unless the key store says another does; `create` lets it be made if it is local.

        Raises KeyEncryptionKeyRefused for a URI that is not understood, and for two local keys: they share a name.
        """
        if len({kek_id(uri) for uri in uris}) != len(set(uris)):
            raise KeyEncryptionKeyRefused("only one of the key-encryption keys can be local")
        self.first = kek_id(uris[0])
        self._open = {kek_id(uri): open_kms(uri, create=create and uri == uris[0], seconds=seconds) for uri in uris}

    def __contains__(self, kek: str) -> bool:
        return kek in self._open

    def get(self, kek: str | None) -> Kms:
        """The key under that name. Where the settings name none like it, the first: it may have got another address,
        and if it is another key, then it opens nothing."""
        return self._open.get(kek or self.first, self._open[self.first])

    @property
    def insecure(self) -> bool:
        """Whether one of them is a development stand-in."""
        return any(kms.insecure for kms in self._open.values())

    def close(self) -> None:
        """Let go of them all."""
        for kms in self._open.values():
            kms.close()

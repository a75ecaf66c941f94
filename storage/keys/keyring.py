"""The keyring: every use of a key goes through here.

Keysets lie wrapped in the key store. An unwrapped one is kept for at most `cache_seconds`; so a keyset that one process
destroys is out of use there at once, and in every other process within that time. On PostgreSQL a process that serves
hears of it, and forgets it then.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from storage.clock import now
from storage.keys import destructions, erasures, keysets, rows, signers
from storage.keys.cache import KeyCache
from storage.keys.erasures import Erasure
from storage.keys.errors import (
    KeyDestroyed,
    KeyEncryptionKeyRefused,
    KeysetExists,
    KeysetProtected,
    KeyStoreMissing,
    KeyStoreUnavailable,
    ParentRotated,
)
from storage.keys.keks import Keks
from storage.keys.keysets import AeadKey, HashKey, Signer, SigningKey, Wrapper
from storage.keys.kms import SECONDS, has_key
from storage.keys.loading import LoadedKeys
from storage.keys.names import (
    CREDENTIALS,
    HASHES,
    LEDGER,
    SESSIONS,
    SIGNING,
    KeysetName,
    join,
    project_keyset,
    search_keyset,
)
from storage.keys.rotation import Rotation
from storage.keys.signers import KnownSigner
from storage.keys.stores import KeyStore

AT_ONCE = 200
"""Of somebody's keysets so many are destroyed in one transaction: others wait for it, on SQLite whoever makes a key."""

_ATTEMPTS = 10
"""How often a keyset is made anew because a key above it was rotated meanwhile."""
_FIRST_VERSION = 1
_PLATFORM = (CREDENTIALS, HASHES, LEDGER, SESSIONS, SIGNING)
_LOOKED_UP = frozenset({"email", "federated", "unknown_email"})
"""What is hashed to be found for as long as an account lives; everything else that is hashed ends by itself."""


class Keyring:
    """Keysets by name. Safe between threads; open one per process."""

    def __init__(self, store: KeyStore, keks: Keks, cache_seconds: float) -> None:
        self.key_store = store
        self._keks = keks
        self._cache = KeyCache(cache_seconds)
        self.cache_seconds = cache_seconds
        self._loaded = LoadedKeys(store, keks, self._cache)

    @classmethod
    def open(
        cls,
        key_store_url: str,
        kek_uri: str,
        *,
        also: Sequence[str] = (),
        cache_seconds: float = 60,
        kms_seconds: float = SECONDS,
    ) -> "Keyring":
        """Open the key store, making its tables and the platform's own keysets where there are none.

        Keysets may lie under the key at `kek_uri`, or at one of `also` while they move from one to the other. A key
        management service is waited for no longer than `kms_seconds`.

        Raises KeyStoreUnavailable, KeyStoreMissing, KeyEncryptionKeyRefused, or KeysetDamaged when the store was
        wrapped under another key-encryption key.
        """
        store = KeyStore(key_store_url, may_be_new=not has_key(kek_uri))
        try:
            with store.begin(read_only=True) as session:
                fresh, unlabelled = not rows.are_used(session), rows.unlabelled(session)
                wrapping = rows.wrapping(session)
            keks = Keks([kek_uri, *also], create=fresh, seconds=kms_seconds)
            if unlabelled:
                with store.begin() as session:
                    rows.label(session, keks.first)
            if wrapping is not None and wrapping not in keks:
                raise KeyEncryptionKeyRefused(
                    "the keys were moved under another key-encryption key than the settings name: name that one"
                )
            keyring = cls(store, keks, cache_seconds)
            missing = keyring._loaded.missing(_PLATFORM)
            lost = [name.id for name in missing if not fresh and name != SESSIONS]  # which is younger than the others
            if lost:
                raise KeyStoreMissing(f"the key store lacks keysets of the platform ({', '.join(lost)}): restore it")
            for name in missing:
                keyring._make(name)
        except BaseException:
            store.close()
            raise
        return keyring

    @property
    def insecure(self) -> bool:
        """Whether the key-encryption key is a development stand-in that production must refuse."""
        return self._keks.insecure

    @property
    def loads(self) -> int:
        """How often this process fetched a key to unwrap it."""
        return self._loaded.loads

    def close(self) -> None:
        """Forget every key and close the key store."""
        self._cache.clear()
        self.key_store.close()
        self._keks.close()

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Forget at once what other processes destroy, while the block runs, where the key store is one that tells."""
        with destructions.heard(self.key_store, self._cache):
            yield

    def create(self, name: KeysetName, owner: uuid.UUID | None, parent: KeysetName | None = None) -> None:
        """Make the keyset `name`, committed before this returns. `parent` wraps it; without one, the KMS does.

        A contributor's keyset comes first: whatever has an `owner` needs that owner's, and its parent, to be there.
        Raises KeysetExists, and KeyDestroyed when any of these was erased or never made.
        """
        if name.kind != "platform":
            uuid.UUID(name.id)  # ValueError here, before anything is made
        for _ in range(_ATTEMPTS):
            if self._create_again(name, owner, parent):
                return
        raise KeyStoreUnavailable("keys were rotated each time that this keyset was made")

    def exists(self, name: KeysetName) -> bool:
        """Whether the keyset is in the key store now, whatever the cache holds."""
        return name in self.existing([name])

    def existing(self, names: Iterable[KeysetName]) -> set[KeysetName]:
        """Those of these keysets that are in the key store now, whatever the cache holds."""
        with self.key_store.begin(read_only=True) as session:
            return rows.present(session, names)

    def owner_of(self, name: KeysetName) -> uuid.UUID | None:
        """Whose keyset this is. Raises KeyDestroyed when it isn't there."""
        with self.key_store.begin(read_only=True) as session:
            row = rows.find(session, name)
        if row is None:
            raise KeyDestroyed(f"this {name.kind} keyset was destroyed, or never made")
        return row.owner  # type: ignore[no-any-return]

    def aead(self, name: KeysetName) -> AeadKey:
        """What encrypts and decrypts under `name`. Ask again for each use, rather than holding on to it.

        Raises KeyDestroyed, KeysetDamaged, KeyStoreUnavailable.
        """
        return self._loaded.get(name, AeadKey)

    def warm(self, names: Iterable[KeysetName]) -> None:
        """Load these keysets by one statement, for whoever is about to use each; one that is gone says so then."""
        self._loaded.warm(names)

    def keyed_hash(self, purpose: str, value: bytes | str) -> bytes:
        """32 bytes by which `value` can be looked up but not read. Another `purpose` gives unrelated bytes."""
        return self.keyed_hashes(purpose, value)[0]

    def keyed_hashes(self, purpose: str, value: bytes | str) -> list[bytes]:
        """What `value` may have been written down as: `keyed_hash` first. More than one while the key is rotated."""
        raw = value.encode() if isinstance(value, str) else value
        key = self._loaded.get(HASHES if purpose in _LOOKED_UP else SESSIONS, HashKey)
        return key.hashes(join(b"muniment hash 1", purpose.encode(), raw))

    def search_key(self, project: uuid.UUID) -> HashKey | None:
        """What hashes the words of a project; None where none of its words was ever written down."""
        with suppress(KeyDestroyed):
            return self._loaded.get(search_keyset(project), HashKey)
        return None

    def ensure_search_key(self, project: uuid.UUID) -> HashKey:
        """What hashes the words of a project, made where there is none. Raises KeyDestroyed with the project gone."""
        found = self.search_key(project)
        if found is None:
            parent = project_keyset(project)
            with suppress(KeysetExists):  # another writer was first, and its keyset is as good
                self.create(search_keyset(project), self.owner_of(parent), parent)
            found = self._loaded.get(search_keyset(project), HashKey)
        return found

    def signers(self) -> list[Signer]:
        """Who signs for the platform: the key in use first. Two while it is rotated, and then both sign."""
        return self._loaded.get(SIGNING, SigningKey).signers

    def sign(self, data: bytes) -> bytes:
        """The platform's Ed25519 signature of `data` (RFC 8032), 64 bytes."""
        return self.signers()[0].sign(data)

    def public_key(self) -> bytes:
        """The Ed25519 public key that verifies `sign`, 32 bytes."""
        return self.signers()[0].public_key

    def known_signers(self) -> list[KnownSigner]:
        """Every key that was ever one of several to sign here, the newest first. Empty before the first rotation."""
        with self.key_store.begin(read_only=True) as session:
            return signers.listed(session)

    def destroy(self, *names: KeysetName) -> int:
        """Destroy keysets and all that they wrap, for good; answers how many there were. Doing so again answers 0.

        On SQLite nothing of them is left in the key store's files. PostgreSQL keeps the wrapped bytes in dead rows and
        in its log until it reuses them; there the key-encryption key is what keeps them shut.

        Raises KeysetProtected for a platform keyset. KeyStoreUnavailable may mean that they are destroyed but traces
        remain in the key store's log: call again until it passes.
        """
        if any(name.kind == "platform" for name in names):
            raise KeysetProtected("the platform's own keysets are not destroyed")
        with self.key_store.begin() as session:
            gone = rows.destroy(session, names)
            destructions.tell(session, gone)
        return self._forget(gone | set(names), len(gone))

    def destroy_owned_by(self, owner: uuid.UUID, rest: Callable[[], object] = lambda: None) -> int:
        """Destroy every keyset of this contributor, for good, as `destroy` does; answers how many there were.

        Their own goes first, so that none can be made any more, then the others in pieces, each a transaction of its
        own, with `rest` between two of them. Broken off, it is to be done again.
        """
        count = 0
        while True:
            with self.key_store.begin() as session:
                gone = rows.destroy_owned_by(session, owner, AT_ONCE)
                destructions.tell(session, gone)
            self._cache.drop(gone)
            count += len(gone)
            if not gone:
                self.key_store.make_final()
                return count
            rest()

    def count_owned_by(self, owner: uuid.UUID) -> int:
        """How many keysets of this contributor are in the key store."""
        with self.key_store.begin(read_only=True) as session:
            return rows.count(session, owner)

    def older_than(self, kind: str, age: timedelta) -> list[KeysetName]:
        """The keysets of this kind made longer than `age` ago, for the sweep."""
        with self.key_store.begin(read_only=True) as session:
            return rows.made_before(session, kind, now() - age)

    def rotation(self) -> Rotation:
        """What rotates keysets in this key store."""
        return Rotation(self.key_store, self._keks, self._cache, self.aead)

    def journal_erasure(self, deletion_id: uuid.UUID, owner: uuid.UUID, scope: str, object_id: uuid.UUID) -> None:
        """Write down that this is to be destroyed, before anything is. The thing then gets no new keyset, ever."""
        with self.key_store.begin() as session:
            erasures.write(session, deletion_id, owner, scope, object_id)

    def open_erasures(self) -> list[Erasure]:
        """Erasures that were begun and not closed, oldest first."""
        with self.key_store.begin(read_only=True) as session:
            return erasures.listed(session, closed=False)

    def all_erasures(self) -> list[Erasure]:
        """Every erasure ever journalled, oldest first: what is replayed when a backup is restored."""
        with self.key_store.begin(read_only=True) as session:
            return erasures.listed(session, closed=True)

    def is_journalled(self, deletion_id: uuid.UUID) -> bool:
        """Whether this erasure was journalled: then it must be done, whatever restored data say."""
        with self.key_store.begin(read_only=True) as session:
            return erasures.is_listed(session, deletion_id)

    def close_erasure(self, deletion_id: uuid.UUID) -> None:
        """Write down that the erasure is done. The entry stays, for backups that are older than it."""
        with self.key_store.begin() as session:
            erasures.close(session, deletion_id)

    def _create(self, name: KeysetName, owner: uuid.UUID | None, parent: KeysetName | None) -> bool:
        """Make it, or answer False when meanwhile another key-encryption key has taken over."""
        kek = version = None
        wrapper: Wrapper
        if parent is None:
            with self.key_store.begin(read_only=True) as session:
                kek = rows.wrapping(session) or self._keks.first
            wrapper = self._keks.get(kek)
        else:
            wrapper = above = self.aead(parent)
            version = above.version
        wrapped = keysets.generate(name, owner, _FIRST_VERSION, wrapper)
        with self.key_store.begin() as session:
            if parent is None and (rows.wrapping(session, lock=True) or self._keks.first) != kek:
                return False
            rows.add(session, name, owner, parent, _FIRST_VERSION, wrapped, kek, version)
        return True

    def _create_again(self, name: KeysetName, owner: uuid.UUID | None, parent: KeysetName | None) -> bool:
        """As `_create`; False as well when the parent was rotated while the keyset was on its way."""
        try:
            return self._create(name, owner, parent)
        except ParentRotated:
            self._cache.drop([parent] if parent else [])
            return False

    def _make(self, name: KeysetName) -> None:
        with suppress(KeysetExists):  # another process was first, and its keyset is as good
            self.create(name, None)
        self._loaded.demand(name)

    def _forget(self, names: Iterable[KeysetName], count: int) -> int:
        self._cache.drop(names)
        self.key_store.make_final()
        return count

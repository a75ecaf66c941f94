"""Keysets as Tink makes them: generated, wrapped for the key store, unwrapped into something that can be used."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import tink
from tink import aead, prf, proto_keyset_format, secret_key_access, signature
from tink.proto import ed25519_pb2 as _ed25519
from tink.proto import tink_pb2 as _tink

from storage.keys.errors import CiphertextDamaged, KeysetDamaged, KeyStoreError, KeyStoreUnavailable
from storage.keys.names import HASHES, SESSIONS, SIGNING, KeysetName, join

aead.register()
prf.register()
signature.register()

ed25519_pb2: Any = _ed25519  # generated modules, without types
tink_pb2: Any = _tink

# Wrapped keysets stay readable for ever: another way to bind them gets a new label, and tests/golden keeps the old.
_LABEL = b"muniment keyset 1"

_PREFIX_SIZE = 5

HASH_SIZE = 32
"""Bytes in a keyed hash."""

_Result = TypeVar("_Result")


Wrapper = aead.Aead
"""What wraps a keyset: the KMS, or the key of a parent keyset."""


class Key:
    """A keyset in use. Its `repr` says nothing, and it is not pickled."""

    __slots__ = ("version",)

    version: int
    """Which version of the keyset this is: each step of a rotation makes another."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not pickled")


class AeadKey(Key, Wrapper):
    """Encrypts and decrypts with AES-256-GCM."""

    __slots__ = ("_direct", "_primitive", "encrypt", "primary")

    encrypt: Callable[[bytes, bytes], bytes]  # type: ignore[assignment]
    """Encrypt, bound to associated data. The result is 33 bytes longer than the plaintext. It is Tink's own."""

    def __init__(self, handle: tink.KeysetHandle) -> None:
        self._primitive = handle.primitive(aead.Aead)  # type: ignore[type-abstract]
        self._direct = _direct(self._primitive)
        self.encrypt = self._primitive.encrypt
        self.primary: bytes = _prefix(handle.keyset_info().primary_key_id)
        """With which every ciphertext begins that the key in use made: Tink's 5 bytes, no secret."""

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        """Decrypt. Raises CiphertextDamaged when the bytes, the key or the associated data do not match."""
        try:
            return self._direct[ciphertext[:_PREFIX_SIZE]](ciphertext[_PREFIX_SIZE:], associated_data)
        except Exception:  # Tink decides what becomes of it
            opened = self._decrypted(ciphertext, associated_data)
        if opened is None:
            raise CiphertextDamaged("a ciphertext does not open under this keyset")
        return opened

    def decrypt_all(self, ciphertexts: Sequence[bytes], associated_data: Sequence[bytes]) -> list[bytes | None]:
        """Decrypt each with its associated data; None in place of one that `decrypt` would say is damaged."""
        direct, found = self._direct, list[bytes | None]()
        for ciphertext, context in zip(ciphertexts, associated_data, strict=True):
            try:
                found.append(direct[ciphertext[:_PREFIX_SIZE]](ciphertext[_PREFIX_SIZE:], context))
            except Exception:  # Tink decides what becomes of it
                found.append(self._decrypted(ciphertext, context))
        return found

    def _decrypted(self, ciphertext: bytes, associated_data: bytes) -> bytes | None:
        try:
            return self._primitive.decrypt(ciphertext, associated_data)
        except tink.TinkError:
            return None


class HashKey(Key):
    """A pseudo-random function: HMAC-SHA-256 (RFC 2104). While it is being rotated, it has more than one key."""

    __slots__ = ("_primitives",)

    def __init__(self, handle: tink.KeysetHandle) -> None:
        found = handle.primitive(prf.PrfSet)  # type: ignore[type-abstract]
        primary = found.primary_id()
        self._primitives = sorted(found.all().items(), key=lambda each: each[0] != primary)

    def hash(self, value: bytes, size: int = HASH_SIZE) -> bytes:
        """`size` bytes by which `value` is written down: nobody without the key can compute them."""
        return self._primitives[0][1].compute(value, size)

    def hashes(self, value: bytes, size: int = HASH_SIZE) -> list[bytes]:
        """What `value` may have been written down as: under the key in use first, then under others."""
        return [primitive.compute(value, size) for _, primitive in self._primitives]


class Signer(Key):
    """Signs with one Ed25519 key (RFC 8032), without Tink's prefix, so that any Ed25519 implementation verifies it."""

    __slots__ = ("_primitive", "public_key")

    def __init__(self, handle: tink.KeysetHandle) -> None:
        self._primitive = handle.primitive(signature.PublicKeySign)  # type: ignore[type-abstract]
        self.public_key = _raw_public_key(handle)

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`, 64 bytes."""
        return self._primitive.sign(data)


class SigningKey(Key):
    """The platform's signers: the one in use first. While they are being rotated there are two, and both sign."""

    __slots__ = ("signers",)

    def __init__(self, handle: tink.KeysetHandle) -> None:
        keyset = _plain(handle)
        ids = sorted((key.key_id for key in keyset.key), key=lambda each: each != keyset.primary_key_id)
        self.signers = [Signer(_with(handle, _only(key_id))) for key_id in ids]


def generate(name: KeysetName, owner: uuid.UUID | None, version: int, wrapper: Wrapper) -> bytes:
    """A fresh keyset for `name`, wrapped. Raises KeyStoreUnavailable when the KMS does not answer."""
    handle = tink.new_keyset_handle(_template(name))
    context = _context(name, owner, version)
    return _answer(lambda: proto_keyset_format.serialize_encrypted(handle, wrapper, context))


def unwrap(name: KeysetName, owner: uuid.UUID | None, version: int, wrapped: bytes, wrapper: Wrapper) -> Key:
    """The keyset `name`, ready for use.

    Raises KeysetDamaged when it was wrapped by another key or for another name, owner or version, and
    KeyStoreUnavailable when the KMS does not answer.
    """
    context = _context(name, owner, version)
    handle = _answer(lambda: proto_keyset_format.parse_encrypted(wrapped, wrapper, context))
    kind = HashKey if _is_hash(name) else SigningKey if name == SIGNING else AeadKey
    key: Key = kind(handle)
    key.version = version
    return key


def changed(
    name: KeysetName,
    owner: uuid.UUID | None,
    version: int,
    wrapped: bytes,
    wrapper: Wrapper,
    new_wrapper: Wrapper,
    change: Callable[[Any], None] | None,
) -> bytes:
    """The keyset wrapped by `new_wrapper`; with a `change` of its keys as the next version. Raises as `unwrap` does."""
    opened = _answer(lambda: proto_keyset_format.parse_encrypted(wrapped, wrapper, _context(name, owner, version)))
    if change is not None:
        opened, version = _with(opened, change), version + 1
    return _answer(lambda: proto_keyset_format.serialize_encrypted(opened, new_wrapper, _context(name, owner, version)))


def add_key(name: KeysetName) -> Callable[[Any], None]:
    """A change: a fresh key comes last, and is not yet the one in use."""

    def change(keyset: Any) -> None:
        taken = {key.key_id for key in keyset.key}
        while True:
            [key] = _plain(tink.new_keyset_handle(_template(name))).key
            if key.key_id not in taken:
                break
        keyset.key.append(key)

    return change


def use_newest(keyset: Any) -> None:
    """A change: the key that came last is the one in use."""
    keyset.primary_key_id = keyset.key[-1].key_id


def keep_newest(keyset: Any) -> None:
    """A change: the key in use is the only one."""
    for key in [key for key in keyset.key if key.key_id != keyset.primary_key_id]:
        keyset.key.remove(key)


def _only(key_id: int) -> Callable[[Any], None]:
    def change(keyset: Any) -> None:
        keyset.primary_key_id = key_id
        keep_newest(keyset)

    return change


def wrapping_key(wrapped: bytes) -> bytes:
    """Which key of its parent wraps a keyset, as `AeadKey.primary` says it."""
    inside: bytes = tink_pb2.EncryptedKeyset.FromString(wrapped).encrypted_keyset
    return inside[:_PREFIX_SIZE]


def _with(handle: tink.KeysetHandle, change: Callable[[Any], None]) -> tink.KeysetHandle:
    keyset = _plain(handle)
    change(keyset)
    return proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)


def _plain(handle: tink.KeysetHandle) -> Any:
    return tink_pb2.Keyset.FromString(proto_keyset_format.serialize(handle, secret_key_access.TOKEN))


def _direct(primitive: Any) -> dict[bytes, Callable[[bytes, bytes], bytes]]:
    """What opens a ciphertext behind each prefix: Tink's own C++, past four layers of Python that look up just this.

    They take as long as the opening itself. Nothing of this is promised by Tink: where it is built otherwise, there is
    no short way. It only ever opens; what it does not open, the long way is asked about.
    """
    try:
        entries = [entry for same in primitive._primitive_set.all() for entry in same]
        found = {entry.identifier: entry.primitive._aead.decrypt for entry in entries}
    except AttributeError:
        return {}
    return {prefix: decrypt for prefix, decrypt in found.items() if len(prefix) == _PREFIX_SIZE}


def _prefix(key_id: int) -> bytes:
    return b"\x01" + key_id.to_bytes(4, "big")


def _answer(call: Callable[[], _Result]) -> _Result:
    try:
        return call()
    except (tink.TinkError, CiphertextDamaged):
        problem: Exception = KeysetDamaged("a keyset does not open: wrapped by another key, changed, or moved")
    except KeyStoreError as known:
        problem = known
    except Exception as error:
        problem = KeyStoreUnavailable(f"the key management service did not answer ({type(error).__name__})")
    raise problem


def _context(name: KeysetName, owner: uuid.UUID | None, version: int) -> bytes:
    who = owner.bytes if owner else b""
    return join(_LABEL, name.kind.encode(), name.id.encode(), version.to_bytes(4, "big"), who)


def _is_hash(name: KeysetName) -> bool:
    return name in (HASHES, SESSIONS) or name.kind == "search"


def _template(name: KeysetName) -> Any:
    if _is_hash(name):
        return prf.prf_key_templates.HMAC_SHA256
    if name == SIGNING:
        template = tink_pb2.KeyTemplate()
        template.CopyFrom(signature.signature_key_templates.ED25519)
        template.output_prefix_type = tink_pb2.RAW
        return template
    return aead.aead_key_templates.AES256_GCM


def _raw_public_key(handle: tink.KeysetHandle) -> bytes:
    public = proto_keyset_format.serialize_without_secret(handle.public_keyset_handle())
    keyset = tink_pb2.Keyset.FromString(public)
    primary = next(key for key in keyset.key if key.key_id == keyset.primary_key_id)
    raw: bytes = ed25519_pb2.Ed25519PublicKey.FromString(primary.key_data.value).key_value
    return raw

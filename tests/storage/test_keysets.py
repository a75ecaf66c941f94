"""Many ciphertexts of a keyset are opened past Tink's layers: what is opened, and what is not, is what Tink says."""

import uuid
from typing import Any

import pytest
import tink
from tink import aead

from storage.keys import keysets
from storage.keys.errors import CiphertextDamaged
from storage.keys.keysets import AeadKey, add_key, keep_newest, use_newest
from storage.keys.names import project_keyset

NAME = project_keyset(uuid.UUID(int=1))


def _rotated() -> tuple[tink.KeysetHandle, tink.KeysetHandle, tink.KeysetHandle]:
    """A keyset, the same with a newer key in use beside the first, and with the newer one alone."""
    first = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    both = keysets._with(keysets._with(first, add_key(NAME)), use_newest)
    return first, both, keysets._with(both, keep_newest)


def _one_by_one(key: AeadKey, ciphertexts: list[bytes], contexts: list[bytes]) -> list[bytes | None]:
    """By `decrypt`, which says what Tink says."""
    found: list[bytes | None] = []
    for ciphertext, context in zip(ciphertexts, contexts, strict=True):
        try:
            opened = key.decrypt(ciphertext, context)
            assert opened == key._primitive.decrypt(ciphertext, context)
        except CiphertextDamaged:
            with pytest.raises(tink.TinkError):
                key._primitive.decrypt(ciphertext, context)
            opened = None
        found.append(opened)
    return found


def test_together_is_as_one_by_one_whatever_becomes_of_keys_and_bytes() -> None:
    """Whole, changed, cut, moved, of an older key, of a key that is gone, of no key at all."""
    first, both, newest = map(AeadKey, _rotated())
    old, new = first.encrypt(b"old", b"here"), both.encrypt(b"new", b"here")
    ciphertexts = [old, new, new[:-1] + bytes([new[-1] ^ 1]), new[:20], new[:5], b"", old, b"\x01none" + new[5:]]
    contexts = [b"here"] * 6 + [b"elsewhere", b"here"]
    assert both.decrypt_all(ciphertexts, contexts) == [b"old", b"new", None, None, None, None, None, None]
    assert newest.decrypt_all(ciphertexts, contexts) == [None, b"new", None, None, None, None, None, None]
    for key in (first, both, newest):
        assert len(key._direct) == (2 if key is both else 1)
        assert key.decrypt_all(ciphertexts, contexts) == _one_by_one(key, ciphertexts, contexts)


def test_keys_without_a_prefix_are_tried_by_tink() -> None:
    """They have no short way: nothing says of a ciphertext that it is theirs."""
    template: Any = keysets._template(NAME)
    raw = keysets.tink_pb2.KeyTemplate()
    raw.CopyFrom(template)
    raw.output_prefix_type = keysets.tink_pb2.RAW
    key = AeadKey(tink.new_keyset_handle(raw))
    ciphertext = key.encrypt(b"words", b"here")
    assert key._direct == {}
    assert key.decrypt_all([ciphertext, ciphertext], [b"here", b"there"]) == [b"words", None]


def test_a_tink_that_is_built_otherwise_has_no_short_way_and_opens_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the short way is made of is promised by nobody."""
    assert keysets._direct(object()) == {}
    monkeypatch.setattr(keysets, "_direct", lambda primitive: {})
    key = AeadKey(_rotated()[0])
    assert key.decrypt_all([key.encrypt(b"words", b"here")], [b"here"]) == [b"words"]

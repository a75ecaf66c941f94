"""Reading a file in the age format by its specification (https://age-encryption.org/v1), not by what wrote it.

As stock `age` reads it: one X25519 recipient, the header's MAC, then chunks of 64 KiB, of which the last says so.
"""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  # of Bech32, five bits each (BIP 173)
_CHUNK = 64 * 1024 + 16
_LABEL = b"age-encryption.org/v1/X25519"


def opened(file: bytes, identity: str) -> bytes:
    """What is in `file`, for the identity AGE-SECRET-KEY-1…. Raises InvalidTag or ValueError where it does not open."""
    private = X25519PrivateKey.from_private_bytes(_scalar(identity))
    head, mark, rest = file.partition(b"\n--- ")
    mac, _, payload = rest.partition(b"\n")
    key = _file_key(head.decode().splitlines(), private)
    if hmac.digest(_derived(key, b"", b"header"), head + mark[:-1], hashlib.sha256) != _plain(mac.decode()):
        raise ValueError("the header was changed")
    cipher = ChaCha20Poly1305(_derived(key, payload[:16], b"payload"))
    chunks = [payload[at : at + _CHUNK] for at in range(16, len(payload), _CHUNK)]
    counted = ((number.to_bytes(11) + bytes([number == len(chunks) - 1]), each) for number, each in enumerate(chunks))
    return b"".join(cipher.decrypt(nonce, each, None) for nonce, each in counted)


def _file_key(header: list[str], private: X25519PrivateKey) -> bytes:
    assert header[0] == "age-encryption.org/v1"
    at = next(number for number, line in enumerate(header) if line.startswith("-> X25519 "))
    share = _plain(header[at].split()[2])
    shared = private.exchange(X25519PublicKey.from_public_bytes(share))
    wrapping = _derived(shared, share + private.public_key().public_bytes_raw(), _LABEL)
    return ChaCha20Poly1305(wrapping).decrypt(bytes(12), _plain(header[at + 1]), None)


def _scalar(identity: str) -> bytes:
    number, data = 0, identity.lower().rpartition("1")[2][:-6]
    for letter in data:
        number = number << 5 | _LETTERS.index(letter)
    return (number >> 5 * len(data) - 256).to_bytes(32)


def _derived(secret: bytes, salt: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, label).derive(secret)


def _plain(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)

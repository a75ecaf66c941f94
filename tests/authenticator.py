"""An authenticator in software: it makes keys, signs challenges, counts, and lies where a test has it lie.

What it answers is what `PublicKeyCredential.toJSON()` gives a page (Web Authentication, level 3, 5.1). CBOR is written
here by hand, in the five lines that it takes, so that the server's reader is not tested against its own writer.
"""

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
ORIGIN, SITE = "http://localhost:8000", "localhost"

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def cbor(value: Any) -> bytes:
    """The few kinds of CBOR (RFC 8949) that authenticators write."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value)) + value.encode()
    return _head(5, len(value)) + b"".join(cbor(key) + cbor(each) for key, each in value.items())


def _head(kind: int, number: int) -> bytes:
    for bits, code, form in ((5, None, "B"), (8, 24, "B"), (16, 25, ">H"), (32, 26, ">I"), (64, 27, ">Q")):
        if code is None and number < 24:
            return bytes([kind << 5 | number])
        if code is not None and number < 1 << bits:
            return bytes([kind << 5 | code]) + struct.pack(form, number)
    raise ValueError


@dataclass
class Authenticator:
    """One passkey. The fields are what it says of itself; set one, and it lies."""

    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    model: bytes = bytes(16)
    origin: str = ORIGIN
    site: str = SITE
    flags: int = PRESENT | VERIFIED
    count: int | None = 0
    """How many signatures it has made; None: it does not count."""

    @classmethod
    def of_ed25519(cls, **said: Any) -> "Authenticator":
        return cls(ed25519.Ed25519PrivateKey.generate(), **said)

    @classmethod
    def of_rsa(cls, **said: Any) -> "Authenticator":
        return cls(rsa.generate_private_key(65537, 2048), **said)

    def copied(self) -> "Authenticator":
        """A clone: the same key, counting on its own from here."""
        return replace(self)

    def create(self, options: str, **claims: Any) -> str:
        """What `navigator.credentials.create` answers."""
        client = self._client("webauthn.create", options, claims)
        said = {"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED, self._attested())}
        return self.answer(client, attestationObject=encoded(cbor(said)))

    def get(self, options: str, **claims: Any) -> str:
        """What `navigator.credentials.get` answers."""
        client, data = self._client("webauthn.get", options, claims), self._data()
        signature = self.sign(data + hashlib.sha256(client).digest())
        return self.answer(client, authenticatorData=encoded(data), signature=encoded(signature))

    def answer(self, client: bytes, **response: str) -> str:
        """The JSON around it."""
        own = encoded(self.credential_id)
        return json.dumps(
            {
                "id": own,
                "rawId": own,
                "type": "public-key",
                "clientExtensionResults": {},
                "response": {"clientDataJSON": encoded(client), **response},
            }
        )

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(message)

    def cose(self) -> dict[int, Any]:
        """The public key (RFC 9053)."""
        public = self.key.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            at = public.public_numbers()
            return {1: 2, 3: -7, -1: 1, -2: at.x.to_bytes(32, "big"), -3: at.y.to_bytes(32, "big")}
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}
        return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}

    def _client(self, ceremony: str, options: str, claims: dict[str, Any]) -> bytes:
        said = {"type": ceremony, "challenge": json.loads(options)["challenge"], "origin": self.origin, **claims}
        return json.dumps(said).encode()

    def _data(self, flags: int = 0, rest: bytes = b"") -> bytes:
        if self.count is not None:
            self.count += 1
        site = hashlib.sha256(self.site.encode()).digest()
        return site + struct.pack(">BI", self.flags | flags, self.count or 0) + rest

    def _attested(self) -> bytes:
        return self.model + struct.pack(">H", len(self.credential_id)) + self.credential_id + cbor(self.cose())


def encoded(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

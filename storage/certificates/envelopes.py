"""Signed envelopes as DSSE defines them (https://github.com/secure-systems-lab/dsse), with one Ed25519 signature.

What is signed is the payload with its type, length by length (PAE), so that nothing of it can be taken for something
else. `keyid` is the signer's whole verifier key (C2SP `vkey`): a hint, which whoever verifies holds against the key
that they have from somewhere else. Pure: signing is a function passed in.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from storage.ledger.notes import VerifierKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MOST_SIGNATURES = 10


class EnvelopeRefused(ValueError):
    """Something that is no envelope of ours, or that the key did not sign as it is."""


def sign(payload: bytes, vkey: str, signing: Callable[[bytes], bytes]) -> dict[str, Any]:
    """`payload` in an envelope signed by the key that `vkey` names. `signing` makes raw Ed25519 signatures.

    Raises EnvelopeRefused when the signature does not verify under `vkey`: nothing is handed out that nobody can check.
    """
    signature = signing(pae(PAYLOAD_TYPE, payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": vkey, "sig": base64.b64encode(signature).decode()}],
    }
    verified(envelope, vkey)
    return envelope


def verified(envelope: Any, vkey: str) -> bytes:
    """The payload, if the key signed it. Signatures of other keys are passed over.

    Raises EnvelopeRefused, and NoteRefused for a `vkey` that is none.
    """
    key = VerifierKey.parse(vkey)
    payload_type, payload, signatures = _parts(envelope)
    mine = [signature for keyid, signature in signatures if keyid == vkey]
    if not mine:
        raise EnvelopeRefused("the key did not sign it")
    for signature in mine:
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, pae(payload_type, payload))
        except InvalidSignature:
            raise EnvelopeRefused(f"the signature by {key.name} is wrong") from None
    if payload_type != PAYLOAD_TYPE:
        raise EnvelopeRefused(f"what is signed is not {PAYLOAD_TYPE}")
    return payload


def signers(envelope: Any) -> list[str]:
    """The verifier keys that the envelope says it is signed by; nothing is verified. Raises EnvelopeRefused."""
    return [keyid for keyid, _ in _parts(envelope)[2]]


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _parts(envelope: Any) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    match envelope:
        case {"payloadType": str(kind), "payload": str(payload), "signatures": [*found]} if (
            0 < len(found) <= _MOST_SIGNATURES
        ):
            return kind, _decoded(payload), [_signature(each) for each in found]
    raise EnvelopeRefused("not a signed envelope")


def _signature(found: Any) -> tuple[str, bytes]:
    match found:
        case {"keyid": str(keyid), "sig": str(signature)}:
            return keyid, _decoded(signature)
    raise EnvelopeRefused("a malformed signature")


def _decoded(encoded: str) -> bytes:
    """Standard base64 in its one canonical form: two texts never stand for the same bytes."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise EnvelopeRefused("not base64") from None
    if base64.b64encode(decoded).decode() != encoded:
        raise EnvelopeRefused("not base64 in its one form")
    return decoded

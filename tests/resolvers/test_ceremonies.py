"""What comes from an authenticator is compared in every part, and what is no answer is told so, whatever it is made of."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fido2.webauthn import AttestedCredentialData
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers import ceremonies
from resolvers.ceremonies import NotProven, RelyingParty
from resolvers.errors import BadInput
from tests.authenticator import BACKED_UP, ELIGIBLE, ORIGIN, PRESENT, SITE, VERIFIED, Authenticator, cbor, encoded

CHALLENGE = b"c" * 48
OPTIONS = json.dumps({"challenge": encoded(CHALLENGE)})
OURS = RelyingParty(SITE, frozenset({ORIGIN}))
KINDS: list[Callable[[], Authenticator]] = [Authenticator, Authenticator.of_ed25519, Authenticator.of_rsa]


def registered(device: Authenticator, **claims: Any) -> AttestedCredentialData:
    return ceremonies.registered(
        ceremonies.registration(device.create(OPTIONS, **claims), "credential"), CHALLENGE, OURS
    )


def asserted(device: Authenticator, known: AttestedCredentialData, *, synced: bool = False, **claims: Any) -> int:
    answer = ceremonies.assertion(device.get(OPTIONS, **claims), "passkey")
    return ceremonies.asserted(answer, CHALLENGE, OURS, known, synced=synced)


@pytest.mark.parametrize("kind", KINDS)
def test_a_passkey_of_each_kind_proves_itself(kind: Callable[[], Authenticator]) -> None:
    """ES256, EdDSA and RS256: registered, kept as bytes, and asserted twice, each time with a higher count."""
    device = kind()
    known = AttestedCredentialData(bytes(registered(device)))
    assert known.credential_id == device.credential_id
    assert [asserted(device, known), asserted(device, known)] == [2, 3]


LIES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"origin": "https://localhost.example"}, {}, "WRONG_ORIGIN"),
    ({"origin": "http://localhost"}, {}, "WRONG_ORIGIN"),
    ({"origin": "http://localhost:8000/"}, {}, "WRONG_ORIGIN"),
    ({"origin": "http://sub.localhost:8000"}, {}, "WRONG_ORIGIN"),
    ({}, {"crossOrigin": True}, "WRONG_ORIGIN"),
    ({}, {"topOrigin": "https://elsewhere.example"}, "WRONG_ORIGIN"),
    ({"site": "localhost.example"}, {}, "WRONG_SITE"),
    ({"flags": PRESENT}, {}, "UNVERIFIED_USER"),
    ({"flags": VERIFIED}, {}, "UNVERIFIED_USER"),
    ({"flags": PRESENT | VERIFIED | BACKED_UP}, {}, "UNKNOWN_PASSKEY"),
    ({}, {"challenge": encoded(b"d" * 48)}, "UNKNOWN_CHALLENGE"),
    ({}, {"challenge": encoded(CHALLENGE[:-1])}, "UNKNOWN_CHALLENGE"),
    ({}, {"challenge": ""}, "UNKNOWN_CHALLENGE"),
    ({}, {"type": "webauthn.other"}, "UNKNOWN_CHALLENGE"),
]
"""What the authenticator or the page says otherwise, and why it proves nothing then."""


@pytest.mark.parametrize(("says", "claims", "reason"), LIES)
def test_everything_that_is_compared_is_refused_when_it_differs(
    says: dict[str, Any], claims: dict[str, Any], reason: str
) -> None:
    """In both ceremonies, by the reason that the trail is told; the same device without the lie is let in."""
    device = Authenticator()
    known = registered(device)
    liar = replace(device, **says)
    with pytest.raises(NotProven, match=reason):
        registered(liar, **claims)
    with pytest.raises(NotProven, match=reason):
        asserted(liar, known, **claims)
    assert asserted(device, known) > 0


def test_a_signature_of_another_key_is_none() -> None:
    """Neither another passkey's under this one's id, nor one over other bytes, nor one ceremony's answer to the other."""
    device, other = Authenticator(), Authenticator()
    known = registered(device)
    with pytest.raises(NotProven, match="WRONG_SIGNATURE"):
        asserted(replace(other, credential_id=device.credential_id), known)
    with pytest.raises(NotProven, match="UNKNOWN_PASSKEY"):
        asserted(other, known)
    answer = ceremonies.assertion(device.get(OPTIONS), "passkey")
    for changed in (
        replace(answer, signature=b""),
        replace(answer, signature=answer.signature[:-1]),
        replace(answer, signed=answer.signed[:-1] + b"x"),
    ):
        with pytest.raises(NotProven, match="WRONG_SIGNATURE"):
            ceremonies.asserted(changed, CHALLENGE, OURS, known, synced=False)
    with pytest.raises(NotProven, match="UNKNOWN_CHALLENGE"):
        ceremonies.asserted(replace(answer, ceremony="webauthn.create"), CHALLENGE, OURS, known, synced=False)


def test_whether_a_passkey_may_be_copied_does_not_change() -> None:
    """One that stays in its device does not turn up as one that its maker copies, nor the other way round."""
    device = Authenticator()
    known = registered(device)
    with pytest.raises(NotProven, match="UNKNOWN_PASSKEY"):
        asserted(replace(device, flags=PRESENT | VERIFIED | ELIGIBLE), known)
    with pytest.raises(NotProven, match="UNKNOWN_PASSKEY"):
        asserted(device, known, synced=True)
    assert asserted(replace(device, flags=PRESENT | VERIFIED | ELIGIBLE | BACKED_UP), known, synced=True) > 0


KEYS: list[dict[int, Any]] = [
    {1: 2, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\1" * 32},  # no point of the curve
    {1: 2, 3: -7, -1: 2, -2: b"\1" * 32, -3: b"\1" * 32},
    {1: 2, 3: -7},
    {1: 2, 3: -7, -1: 1, -2: 2**60, -3: 2**60},
    {1: 1, 3: -8, -1: 6, -2: b"\1" * 31},
    {1: 3, 3: -257, -1: b"\1" * 64, -2: b"\1\0\1"},  # 512 bits
    {1: 3, 3: -257, -1: b"", -2: b""},
    {1: 2, 3: -47, -1: 8, -2: b"\1" * 32, -3: b"\1" * 32},  # secp256k1, which nobody asked for
    {1: 2, 3: -999},
]


@pytest.mark.parametrize("cose", KEYS)
def test_what_is_no_key_is_not_registered(cose: dict[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another kind, on another curve, too short, or no key at all."""
    device = Authenticator()
    monkeypatch.setattr(device, "cose", lambda: cose)
    with pytest.raises(NotProven, match="WRONG_SIGNATURE"):
        registered(device)


def test_a_registration_says_which_key_it_is_about() -> None:
    """An answer under another id than the authenticator's own, and one that brings no key."""
    device = Authenticator()
    answer = ceremonies.registration(device.create(OPTIONS), "credential")
    with pytest.raises(NotProven, match="UNKNOWN_PASSKEY"):
        ceremonies.registered(replace(answer, credential_id=b"another"), CHALLENGE, OURS)
    keyless = {"fmt": "none", "attStmt": {}, "authData": bytes(32) + bytes([PRESENT | VERIFIED]) + bytes(4)}
    said = json.loads(device.create(OPTIONS))
    said["response"]["attestationObject"] = encoded(cbor(keyless))
    assert ceremonies.registration(json.dumps(said), "credential").data.credential_data is None


def _attested(made: bytes) -> str:
    said = json.loads(Authenticator().create(OPTIONS))
    said["response"]["attestationObject"] = encoded(made)
    return json.dumps(said)


def _changed(**parts: Any) -> str:
    said = json.loads(Authenticator().get(OPTIONS))
    said.update({name: value for name, value in parts.items() if name in ("rawId", "type")})
    said["response"].update({name: value for name, value in parts.items() if name not in ("rawId", "type")})
    return json.dumps(said)


def _client(**claims: Any) -> str:
    said = {"type": "webauthn.get", "challenge": "", "origin": ORIGIN, **claims}
    return _changed(clientDataJSON=encoded(json.dumps(said).encode()))


_HUGE = 10**14
"""What makes a reader that takes a number for bytes reserve a hundred terabytes."""

NO_ASSERTIONS = {
    "nothing": "",
    "no JSON": "{",
    "JSON of something else": "[]",
    "null": "null",
    "half of a surrogate pair": '"\ud800"',
    "nested": "[" * 8000,
    "without an answer": json.dumps({"rawId": "AA", "type": "public-key"}),
    "a number for an id": _changed(rawId=_HUGE),
    "no id": _changed(rawId=""),
    "an id that is too long": _changed(rawId="A" * 1400),
    "another kind of credential": _changed(type="password"),
    "no base64url": _changed(signature="AA=="),
    "numbers for bytes": _changed(signature=_HUGE),
    "short authenticator data": _changed(authenticatorData=encoded(bytes(36))),
    "long authenticator data": _changed(authenticatorData=encoded(bytes(38))),
    "a key that is not there": _changed(authenticatorData=encoded(bytes(32) + b"\x45" + bytes(4))),
    "an extension that is none": _changed(authenticatorData=encoded(bytes(32) + b"\x85" + bytes(4) + b"\xa1")),
    "client data that is no JSON": _changed(clientDataJSON=encoded(b"\xff")),
    "client data that is a list": _changed(clientDataJSON=encoded(b"[]")),
    "a number for a challenge": _client(challenge=_HUGE),
    "a list for an origin": _client(origin=[ORIGIN]),
    "null for a ceremony": _client(type=None),
    "too much": _changed(signature="A" * 16_384),
}

NO_REGISTRATIONS = {
    "an assertion": Authenticator().get(OPTIONS),
    "no CBOR": _attested(b""),
    "CBOR of something else": _attested(cbor("text")),
    "a break without a beginning": _attested(b"\xff"),
    "a tag": _attested(b"\xc0\x00"),
    "an endless text": _attested(b"\x7f" + b"\x61a" * 50),
    "a map that announces more than there is": _attested(b"\xbb" + b"\xff" * 8),
    "a list that announces more than there is": _attested(b"\x9b" + b"\xff" * 8),
    "bytes that announce more than there are": _attested(b"\xa1" + cbor("authData") + b"\x5b" + b"\x7f" * 8),
    "nested": _attested(b"\x81" * 8000),
    "nested maps as keys": _attested(b"\xa1" * 8000),
    "a number for authenticator data": _attested(cbor({"fmt": "none", "attStmt": {}, "authData": _HUGE})),
    "no authenticator data": _attested(cbor({"fmt": "none", "attStmt": {}})),
    "something behind it": _attested(cbor({"authData": bytes(32) + b"\5" + bytes(4)}) + b"\0"),
    "a key that is no map": _attested(cbor({"authData": bytes(32) + b"\x45" + bytes(22) + cbor(b"key")})),
    "a key without a kind": _attested(cbor({"authData": bytes(32) + b"\x45" + bytes(22) + cbor({1: 2})})),
    "an id longer than there is": _attested(
        cbor({"authData": bytes(32) + b"\x45" + bytes(20) + struct.pack(">H", 65535)})
    ),
}


@pytest.mark.parametrize("name", NO_ASSERTIONS)
def test_what_is_no_assertion_is_told_so(name: str) -> None:
    """In a code, with the field, and with nothing of it in the words or behind them."""
    with pytest.raises(BadInput) as told:
        ceremonies.assertion(NO_ASSERTIONS[name], "passkey")
    assert (told.value.code, told.value.field) == ("BAD_USER_INPUT", "passkey")
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__ or told.value.__context__ is None


@pytest.mark.parametrize("name", NO_REGISTRATIONS)
def test_what_is_no_registration_is_told_so(name: str) -> None:
    """As above: CBOR of any making ends in a sentence."""
    with pytest.raises(BadInput) as told:
        ceremonies.registration(NO_REGISTRATIONS[name], "credential")
    assert (told.value.code, told.value.field) == ("BAD_USER_INPUT", "credential")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_end_in_anything_but_an_answer_or_a_sentence(junk: bytes, at: int) -> None:
    """Junk for CBOR, and junk in the middle of what was good."""
    device = Authenticator(credential_id=b"i" * 32)
    good = cbor({"fmt": "none", "attStmt": {}, "authData": device._data(0x40, device._attested())})
    for made in (junk, good[:at] + junk + good[at + len(junk) :]):
        try:
            answer = ceremonies.registration(_attested(made), "credential")
            ceremonies.registered(answer, CHALLENGE, OURS)
        except (BadInput, NotProven):
            continue
        assert answer.data.is_user_verified()

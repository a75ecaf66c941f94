"""What the doctor finds about the certificate with which the server ends TLS."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

from muniment import tls
from muniment.findings import Finding
from storage.clock import now


def written(place: Path, *, days: float, key: EllipticCurvePrivateKey, password: bytes | None = None) -> Any:
    """Settings that name a certificate which is good for so many days, and this key."""
    own = generate_private_key(SECP256R1()) if key is OTHERS else key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])
    began = now() - timedelta(days=90)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(own.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(began)
    signed = made.not_valid_after(now() + timedelta(days=days)).sign(own, hashes.SHA256())
    (place / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    sealing = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing)
    (place / "key.pem").write_bytes(key.private_bytes(*form))
    return settings(place / "cert.pem", place / "key.pem")


def settings(cert: Path | None, key: Path | None, *, upstream: bool = False, local_ca: bool = False) -> Any:
    return SimpleNamespace(
        host="192.0.2.1", tls_cert=cert, tls_key=key, tls_terminated_upstream=upstream, local_ca=local_ca,
        trusted_proxies=("192.0.2.2",) if upstream else (),
    )  # fmt: skip


OWN, OTHERS = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())


def found(told: Any) -> Finding:
    [finding] = tls.findings(told)
    return finding


@pytest.mark.parametrize(
    ("days", "key", "ok", "said"),
    [
        (60, OWN, True, "good until"),
        (10, OWN, False, "ends on"),
        (-3, OWN, False, "ended on"),
        (60, OTHERS, False, "another certificate's"),
    ],
)
def test_a_certificate_is_looked_at(
    tmp_path: Path, days: float, key: EllipticCurvePrivateKey, ok: bool, said: str
) -> None:
    """Good, soon to end, past, or not of this key: what is amiss says what to do."""
    finding = found(written(tmp_path, days=days, key=key))
    assert (finding.good, said in finding.text) == (ok, True)


def test_what_can_not_be_read_is_said_and_not_shown(tmp_path: Path) -> None:
    """No PEM, no file, a key with a password: a finding, and nothing of the file in it."""
    (tmp_path / "noise").write_bytes(b"secret noise")
    sealed = written(tmp_path, days=60, key=OWN, password=b"x" * 8)
    for told in (
        sealed,
        settings(tmp_path / "noise", tmp_path / "key.pem"),
        settings(tmp_path / "cert.pem", tmp_path / "noise"),
        settings(tmp_path / "gone", tmp_path / "gone"),
    ):
        finding = found(told)
        assert not finding.good
        assert "PEM" in finding.text
        assert "secret" not in finding.text


def test_where_there_is_none_it_says_who_ends_tls() -> None:
    """A proxy, or nobody, since only this machine calls."""
    assert "proxy" in found(settings(None, None, upstream=True)).text
    assert "this machine" in found(settings(None, None)).text


def test_a_proxy_that_ends_tls_is_to_be_named() -> None:
    """Else all callers count as one address."""
    told = settings(None, None, upstream=True)
    told.trusted_proxies = ()
    first, second = tls.findings(told)
    assert (first.good, second.good) == (True, False)
    assert "MUNIMENT_TRUSTED_PROXIES" in second.text


def test_in_development_off_the_loopback_it_is_the_machine_s_own() -> None:
    """Others reach it, so that it does not say that nobody does."""
    finding = found(settings(None, None, local_ca=True))
    assert (finding.good, "own authority" in finding.text) == (True, True)

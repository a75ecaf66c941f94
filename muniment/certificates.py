"""A certificate authority of this machine's own, so that a server in development is reached over TLS by others too.

It is made once, below the home, and signs for nothing but this machine's names and addresses (name constraints), so
that trust in it is trust in no other site. In production a certificate is the operator's to bring.
"""

import ipaddress
import os
import socket
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from muniment import addresses
from storage.clock import now

_CA_LIFE = timedelta(days=825)
_LIFE = timedelta(days=90)
_RENEW_BEFORE = timedelta(days=30)

Names = list[x509.GeneralName]


def local(folder: Path, host: str) -> tuple[Path, Path]:
    """Certificate and key for this machine under `host`, renewed where they are due; `folder/ca.pem` is to be trusted.

    Raises OSError where the folder can't be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = _names(host)
    certificate, key = folder / "server.pem", folder / "server.key"
    if not _is_good(folder, names):
        signer, authority = _authority(folder, names)
        _issue(signer, authority, names, certificate, key)
    return certificate, key


def good_for(host: str) -> list[str]:
    """The names and addresses that a certificate for `host` is good for."""
    return [str(each.value) for each in _names(host)]


def _names(host: str) -> Names:
    """What this machine is called: its name, the loopback, and `host`, or where that is no one address, all it has."""
    called = {"localhost", socket.gethostname().lower()}
    found = {"127.0.0.1", "::1"}
    if addresses.is_everywhere(host):
        found |= set(addresses.reachable(host))
    elif addresses.read(host) is None:
        called.add(host)
    else:
        found.add(host)
    numbers = map(ipaddress.ip_address, sorted(found))
    return [*map(x509.DNSName, sorted(called)), *map(x509.IPAddress, numbers)]


def _is_good(folder: Path, names: Names) -> bool:
    files = [folder / name for name in ("ca.pem", "server.pem", "server.key")]
    if not all(file.is_file() for file in files):
        return False
    authority, leaf = (x509.load_pem_x509_certificate(file.read_bytes()) for file in files[:2])
    told = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return leaf.issuer == authority.subject and list(told) == names and leaf.not_valid_after_utc - now() > _RENEW_BEFORE


def _authority(folder: Path, names: Names) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """The authority that is there, while it may sign for these names for long enough; else a new one."""
    place, key_file = folder / "ca.pem", folder / "ca.key"
    if place.is_file() and key_file.is_file():
        found = x509.load_pem_x509_certificate(place.read_bytes())
        limits = found.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
        if found.not_valid_after_utc - now() > _LIFE and set(_limits(names)) <= set(limits):
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            if isinstance(key, ec.EllipticCurvePrivateKey):
                return key, found
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Muniment on {socket.gethostname()}")])
    made = (
        _begun(name, name, key.public_key(), _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(_limits(names), None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, _private(key))
    _write(place, made.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return key, made


def _issue(
    signer: ec.EllipticCurvePrivateKey, authority: x509.Certificate, names: Names, place: Path, key_file: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Muniment")])
    made = (
        _begun(name, authority.subject, key.public_key(), _LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write(key_file, _private(key))
    chain = made.public_bytes(serialization.Encoding.PEM) + authority.public_bytes(serialization.Encoding.PEM)
    _write(place, chain, mode=0o644)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(minutes=5))  # for clocks that are a little behind
        .not_valid_after(now() + life)
    )


def _limits(names: Names) -> Names:
    """Each name, and each address alone, as a constraint has it."""
    return [
        x509.IPAddress(ipaddress.ip_network(each.value)) if isinstance(each, x509.IPAddress) else each for each in names
    ]


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(place: Path, content: bytes, mode: int = 0o600) -> None:
    part = place.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    part.replace(place)

"""The certificate with which this server ends TLS: whether it is one, goes with its key, and how long it is good."""

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from muniment import certificates
from muniment.findings import Finding
from muniment.settings import Settings
from storage.clock import now

_SOON = timedelta(days=14)


def findings(settings: Settings) -> Iterator[Finding]:
    """Return one finding, and another where a proxy ends TLS that is not named; of an unreadable file only that."""
    if settings.tls_cert is None or settings.tls_key is None:
        by = "none: for callers on this machine"
        if settings.tls_terminated_upstream:
            by = "ended by a proxy in front"
        elif settings.local_ca:
            good = ", ".join(certificates.good_for(settings.host))
            by = f"with a certificate of this machine's own authority, good for {good}: for development"
        yield Finding("TLS", True, by)
        if settings.tls_terminated_upstream and not settings.trusted_proxies:
            todo = "name the proxy in MUNIMENT_TRUSTED_PROXIES: without it all callers count as one address"
            yield Finding("trusted proxies", False, todo)
        return
    try:
        certificate = x509.load_pem_x509_certificate(settings.tls_cert.read_bytes())
        key = load_pem_private_key(settings.tls_key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):  # TypeError: the key has a password
        yield Finding("TLS", False, "certificate or key can't be read: both are PEM files, the key without a password")
        return
    ends = certificate.not_valid_after_utc
    if certificate.public_key() != key.public_key():
        yield Finding("TLS", False, "the key is another certificate's: set MUNIMENT_TLS_KEY to its own")
    elif ends < now() + _SOON:
        when = "ended" if ends < now() else "ends"
        yield Finding("TLS", False, f"the certificate {when} on {ends:%Y-%m-%d}: renew it, then start the server anew")
    else:
        yield Finding("TLS", True, f"the certificate is good until {ends:%Y-%m-%d}")

"""The key management services that are known, each reached through its maker's library and Tink.

They are imported when they are asked for: an installation brings only what it uses (`requirements/install kms`).
Credentials come from where each library looks for them, and never pass through here.
"""

import ipaddress
import os
import re
from typing import Any
from urllib.parse import urlsplit

from tink import aead

from storage.keys.errors import KeyEncryptionKeyRefused, KeyStoreUnavailable
from storage.keys.remote import Service

_AWS = re.compile(r"aws-kms://(arn:aws:kms:([a-z0-9-]+):[0-9]{12}:(?:key|alias)/[A-Za-z0-9/_-]+)")
_GCP = re.compile(r"gcp-kms://(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)")
_VAULT = re.compile(
    r"vault://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?/((?:[A-Za-z0-9._-]+/)+keys/[A-Za-z0-9._-]+)"
)


def service(uri: str, seconds: float) -> Service:
    """The service that holds the key at `uri`, each part of a call bounded by `seconds`.

    Raises KeyEncryptionKeyRefused for a URI that is not understood, and when the service's library is not installed.
    """
    scheme = urlsplit(uri).scheme
    openers = {"aws-kms": _aws, "gcp-kms": _gcp, "vault": _vault}
    if scheme not in openers:
        raise KeyEncryptionKeyRefused(
            f"no key management service answers to {scheme or 'an empty scheme'!r}: use aws-kms://, gcp-kms://, "
            "vault://, or insecure-local:///path/to/directory for development"
        )
    try:
        return openers[scheme](uri, seconds)
    except ImportError:
        raise KeyEncryptionKeyRefused(
            f"the library that reaches {scheme}:// is not installed: run requirements/install kms"
        ) from None


def _aws(uri: str, seconds: float) -> Service:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from tink.integration import awskms

    found = _AWS.fullmatch(uri)
    if found is None:
        raise KeyEncryptionKeyRefused(
            "aws-kms:// is followed by the key's whole ARN: aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID"
        )
    region = found[2]
    once = Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1, "mode": "standard"})

    def connect() -> aead.Aead:
        client = boto3.session.Session(region_name=region).client("kms", config=once)
        _demand_private(client.meta.endpoint_url)
        return awskms.new_client(boto3_client=client).get_aead(uri)

    def code(error: Exception) -> str:
        told = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
        return _short(told or type(error).__name__)

    damaged = ("InvalidCiphertextException", "IncorrectKeyException")
    return Service(connect, lambda error: code(error) in damaged, code)


def _gcp(uri: str, seconds: float) -> Service:
    from google.api_core import exceptions
    from google.cloud import kms_v1
    from tink.integration import gcpkms

    if _GCP.fullmatch(uri) is None:
        raise KeyEncryptionKeyRefused(
            "gcp-kms:// is followed by projects/PROJECT/locations/PLACE/keyRings/RING/cryptoKeys/KEY"
        )

    class Bounded:
        """Google's client, asked once and for so long; its own default is to try again for a minute."""

        def __init__(self) -> None:
            self._client = kms_v1.KeyManagementServiceClient()

        def encrypt(self, request: dict[str, Any]) -> Any:
            return self._client.encrypt(request=request, timeout=seconds, retry=None)

        def decrypt(self, request: dict[str, Any]) -> Any:
            return self._client.decrypt(request=request, timeout=seconds, retry=None)

    def connect() -> aead.Aead:
        return gcpkms.new_client(kms_v1_client=Bounded()).get_aead(uri)  # type: ignore[arg-type]

    return Service(
        connect, lambda error: isinstance(error, exceptions.InvalidArgument), lambda error: _short(type(error).__name__)
    )


def _vault(uri: str, seconds: float) -> Service:
    import hvac
    from hvac.exceptions import InvalidRequest
    from tink.integration import hcvault

    found = _VAULT.fullmatch(uri)
    if found is None:
        raise KeyEncryptionKeyRefused("vault:// is followed by HOST:PORT/MOUNT/keys/NAME; it is reached by https")
    address, path = f"https://{found[1]}{found[2] or ''}", found[3]

    class Fresh(aead.Aead):
        """A client for each call, so that a token that was renewed on disk is the one that is used."""

        def _key(self) -> aead.Aead:
            authority = os.environ.get("VAULT_CACERT") or os.environ.get("VAULT_CAPATH") or True
            client = hvac.Client(url=address, timeout=seconds, verify=authority, allow_redirects=False)
            if not client.token:
                raise KeyStoreUnavailable("there is no token for the key management service: set VAULT_TOKEN")
            return hcvault.new_aead(path, client)

        def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
            return self._key().encrypt(plaintext, associated_data)

        def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
            return self._key().decrypt(ciphertext, associated_data)

    def connect() -> aead.Aead:
        # The transit engine is not handed associated data by Tink's client: a fresh key binds it here, and goes there.
        return aead.KmsEnvelopeAead(aead.aead_key_templates.AES256_GCM, Fresh())

    def says_damaged(error: Exception) -> bool:
        told = str(error)
        return isinstance(error, InvalidRequest) and ("authentication failed" in told or "invalid ciphertext" in told)

    return Service(connect, says_damaged, lambda error: _short(type(error).__name__))


def _demand_private(endpoint: str) -> None:
    """Refuse an endpoint that was redirected to where keysets would travel in clear."""
    parts = urlsplit(endpoint)
    if parts.scheme == "https":
        return
    try:
        local = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = parts.hostname == "localhost"
    if not local:
        raise KeyStoreUnavailable("the key management service's endpoint is not https, so it is not asked")


def _short(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_.]{1,60}", name) else "unnamed error"

"""What a webhook carries: an OCSF event in a CloudEvents envelope, signed so that its receiver knows whom it is from.

CloudEvents 1.0 in structured mode (https://github.com/cloudevents/spec), signed as Standard Webhooks 1.0 says
(https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body. Pure: knows neither database nor network.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from storage.ledger import ocsf

TYPE = "dev.muniment.audit.v1"
MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"
_PREFIX = "whsec_"


class SecretRefused(ValueError):
    """Text that is no webhook secret: `whsec_` and base64 of 24 to 64 bytes. The message does not repeat it."""


def secrets_of(text: str) -> tuple[bytes, ...]:
    """The keys in `text`: one secret, or several with spaces between while one replaces the other. SecretRefused."""
    try:
        found = tuple(base64.b64decode(each.removeprefix(_PREFIX), validate=True) for each in text.split())
    except (binascii.Error, ValueError):
        raise SecretRefused("a webhook secret is whsec_ and base64") from None
    if not found or not all(24 <= len(key) <= 64 for key in found):
        raise SecretRefused("a webhook secret has 24 to 64 bytes, in base64 behind whsec_")
    return found


def new_secret() -> str:
    """A fresh webhook secret, in the form in which it is shown once."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def envelope(form: Mapping[str, Any], *, origin: str, index: int) -> bytes:
    """The entry at place `index` of the log `origin` as the body of a webhook. Nobody stands in it."""
    event = ocsf.event(form, origin=origin, index=index)
    schema = f"https://schema.ocsf.io/{ocsf.VERSION}/classes/{ocsf.class_name(event['class_uid'])}"
    more = {"subject": form["action"], "correlationid": form["correlationId"], "dataschema": schema}
    return cloud_event(TYPE, form["id"], form["timestamp"], event, origin=origin, **more)


def cloud_event(kind: str, message_id: str, time: str, data: Mapping[str, Any], *, origin: str, **more: str) -> bytes:
    """The body of a webhook: `data` as a CloudEvent of type `kind` from the installation `origin`."""
    told = {
        "specversion": "1.0",
        "id": message_id,
        "source": f"urn:muniment:{origin}",
        "type": kind,
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
        **more,
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def signed_headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that vouch for `body`: its id, the second in which it was sent, and a signature for each key."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "content-type": MEDIA_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }

"""What a webhook carries: the envelope, the signature, and the secrets that make it."""

import base64
import json

import pytest

from storage.ledger import envelopes
from storage.ledger.envelopes import SecretRefused
from storage.ledger.events import REGISTRY
from tests.storage.ledger.test_ledger_ocsf import NAMELESS, form_of

KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_signature_is_the_one_of_the_published_example() -> None:
    """Id, second, body and signature as the Standard Webhooks libraries show them."""
    body = b'{"test": 2432232314}'
    headers = envelopes.signed_headers(
        envelopes.secrets_of(f"whsec_{KEY}"), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


def test_while_one_secret_replaces_another_both_sign() -> None:
    """A receiver that knows either of them accepts the delivery."""
    other = base64.b64encode(b"x" * 24).decode()
    both = envelopes.signed_headers(envelopes.secrets_of(f"whsec_{KEY} whsec_{other}"), "id", 1, b"")
    alone = [envelopes.signed_headers(envelopes.secrets_of(f"whsec_{key}"), "id", 1, b"") for key in (KEY, other)]
    assert both["webhook-signature"].split() == [each["webhook-signature"] for each in alone]


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!", "whsec_c2hvcnQ=", "whsec_" + "QUFB" * 30, f"whsec_{KEY} x"])
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    """Too short, too long, or no base64: the message shows nothing of it."""
    with pytest.raises(SecretRefused) as refused:
        envelopes.secrets_of(text)
    assert all(part not in str(refused.value) for part in text.removeprefix("whsec_").split())


def test_the_envelope_says_what_is_in_it() -> None:
    """CloudEvents 1.0: the required attributes, the schema of what it carries, and the event under the entry's id."""
    form = form_of(REGISTRY["session.refused"], NAMELESS, "DENIED")
    told = json.loads(envelopes.envelope(form, origin="muniment.test", index=5))
    event = told.pop("data")
    assert told == {
        "specversion": "1.0",
        "id": form["id"],
        "source": "urn:muniment:muniment.test",
        "type": "dev.muniment.audit.v1",
        "subject": "session.refused",
        "time": form["timestamp"],
        "datacontenttype": "application/json",
        "correlationid": form["correlationId"],
        "dataschema": "https://schema.ocsf.io/1.8.0/classes/authentication",
    }
    assert (event["metadata"]["uid"], event["metadata"]["sequence"]) == (form["id"], 5)

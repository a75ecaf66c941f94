"""A key management service that stops answering: one call at a time waits for it, and the others are refused at once."""

import threading
import time
from typing import Any

import pytest

from storage.keys import remote
from storage.keys.errors import KeyStoreUnavailable
from storage.keys.remote import RemoteKms, Service


class Key:
    """A key that answers, or waits until it is let go."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = threading.Semaphore(0)

    def decrypt(self, ciphertext: bytes, _associated_data: bytes) -> bytes:
        self.asked.release()
        self.answers.wait(30)
        return ciphertext

    encrypt = decrypt


def test_one_call_at_a_time_asks_a_service_that_did_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first that waited in vain; as soon as one is answered all ask again."""
    monkeypatch.setattr(remote, "_SLOW_SECONDS", 0.1)
    key: Any = Key()
    kms = RemoteKms(Service(lambda: key, lambda _error: False, lambda _error: "X"), 1.0)
    with pytest.raises(KeyStoreUnavailable, match="did not answer within"):
        kms.decrypt(b"wrapped", b"")
    assert key.asked.acquire(timeout=10)
    found: list[bytes] = []
    trying = threading.Thread(target=lambda: found.append(kms.decrypt(b"wrapped", b"")))
    trying.start()
    assert key.asked.acquire(timeout=10)
    begun = time.monotonic()
    for _ in range(10):
        with pytest.raises(KeyStoreUnavailable, match="one call waits for it"):
            kms.decrypt(b"wrapped", b"")
    assert time.monotonic() - begun < 0.8
    key.answers.set()
    trying.join(30)
    assert found == [b"wrapped"]
    assert kms.decrypt(b"wrapped", b"") == b"wrapped"
    kms.close()

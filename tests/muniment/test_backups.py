"""Backups: what comes back is what there was; what was deleted since stays deleted; what is no backup is refused."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyrage
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from agents.ledger import Sequencer
from muniment import backups, restores
from muniment.backups import Target
from muniment.cli import app
from muniment.homes import HomeInUse, claimed
from muniment.house import checkpoint_place
from muniment.restores import Source
from muniment.settings import Settings
from muniment.variables import load
from storage import queue
from storage.backups import places, streams, tables, taking
from storage.backups.places import Kind
from storage.backups.streams import BackupRefused
from storage.clock import now
from storage.database import open_engine
from storage.ledger import notes
from storage.ledger.publishing import LedgerRefused
from tests.muniment.test_certificates import leave
from tests.world import Person, World, opened

FILE = b"a picture of the sea" * 9000


@dataclass
class Pair:
    """A place for each of the two, and the operator's key."""

    target: Target
    identities: str

    def taken(self, kind: Kind) -> Path:
        """The newest backup of a kind."""
        place = self.target.place if kind is Kind.DATA else self.target.keys_place
        return [each.file for each in places.listed(place) if each.kind is kind][-1]

    def source(self, *, keys: bool = False, vkey: str | None = None) -> Source:
        return Source(self.taken(Kind.DATA), self.taken(Kind.KEYS) if keys else None, self.identities, vkey)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    pair = pyrage.x25519.Identity.generate()
    return Pair(Target(tmp_path / "kept", tmp_path / "kept-keys", str(pair.to_public())), str(pair))


@dataclass
class Lived:
    """Somebody with work, and what it was."""

    person: Person
    asset: str
    vkey: str
    sequencer: Sequencer


def live(world: World) -> Lived:
    """Work of every sort, a queued job, and a published trail."""
    ada = world.register("ada")
    project = world.project(ada)
    asset = world.asset(ada, project, FILE)
    world.output(world.prompt(ada, project))
    sequencer = Sequencer(world.house.store, checkpoint_place(world.settings), world.house.policy_version)
    assert sequencer.advance()
    return Lived(ada, asset, world.client.get("/ledger/vkey").text.strip(), sequencer)


def take(world: World, pair: Pair) -> list[str]:
    return list(backups.take(world.settings, world.house, pair.target))


@pytest.fixture
def elsewhere(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Settings]]:
    """Settings of a fresh installation, keys and all, on the same kind of database."""

    @contextmanager
    def url(home: Path) -> Iterator[str]:
        if database == "sqlite":
            yield f"sqlite:///{home}/data/muniment.sqlite3"
            return
        with request.getfixturevalue("postgresql").fresh_database() as found:
            yield found

    home = tmp_path / "elsewhere"
    with url(home) as address:
        yield lambda **told: load(home=home, database_url=address, worker=False, **told)


def advances(world: World, place: Any) -> bool:
    """Whether the trail goes on, once the lease of whoever held it when the backup was taken has run out."""
    with time_machine.travel(now() + timedelta(minutes=5), tick=True):
        return Sequencer(world.house.store, place, world.house.policy_version).advance()


def content(world: World, lived: Lived) -> bytes:
    return bytes(world.client.get(world.content_url(lived.person, lived.asset)).content)


def quiet(_line: str) -> None:
    """Nobody listens."""


def test_everything_comes_back_and_goes_on(
    world: World, pair: Pair, elsewhere: Callable[..., Settings], cheap_passwords: None
) -> None:
    """Rows of every table, the queue and the files; people are signed in as they were, and new rows find their numbers."""
    lived = live(world)
    before = world.footprint()
    take(world, pair)
    settings = elsewhere()
    done = restores.restore(settings, pair.source(keys=True, vkey=lived.vkey), quiet)
    assert (done.findings, done.erased, done.files) == ([], 0, 1)
    with opened(settings.home, settings.database_url) as again:
        after = again.footprint()
        differing = {name for name in before if before[name] != after[name]}
        assert not differing or differing <= {"audit_deliveries", "audit_lease", "deployments", "services"}
        assert content(again, lived) == FILE
        assert again.asset(lived.person, again.project(lived.person))
        [told] = again.events("backup.restored")
        assert told["details"] == {"rowCount": done.rows, "fileCount": 1, "missingCount": 0, "erasedCount": 0}
        assert advances(again, checkpoint_place(settings))


def test_what_was_deleted_since_is_deleted_again(
    world: World, pair: Pair, elsewhere: Callable[..., Settings], home: Path
) -> None:
    """The data are lost and the key store is not: its journal remembers who left after the backup."""
    lived = live(world)
    take(world, pair)
    leave(world, lived.person)
    settings = elsewhere(key_store_url=world.settings.key_store_url, kek_uri=world.settings.kek_uri)
    done = restores.restore(settings, pair.source(), quiet)
    assert done.erased == 1
    with opened(
        settings.home, settings.database_url, key_store_url=world.settings.key_store_url, kek_uri=world.settings.kek_uri
    ) as again:
        assert again.ask("{ viewer { kind } }", lived.person).data["viewer"]["kind"] == "DEPARTING"
        with again.house.store.engine.connect() as connection:
            for table in ("contributors", "blobs", "assets", "outputs"):
                assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0, table  # noqa: S608
        assert not any(path.is_file() for path in (settings.home / "data" / "blobs").rglob("*"))


@pytest.mark.one_database("sqlite", reason="what is refused is refused before the database is opened")
def test_what_is_no_backup_of_ours_is_refused_and_nothing_is_there_afterwards(
    world: World, pair: Pair, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    """Changed, cut, forged by whoever knows the public key, older keys, swapped, or with another key: not one row."""
    lived = live(world)
    take(world, pair)
    with time_machine.travel(now() + timedelta(hours=1), tick=False):
        take(world, pair)
    data, keys = pair.taken(Kind.DATA), pair.taken(Kind.KEYS)
    old_keys = places.listed(pair.target.keys_place)[0].file
    changed, cut, forged = (data.with_name(f"{name}.age") for name in ("changed", "cut", "forged"))
    whole = bytearray(data.read_bytes())
    cut.write_bytes(whole[:-1])
    whole[len(whole) // 2] ^= 1
    changed.write_bytes(whole)
    lines: list[bytes] = []
    streams.read(data, pair.identities, lambda line: lines.append(streams.orjson.dumps(line)))
    streams.write(forged, lines, pair.target.recipient, lambda said: f"{said}\n— muniment.local {'A' * 96}\n")
    stranger = str(pyrage.x25519.Identity.generate())
    attempts = {
        "was changed or cut": Source(changed, keys, pair.identities, lived.vkey),
        "changed or cut since": Source(cut, keys, pair.identities, lived.vkey),
        "Nobody we know signed": Source(forged, keys, pair.identities, lived.vkey),
        "older than the data": Source(data, old_keys, pair.identities, lived.vkey),
        "Name the backup of the data with --data": Source(keys, data, pair.identities, lived.vkey),
        "none of these keys": Source(data, keys, stranger, lived.vkey),
        "no age identity file": Source(data, keys, "no key at all", lived.vkey),
        "verifier key with --vkey": Source(data, keys, pair.identities, None),
        "There is no key store": Source(data, None, pair.identities, None),
        "signed this backup": Source(data, keys, pair.identities, other_vkey(lived.vkey)),
    }
    for words, source in attempts.items():
        settings = elsewhere()
        with pytest.raises(BackupRefused, match=words.split(":")[0]):
            restores.restore(settings, source, quiet)
        left = [path.name for path in settings.home.rglob("*") if path.is_file()]
        assert left in ([], ["keys.sqlite3.lock", "muniment.sqlite3.lock", "process.lock"]), words


def other_vkey(vkey: str) -> str:
    """The same name with another key."""
    return notes.vkey(vkey.partition("+")[0], Ed25519PrivateKey.generate().public_key().public_bytes_raw())


@pytest.mark.one_database("sqlite", reason="a process that runs is refused on SQLite alone")
def test_what_is_there_is_never_replaced(world: World, pair: Pair) -> None:
    """Not the data of a server that runs, nor any data, nor any keys."""
    lived = live(world)
    take(world, pair)
    with world.unchanged():
        with claimed(world.settings), pytest.raises(HomeInUse):
            restores.restore(world.settings, pair.source(), quiet)
        with pytest.raises(BackupRefused, match="There are data in this database"):
            restores.restore(world.settings, pair.source(), quiet)
        with pytest.raises(BackupRefused, match="There are keys in this key store"):
            restores.restore(world.settings, pair.source(keys=True, vkey=lived.vkey), quiet)


@pytest.mark.one_database("sqlite", reason="files, their ages and the clock: no database")
def test_backups_go_when_their_time_is_over_and_files_with_the_last_that_needs_them(
    world: World, pair: Pair, home: Path, database_url: str
) -> None:
    """The newest stays however old it is; a sealed file goes once no backup that is kept names it."""
    lived = live(world)
    settings = world.settings.model_copy(update={"data_backup_days": 7.0, "key_backup_days": 1.0})

    def later(days: float) -> list[str]:
        with time_machine.travel(now() + timedelta(days=days), tick=False):
            return list(backups.take(settings, world.house, pair.target))

    def kept(place: Path) -> int:
        return len(places.listed(place))

    later(0)
    later(2)
    assert (kept(pair.target.place), kept(pair.target.keys_place)) == (2, 1)
    [file] = [path for path in (pair.target.place / "files").rglob("*") if path.is_file()]
    leave(world, lived.person)
    later(8)
    assert kept(pair.target.place) == 2 and file.is_file()
    later(9.5)
    assert kept(pair.target.place) == 2 and not file.exists()


@pytest.mark.one_database("sqlite", reason="a blob store's failure: no database")
def test_a_backup_that_fails_leaves_nothing_but_its_entry(
    world: World, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full half way: no file, no draft, the older backup still whole, and the trail says so."""
    live(world)
    take(world, pair)

    def full(*_given: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("storage.backups.streams.os.fsync", full)
    told = world.told()
    with time_machine.travel(now() + timedelta(days=1), tick=False), pytest.raises(OSError, match="No space"):
        take(world, pair)
    monkeypatch.undo()
    assert [event["action"] for event in world.events(since=told)] == ["backup.failed"]
    assert len(places.listed(pair.target.place)) == 1 and not list(pair.target.place.rglob("*.part"))
    with places.alone(pair.target.place), pytest.raises(BackupRefused, match="Another process"):
        take(world, pair)


@pytest.mark.one_database("sqlite", reason="a rehearsal restores into SQLite, whatever the database is")
def test_a_rehearsal_measures_and_leaves_everything_as_it_was(
    world: World, pair: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both times are in the trail; a file that is missing beside the backup is found, and it fails."""
    live(world)
    take(world, pair)
    lines: list[str] = []
    told = world.told()
    with time_machine.travel(now() + timedelta(minutes=90), tick=True):
        assert restores.rehearse(world.settings, pair.source(keys=True), lines.append)
    [event] = world.events(since=told)
    assert event["action"] == "backup.rehearsed" and 90 * 60 <= event["details"]["lostSeconds"] < 92 * 60
    assert event["details"]["findingCount"] == 0 and any("Recovery time" in line for line in lines)
    shutil.rmtree(pair.target.place / "files")
    assert not restores.rehearse(world.settings, pair.source(keys=True), quiet)
    assert world.events(since=told)[-1]["outcome"] == "FAILED"
    assert world.events(since=told)[-1]["details"]["findingCount"] > 0


@pytest.mark.one_database("sqlite", reason="another database than it came from is the point; below it is PostgreSQL")
def test_sqlite_moves_to_postgresql(world: World, pair: Pair, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A platform that outgrows one machine takes everything with it, the queue too."""
    lived = live(world)
    take(world, pair)
    with request.getfixturevalue("postgresql").fresh_database() as url:
        settings = load(home=tmp_path / "grown", database_url=url, worker=False)
        restores.restore(settings, pair.source(keys=True, vkey=lived.vkey), quiet)
        with opened(settings.home, url) as again:
            assert content(again, lived) == FILE
            assert again.footprint()["queue"] == world.footprint()["queue"]


@pytest.mark.one_database("sqlite", reason="the trail's own rules do not depend on the database")
def test_a_trail_that_was_published_further_is_said_and_not_signed_over(
    world: World, pair: Pair, elsewhere: Callable[..., Settings]
) -> None:
    """The backup is older than the newest checkpoint outside: restored, with a finding; a new name begins a new log."""
    lived = live(world)
    take(world, pair)
    world.project(lived.person)
    assert lived.sequencer.advance()
    settings = elsewhere(ledger_dir=world.settings.ledger_dir)
    [found] = restores.restore(settings, pair.source(keys=True, vkey=lived.vkey), quiet).findings
    assert "rolled_back" in found and "docs/operations/backups.md" in found
    there = world.settings.ledger_dir
    with opened(settings.home, settings.database_url, ledger_dir=there) as again, pytest.raises(LedgerRefused):
        advances(again, there)
    told = {"origin": "muniment.local/2", "ledger_dir": settings.home / "ledger-2"}
    with opened(settings.home, settings.database_url, **told) as again:
        assert advances(again, settings.home / "ledger-2")
        assert again.client.get("/ledger/checkpoint").text.startswith("muniment.local/2\n")


@pytest.mark.one_database("sqlite", reason="words of commands")
def test_the_commands_say_what_to_do(world: World, pair: Pair, tmp_path: Path) -> None:
    """From `backup take` to `restore`, with every option that is missing named."""
    lived = live(world)
    identity = tmp_path / "identity"
    identity.write_text(pair.identities)
    run = CliRunner()

    def say(*words: str) -> tuple[int, str]:
        done = run.invoke(app, [*words, "--home", str(world.settings.home)])
        return done.exit_code, done.output

    code, told = say("backup", "take")
    assert code == 1 and "MUNIMENT_BACKUP_RECIPIENT" in told
    both = ("--to", str(tmp_path / "a"), "--keys-to", str(tmp_path / "a" / "b"))
    assert "each a directory of its own" in say("backup", "take", *both, "--recipient", pair.target.recipient)[1]
    both = ("--to", str(pair.target.place), "--keys-to", str(pair.target.keys_place))
    assert "secret key" in say("backup", "take", *both, "--recipient", pair.identities)[1]
    assert not pair.target.place.exists()
    code, told = say("backup", "take", *both, "--recipient", pair.target.recipient)
    assert code == 0 and "beside 1 sealed files" in told
    code, told = say("backup", "list", *both)
    assert code == 0 and told.count(".backup.age") == 2
    code, told = say("backup", "verify", str(pair.taken(Kind.DATA)), "--identity", str(identity))
    assert code == 0 and "Whole, and signed by muniment.local" in told
    assert "key-encryption key" in say("backup", "verify", str(pair.taken(Kind.KEYS)), "--identity", str(identity))[1]
    options = ("--data", str(pair.taken(Kind.DATA)), "--keys", str(pair.taken(Kind.KEYS)), "--identity", str(identity))
    code, told = say("restore", *options, "--rehearse")
    assert code == 0 and "Recovery point" in told
    done = run.invoke(app, ["restore", *options, "--vkey", lived.vkey, "--home", str(tmp_path / "new")])
    assert done.exit_code == 0 and "Restored: start the server." in done.output
    shutil.rmtree(pair.target.place / "files")
    code, told = say("backup", "verify", str(pair.taken(Kind.DATA)), "--identity", str(identity))
    assert code == 1 and "Missing beside it" in told


def test_a_backup_sees_one_moment(world: World, pair: Pair) -> None:
    """What is written while it is read is in none of its tables, or in all."""
    lived = live(world)
    engine = open_engine(make_url(world.settings.database_url))
    queue.prepare(engine)
    original = tables.dumped
    wrote: list[str] = []

    def meanwhile(connection: Any, kept: Any) -> Iterator[bytes]:
        for line in original(connection, kept):
            if not wrote:
                wrote.append(world.project(lived.person, "Meanwhile"))
            yield line

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(taking.tables, "dumped", meanwhile)
        take(world, pair)
    rows: list[Any] = []
    streams.read(pair.taken(Kind.DATA), pair.identities, rows.append)
    start = next(i for i, line in enumerate(rows) if isinstance(line, dict) and line.get("table") == "projects")
    projects = list(takewhile(lambda line: isinstance(line, list), rows[start + 1 :]))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM projects")).scalar_one() == 2
    assert len(projects) == 1
    engine.dispose()

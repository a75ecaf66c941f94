"""Erasures that are killed, overtaken, lied to, or undone by a restored backup: all come to the same end."""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from agents import runtime
from agents.erasures import destroying, erase, resume_open_erasures, tidy
from agents.runtime import Agents
from policies.access import Policy
from storage import erasures
from storage.assets import Asset, Blob
from storage.blobs.contexts import FileContext, FileKind
from storage.blobs.store import BlobStore
from storage.contributors import Contributor
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.ids import new_id
from storage.keys.errors import KeyDestroyed
from storage.keys.keyring import Keyring
from storage.keys.names import KeysetName
from storage.legal_holds import LegalHold, LegalHoldStatus
from storage.records import Record
from storage.truncation import TruncationBusy
from tests import forks
from tests.agents import households
from tests.agents.households import ROOT, Person, ask_deletion, household
from tests.beginnings import Beginning
from tests.house_policy import house_policy

pytestmark = pytest.mark.begins_with("mara", fill=households.with_export)


@pytest.fixture
def usual_beginning(keyed: Beginning) -> Beginning:
    """With keys, and without the rows of a first start."""
    return keyed


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents, with a queue."""
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The policy as it stands."""
    return house_policy()


@pytest.fixture
def mara(agents: Agents, beginning: Beginning) -> Person:
    """Someone with two projects and an export."""
    found: Person = beginning.left
    return found


def deletion(agents: Agents, deletion_id: uuid.UUID) -> Deletion:
    with transaction(agents.store.engine, read_only=True) as session:
        found = session.get(Deletion, deletion_id)
    assert found is not None
    return found


def count(agents: Agents, model: type[Record]) -> int:
    with transaction(agents.store.engine, read_only=True) as session:
        return len(session.execute(select(*model.__table__.primary_key)).all())


def assert_nothing_is_left(agents: Agents, asked: uuid.UUID, home: Path) -> None:
    """The account is erased and verified, the journal closed, no file on disk."""
    done = deletion(agents, asked)
    assert (done.status, done.remaining, done.keysets_destroyed) == (DeletionStatus.ERASED, {}, 8)
    assert done.destroyed["contributors"] == 1
    assert (done.destroyed["assets"], done.destroyed["blobs"], done.destroyed["outputs"]) == (4, 3, 4)
    assert done.bytes_destroyed > 200_000
    assert (count(agents, Contributor), count(agents, Asset), count(agents, Blob)) == (0, 0, 0)
    assert agents.store.keyring.count_owned_by(done.owner_id) == 0
    assert agents.store.keyring.open_erasures() == []
    assert not [path for path in (home / "data" / "blobs").rglob("*") if path.is_file()]


KILLED = """
import os, signal, sys, uuid
from pathlib import Path
from storage.blobs.store import BlobStore
from storage.catalogue import models
from storage.database import open_engine
from storage.keys.keyring import Keyring
from agents import runtime
from agents.erasures import destroying, erase, pacing, reducing, verifying
from tests.agents.households import household
models()
def die(*_given, **_named):
    os.kill(os.getpid(), signal.SIGKILL)
def die_after(function, times=1):
    calls = []
    def killed(*given, **named):
        result = function(*given, **named)
        calls.append(1)
        if len(calls) == times:
            die()
        return result
    return killed
match sys.argv[4].split():
    case ["before", step]:
        setattr(destroying, step, die)
    case ["file", times]:
        reducing._ONE_PIECE, pacing._MOST = 0, 1
        BlobStore.remove_all = die_after(BlobStore.remove_all, int(times))
    case ["piece", times]:
        reducing._ONE_PIECE, pacing._MOST = 0, 1
        reducing._piece = die_after(reducing._piece, int(times))
    case ["keys"]:
        Keyring.destroy_owned_by = die_after(Keyring.destroy_owned_by)
    case ["rows"]:
        destroying.destroy_data = die_after(destroying.destroy_data)
    case ["close"]:
        Keyring.close_erasure = die
with household(Path(sys.argv[1]), open_engine(sys.argv[2])) as agents:
    erase(agents, uuid.UUID(sys.argv[3]))
"""

STEPS = ("journal", "stop", "destroy_keys", "truncate_wal", "verify")


@pytest.mark.one_database("sqlite", reason="takes a second process each; what PostgreSQL may do otherwise is below")
@pytest.mark.parametrize(
    "point", [*(f"before {step}" for step in STEPS), "keys", "file 1", "file 2", "piece 2", "close"]
)
def test_killed_anywhere_it_comes_to_the_same_end(
    agents: Agents, mara: Person, home: Path, database_url: str, point: str
) -> None:
    """kill -9 between and within the steps; the next start finishes from the journal, or from the queue."""
    assert_it_survives(agents, mara, home, database_url, point)


@pytest.mark.parametrize("point", ["before destroy_data", "piece 20", "rows"])
def test_killed_around_its_transaction_it_comes_to_the_same_end(
    agents: Agents, mara: Person, home: Path, database_url: str, point: str
) -> None:
    """kill -9 just before the rows go, between two pieces of them, and just after."""
    assert_it_survives(agents, mara, home, database_url, point)


def assert_it_survives(agents: Agents, mara: Person, home: Path, database_url: str, point: str) -> None:
    """An account's erasure that is killed at `point` ends as if it had not been."""
    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    done = forks.run(["-c", KILLED, home, database_url, asked, point], cwd=ROOT)
    assert done.returncode == -9, done.stderr.decode()
    if point != "close":
        assert deletion(agents, asked).status is not DeletionStatus.ERASED
    decided = [entry.deletion_id for entry in agents.store.keyring.open_erasures()]
    if point in ("before stop", "before journal"):
        assert decided == []
        assert agents.store.keyring.count_owned_by(mara.id) == 8, "nothing is destroyed that is not journalled"
        assert count(agents, Asset) == 4
    else:
        assert decided == [asked]
    agents.store.keyring._cache.clear()  # as a process has it that starts
    resume_open_erasures(agents)
    erase(agents, asked)  # DBOS takes up again what was queued
    assert_nothing_is_left(agents, asked, home)


def keep_a_file(patch: pytest.MonkeyPatch) -> None:
    def keep(store: BlobStore, blobs: Sequence[uuid.UUID]) -> int:
        return store._keyring.destroy(*(KeysetName("blob", str(blob)) for blob in blobs))

    patch.setattr(BlobStore, "remove_all", keep)


def keep_a_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keyring, "destroy", lambda _ring, *_names: 0)


def keep_a_row(patch: pytest.MonkeyPatch) -> None:
    ways = erasures.ways
    patch.setattr(
        erasures,
        "ways",
        lambda session, model, aims: iter(()) if model.__tablename__ == "blobs" else ways(session, model, aims),
    )


@pytest.mark.parametrize(("keep", "found"), [(keep_a_file, "files"), (keep_a_key, "keysets"), (keep_a_row, "blobs")])
def test_the_verifier_believes_nobody(
    agents: Agents, mara: Person, monkeypatch: pytest.MonkeyPatch, keep: Any, found: str
) -> None:
    """A file, a key or a row that stayed: PARTIALLY_ERASED, with the count; done right, the next start ends it."""
    asked = ask_deletion(agents, mara, DeletionScope.ASSET, mara.assets[0])
    with monkeypatch.context() as patch:
        keep(patch)
        erase(agents, asked)
    left = deletion(agents, asked)
    assert left.status is DeletionStatus.PARTIALLY_ERASED
    assert left.remaining[found] >= 1
    assert [entry.deletion_id for entry in agents.store.keyring.open_erasures()] == [asked]
    assert resume_open_erasures(agents) == 1
    assert (deletion(agents, asked).status, deletion(agents, asked).remaining) == (DeletionStatus.ERASED, {})
    assert agents.store.keyring.open_erasures() == []


def test_an_upload_that_comes_in_meanwhile_loses(
    agents: Agents, mara: Person, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was published after the others were removed goes too, before any row does."""
    remove, late = BlobStore.remove_all, new_id()
    project = KeysetName("project", str(mara.projects[0]))
    asked = ask_deletion(agents, mara, DeletionScope.ASSET, mara.assets[0])
    file = FileContext(FileKind.CONTENT, mara.id, mara.assets[0])

    def removed_while_uploading(store: BlobStore, blobs: Sequence[uuid.UUID]) -> int:
        done = remove(store, blobs)
        if not store.exists(late) and late not in blobs:
            with store.writer(late, project, file) as writer:
                writer.write(b"late")
                writer.finish()
            with transaction(agents.store.engine) as session:
                session.add(
                    Blob(
                        id=late,
                        owner_id=mara.id,
                        project_id=mara.projects[0],
                        object_id=mara.assets[0],
                        byte_size=4,
                        kind=file.kind,
                    )
                )
        return done

    with monkeypatch.context() as patch:
        patch.setattr(BlobStore, "remove_all", removed_while_uploading)
        patch.setattr(runtime, "PAUSES", (0.01,))
        erase(agents, asked)
    assert deletion(agents, asked).status is DeletionStatus.ERASED
    assert not agents.store.blobs.exists(late)
    assert not agents.store.keyring.exists(KeysetName("blob", str(late)))


def test_after_the_account_is_journalled_it_gets_no_key_again(agents: Agents, mara: Person) -> None:
    """An upload or an export that begins now is refused by the key store itself."""
    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    erase(agents, asked)
    with pytest.raises(KeyDestroyed):
        agents.store.keyring.create(KeysetName("contributor", str(mara.id)), mara.id)
    with pytest.raises(KeyDestroyed):
        agents.store.blobs.writer(
            new_id(),
            KeysetName("project", str(mara.projects[0])),
            FileContext(FileKind.CONTENT, mara.id, mara.assets[0]),
        )


@pytest.mark.one_database("sqlite", reason="PostgreSQL has no log of its own to truncate")
def test_a_log_that_is_still_read_keeps_the_deletion_open(
    agents: Agents, mara: Person, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """It is not called erased until the database's log is empty; the next start ends it."""

    def busy(_engine: Engine) -> None:
        raise TruncationBusy

    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    with monkeypatch.context() as patch:
        patch.setattr(destroying, "truncate_wal", busy)
        patch.setattr(runtime, "PAUSES", (0.01, 0.01))
        with pytest.raises(TruncationBusy):
            erase(agents, asked)
    assert deletion(agents, asked).status is DeletionStatus.VERIFYING
    assert resume_open_erasures(agents) == 1
    assert_nothing_is_left(agents, asked, home)


@pytest.mark.one_database("sqlite", reason="a backup of SQLite is a copy of its files")
def test_a_restored_backup_is_erased_again_before_anything_is_served(
    agents: Agents, mara: Person, home: Path, engine: Engine, tmp_path: Path
) -> None:
    """Data from before the deletion, even from before it was asked for, with the keys as they are now."""
    engine.dispose()
    shutil.copytree(home / "data", tmp_path / "backup")
    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    erase(agents, asked)
    engine.dispose()
    shutil.rmtree(home / "data")
    shutil.copytree(tmp_path / "backup", home / "data")
    with transaction(
        engine
    ) as session:  # kept by law at the time of the backup; lifted since, or it had not been erased
        session.execute(update(LegalHold).values(status=LegalHoldStatus.ACTIVE))
    assert (count(agents, Contributor), count(agents, Deletion)) == (1, 0)

    assert resume_open_erasures(agents) == 1
    done = deletion(agents, asked)
    assert (done.status, done.remaining, done.keysets_destroyed) == (DeletionStatus.ERASED, {}, 0)
    assert (count(agents, Contributor), count(agents, Asset), count(agents, Blob)) == (0, 0, 0)
    assert not [path for path in (home / "data" / "blobs").rglob("*") if path.is_file()]
    assert resume_open_erasures(agents) == 0


def test_tidying_takes_debris_and_nothing_that_is_known(agents: Agents, mara: Person) -> None:
    """A file that no row names goes, with its key; the others stay."""
    stray = new_id()
    file = FileContext(FileKind.ARCHIVE, mara.id, stray)
    with agents.store.blobs.writer(stray, KeysetName("contributor", str(mara.id)), file) as writer:
        writer.write(b"stray")
        writer.finish()
    before = agents.store.keyring.count_owned_by(mara.id)
    assert tidy(agents, older_than_seconds=0) == 1
    assert not agents.store.blobs.exists(stray)
    assert agents.store.keyring.count_owned_by(mara.id) == before - 1

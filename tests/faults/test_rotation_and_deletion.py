"""Keys are rotated while things are deleted, killed or not: the deletion wins, and the rotation comes to its end."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import ColumnElement, Engine, Row

from agents.erasures import destroying, erase, resume_open_erasures
from agents.runtime import Agents
from storage import queue, resealing, rotations
from storage.certificates import verifying
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.keys.names import KeysetName, contributor_keyset, project_keyset, search_keyset
from storage.keys.rotation import INTRODUCED, LOOKUPS, PROMOTED, SEALING, Rotation
from storage.ledger import signing
from tests import forks
from tests.agents.households import ROOT, ask_deletion, household, person


@pytest.fixture
def keys_url(home: Path, database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Keys on the same kind of database as data, apart from them."""
    if database == "sqlite":
        yield f"sqlite:///{home}/keys/keys.sqlite3"
    else:
        with request.getfixturevalue("postgresql").fresh_database("template1") as address:
            yield address


class House:
    """Mara, who leaves with all she has, and Noor, who deletes a project and an asset of another one."""

    def __init__(self, agents: Agents, place: Path) -> None:
        self.agents, self.place = agents, place
        self.mara, self.noor = person(agents, "mara", projects=2), person(agents, "noor", projects=2)
        self.omar = person(agents, "omar", projects=0)
        self.before = self.there()
        self.asked: list[uuid.UUID] = []

    def there(self) -> set[KeysetName]:
        """Every keyset that there is."""
        owners = [self.mara, self.noor, self.omar]
        names = [contributor_keyset(each.id) for each in owners]
        names += [project_keyset(each) for someone in owners for each in someone.projects]
        return self.agents.store.keyring.existing(names)

    def ask(self) -> None:
        things = ((self.mara, DeletionScope.ACCOUNT, self.mara.id),)
        things += ((self.noor, DeletionScope.PROJECT, self.noor.projects[0]),)
        things += ((self.noor, DeletionScope.ASSET, self.noor.assets[1]),)
        self.asked = [ask_deletion(self.agents, *each) for each in things]

    def delete(self) -> None:
        """All of it, from asking to the certificate."""
        if not self.asked:
            self.ask()
            for each in self.asked:
                erase(self.agents, each)

    def rotate(self, told: rotations.Told = lambda *_: None) -> rotations.Rotated:
        return rotations.rotate_keysets(self.agents.store, told)

    def rotate_lookups(self) -> rotations.Rotated:
        return rotations.rotate_lookups(self.agents.store, lambda *_: None)

    def assert_deletion_won(self) -> None:
        """Each is erased, with a certificate that holds; no key of it is there, and no work of what stays is lost."""
        store = self.agents.store
        key = signing.log_key(store.origin, store.keyring)
        for each in self.asked:
            with transaction(store.engine, read_only=True) as session:
                done = session.get_one(Deletion, each)
            assert (done.status, done.remaining) == (DeletionStatus.ERASED, {})
            file = self.place / "certificate.json"
            file.write_text(json.dumps(done.certificate))
            assert verifying.verify(file, key).exit_code == 0
        assert store.keyring.count_owned_by(self.mara.id) == 0
        assert store.keyring.open_erasures() == []
        stays = {contributor_keyset(self.noor.id), contributor_keyset(self.omar.id)}
        assert self.there() == stays | {project_keyset(self.noor.projects[1])}
        found = resealing.reseal(store.engine, store.keyring, lambda *_: None)
        assert (found.renewed, found.damaged) == (0, set())

    def assert_rotated(self, since: datetime, kinds: ColumnElement[bool] = SEALING) -> None:
        """To a hundred per cent: nothing is left half way, and nothing is older."""
        rotation = self.agents.store.keyring.rotation()
        assert rotation.begun(kinds) is None
        assert rotation.due(since, kinds) == []


@pytest.fixture
def house(home: Path, engine: Engine, keys_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Nobody here holds on to keys, so nobody is waited for."""
    monkeypatch.setattr(rotations, "PATIENCE", 0.0)
    monkeypatch.setattr(rotations, "_MARGIN", 0.0)
    monkeypatch.setattr(resealing, "_LONGEST_PAUSE", 0.0)
    queue.prepare(engine)
    with household(home, engine, keys=keys_url) as agents:
        agents.store.keyring.cache_seconds = 0.0
        yield House(agents, home)


@pytest.mark.parametrize(
    ("stage", "whose"),
    [
        pytest.param(None, "search", id="to be given a key"),
        pytest.param(INTRODUCED, "project", id="to be used"),
        pytest.param(PROMOTED, "contributor", id="to lose one"),
    ],
)
def test_what_was_read_to_be_rotated_and_is_deleted_then_stays_deleted(
    house: House, stage: str | None, whose: str
) -> None:
    """In the one moment that counts: between reading a keyset and writing it. The rotation goes on with the others."""
    began, find = now(), Rotation._find
    first = house.mara.projects[0]
    its = {
        "search": search_keyset(first),  # a project's key wraps it
        "project": project_keyset(first),
        "contributor": contributor_keyset(house.mara.id),
    }[whose]

    def found(self: Rotation, name: KeysetName) -> Row[Any] | None:
        row = find(self, name)
        if name == its and row is not None and row.stage == stage:
            house.delete()
        return row

    with mock.patch.object(Rotation, "_find", found):
        rotated = house.rotate_lookups() if whose == "search" else house.rotate()
    assert house.asked
    assert rotated.held == 0
    house.assert_deletion_won()
    house.assert_rotated(began, LOOKUPS if whose == "search" else SEALING)


BETWEEN = ("journal", "destroy_keys", "destroy_data", "verify")


def test_a_rotation_in_the_middle_of_a_deletion_brings_no_key_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other order: before each step of the deletions, all keys are rotated from the beginning to the end."""
    rotated: list[str] = []

    def after_rotating(step: str) -> Callable[..., Any]:
        real = getattr(destroying, step)

        def do(*given: Any) -> Any:
            if step not in rotated:
                rotated.append(step)
                began = now()
                assert house.rotate().held == 0
                house.assert_rotated(began)
            return real(*given)

        return do

    for step in BETWEEN:
        monkeypatch.setattr(destroying, step, after_rotating(step))
    house.delete()
    assert rotated == list(BETWEEN)
    house.assert_deletion_won()


KILLED = """
import os, signal, sys
from pathlib import Path
from storage import rotations
from storage.catalogue import models
from storage.database import open_engine
from tests.agents.households import household
models()
rotations.PATIENCE = rotations._MARGIN = 0.0
def told(step, done, total):
    if step == sys.argv[4] and done >= min(2, total):
        os.kill(os.getpid(), signal.SIGKILL)
with household(Path(sys.argv[1]), open_engine(sys.argv[2]), keys=sys.argv[3]) as agents:
    agents.store.keyring.cache_seconds = 0.0
    rotations.rotate_keysets(agents.store, told)
"""
ERASED_HALF = """
import os, signal, sys, uuid
from pathlib import Path
from agents.erasures import destroying, erase
from storage.catalogue import models
from storage.database import open_engine
from storage.keys import keyring
from tests.agents.households import household
models()
keyring.AT_ONCE = 2
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
with household(Path(sys.argv[1]), open_engine(sys.argv[2]), keys=sys.argv[3]) as agents:
    destroying.Pace.rest = die
    erase(agents, uuid.UUID(sys.argv[4]))
"""


@pytest.mark.parametrize("step", ["in use"])
def test_a_rotation_that_was_killed_goes_on_with_what_was_not_deleted_meanwhile(
    house: House, home: Path, database_url: str, keys_url: str, step: str
) -> None:
    """kill -9 in the middle of a step, then the deletions, then the rotation again: to its end, and nothing comes back."""
    done = forks.run(["-W", "ignore", "-c", KILLED, home, database_url, keys_url, step], cwd=ROOT)
    assert done.returncode == -9, done.stderr
    rotation = house.agents.store.keyring.rotation()
    began = rotation.begun(SEALING)
    assert began is not None
    house.agents.store.keyring._cache.clear()
    house.delete()
    house.rotate()
    house.assert_deletion_won()
    house.assert_rotated(began)


def test_keys_are_rotated_between_two_halves_of_an_account(
    house: House, home: Path, database_url: str, keys_url: str
) -> None:
    """Its keys go in pieces; killed after the first one, a rotation passes over the rest, which then go as well."""
    store = house.agents.store
    before = store.keyring.count_owned_by(house.mara.id)
    asked = ask_deletion(house.agents, house.mara, DeletionScope.ACCOUNT, house.mara.id)
    done = forks.run(["-W", "ignore", "-c", ERASED_HALF, home, database_url, keys_url, asked], cwd=ROOT)
    assert done.returncode == -9, done.stderr
    store.keyring._cache.clear()
    assert 0 < store.keyring.count_owned_by(house.mara.id) < before
    assert not store.keyring.exists(contributor_keyset(house.mara.id))
    began = now()
    assert house.rotate().held == 0
    house.assert_rotated(began)
    assert house.rotate_lookups().held == 0
    house.assert_rotated(began, LOOKUPS)
    assert 0 < store.keyring.count_owned_by(house.mara.id) < before
    assert resume_open_erasures(house.agents) == 1
    house.asked = [asked]
    for scope, thing in (
        (DeletionScope.PROJECT, house.noor.projects[0]),
        (DeletionScope.ASSET, house.noor.assets[1]),
    ):
        house.asked.append(ask_deletion(house.agents, house.noor, scope, thing))
        erase(house.agents, house.asked[-1])
    house.assert_deletion_won()
    with transaction(store.engine, read_only=True) as session:
        assert session.get_one(Deletion, asked).keysets_destroyed == before

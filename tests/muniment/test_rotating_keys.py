"""The platform's own keys are rotated while people use it: look-ups, sessions, signatures. Nobody notices anything."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from agents.ledger import Sequencer
from resolvers import keys
from storage import rotations
from storage.accounts import AlreadyExists, add_account
from storage.clock import now
from storage.contributors import Contributor
from storage.database import transaction
from storage.keys.names import HASHES
from storage.ledger import checkpoint, signing
from storage.ledger.events import RotatedKeys
from storage.ledger.notes import NoteRefused, VerifierKey, verify_note
from storage.rotations import Rotated
from storage.sealed import Sealed
from storage.search.indexes import AssetWord
from storage.sessions import Session
from storage.staff import StaffMember
from tests.world import MODERN, PASSWORD, TEXT, Person, World, agent_scope, raw_id

SEARCH = "query($s: String!) { assets(search: $s) { edges { node { title } } } }"
PAGE = "query($a: String) { projects(first: 1, after: $a) { pageInfo { endCursor } edges { node { name } } } }"
CREATE = 'mutation { it: createProject(input: {name: "Once"}) { project { id } auditEventId } }'
DAY = timedelta(days=1, hours=1)


class Stopped(Exception):
    """The rotation was killed here."""


@pytest.fixture(autouse=True)
def in_a_hurry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here holds on to anything, so nobody is waited for."""
    monkeypatch.setattr(rotations, "PATIENCE", 0.0)
    monkeypatch.setattr(rotations, "_MARGIN", 0.0)
    monkeypatch.setattr(world.house.store.keyring, "cache_seconds", 0)


@dataclass
class Life:
    """Somebody who has one of everything that a keyed hash vouches for."""

    world: World
    ada: Person
    key: Person
    project: str
    ticket: str
    cursor: str
    once: str
    born: int = 0

    def goes_on(self) -> None:
        """All of it works, what must not does not, and what begins now will go on too."""
        world, ada = self.world, self.ada
        assert world.ask("{ viewer { kind } }", self.key).data["viewer"]["kind"] == "API_KEY"
        assert world.sign_in(ada.email).data["it"]["viewer"]["kind"] == "CONTRIBUTOR"
        found = world.ask(SEARCH, ada, s="rive").data["assets"]["edges"]
        assert [edge["node"]["title"] for edge in found] == ["A river"]
        assert world.client.get(self.ticket).content == TEXT
        assert world.ask(PAGE, ada, a=self.cursor).data["projects"]["edges"]
        assert self.repeated() == self.once
        before = world.footprint()
        taken = {"email": ada.email, "password": PASSWORD, "displayName": "x"}
        assert world.do("registerContributor", None, **taken).code == "CONFLICT"
        assert world.sign_in(ada.email, "wrong" * 4).code == "UNAUTHENTICATED"
        assert world.sign_in(ada.email).code is None  # the failures are forgotten again
        assert world.ask("{ viewer { kind } }", ada.token[:-1] + "!").code == "UNAUTHENTICATED"
        assert world.ask("{ viewer { kind } }", self.key.token[:-3] + "xyz").code == "UNAUTHENTICATED"
        after = world.footprint()
        assert {each for each in after if after[each] != before[each]} <= {
            "sessions",
            "known_addresses",
            "sign_in_throttles",
        }
        self.born += 1
        friend = world.register(f"friend{self.born}")
        world.share(ada, self.project, friend, "VIEWER")

    def repeated(self) -> str:
        """The id of the project that was made once, however often it is asked for."""
        headers = {"accept": MODERN, "authorization": f"Bearer {self.ada.token}", "idempotency-key": "once"}
        answer = self.world.client.post("/graphql", json={"query": CREATE}, headers=headers).json()
        return str(answer["data"]["it"]["project"]["id"])


@pytest.fixture
def life(world: World) -> Life:
    ada = world.register("ada")
    world.employ()
    project = world.project(ada)
    world.project(ada, "Winter")
    asset = world.asset(ada, project, title="A river")
    _, key = world.key(ada, "read")
    cursor = world.ask(PAGE, ada).data["projects"]["pageInfo"]["endCursor"]
    made = Life(world, ada, key, project, world.content_url(ada, asset), cursor, "")
    made.once = made.repeated()
    return made


def rotate(world: World, kind: RotatedKeys, told: rotations.Told = keys.SILENT) -> Rotated:
    return keys.rotate(world.house, kind, told)


def lookups(world: World) -> set[bytes]:
    """What all accounts and words are found by."""
    with transaction(world.house.store.engine, read_only=True) as session:
        return {
            found
            for column in (Contributor.email_lookup, StaffMember.email_lookup, AssetWord.token)
            for found in session.scalars(select(column))
        }


def keys_in(world: World, kind: RotatedKeys) -> list[int]:
    """How many keys each keyset of that kind holds."""
    keyring = world.house.store.keyring
    return [len(keyring.keyed_hashes("email", "x")), len(keyring.keyed_hashes("session", "x")), len(keyring.signers())]


@pytest.mark.parametrize("kind", [RotatedKeys.LOOKUPS, RotatedKeys.SESSIONS, RotatedKeys.SIGNING])
def test_everything_works_at_every_step(life: Life, kind: RotatedKeys) -> None:
    """What was begun under the old key, and what begins meanwhile; and the step is told to its hundredth part."""
    last: dict[str, float] = {}

    def look(step: str, done: int, total: int) -> None:
        if step not in last:
            life.goes_on()
        last[step] = done / total

    rotate(life.world, kind, look)
    life.goes_on()
    step = {RotatedKeys.LOOKUPS: "hashed anew"}.get(kind, "what the old one made has ended")
    assert set(last) == {"new keys", "known everywhere", "in use", "the old ones unused", step} | (
        {"old keys destroyed"} if kind is RotatedKeys.LOOKUPS else set()
    )
    ended = last.pop("what the old one made has ended", 0.0)
    assert ended < 1
    assert set(last.values()) == {1.0}


@pytest.mark.parametrize("step", ["in use", "hashed anew"])
def test_a_rotation_of_lookups_that_was_stopped_goes_on(life: Life, step: str) -> None:
    """Then every hash is another, and only the new key is there."""
    before = lookups(life.world)

    def stop(at: str, _done: int, _total: int) -> None:
        if at == step:
            raise Stopped

    with pytest.raises(Stopped):
        rotate(life.world, RotatedKeys.LOOKUPS, stop)
    life.goes_on()
    rotate(life.world, RotatedKeys.LOOKUPS)
    assert lookups(life.world) & before == set()
    assert keys_in(life.world, RotatedKeys.LOOKUPS) == [1, 1, 1]
    search = life.world.house.store.keyring.search_key(raw_id(life.project))
    assert search is not None
    assert len(search.hashes(b"x")) == 1
    life.goes_on()


def test_an_email_that_does_not_open_holds_its_key_back(life: Life) -> None:
    """Whoever it is still signs in; words and everybody else have new keys."""
    engine = life.world.house.store.engine
    with transaction(engine) as session:
        session.execute(
            update(Contributor).where(Contributor.id == raw_id(life.ada.id)).values(email=Sealed(b"\x01" + b"x" * 60))
        )
    done = rotate(life.world, RotatedKeys.LOOKUPS)
    assert (done.keysets, done.held, done.until) == (1, 1, None)
    assert keys_in(life.world, RotatedKeys.LOOKUPS) == [2, 1, 1]
    assert life.world.sign_in(life.ada.email).code is None


def test_two_processes_make_no_second_account_of_one_email(life: Life) -> None:
    """One still writes it down under the old key, the other under the new one: the second finds the first."""
    store = life.world.house.store
    rotation = store.keyring.rotation()
    rotation.introduce(HASHES, now())
    old, new = store.keyring.keyed_hashes("email", "eve@example.org")
    for mine in ([old, new], [new, old]):
        with store.begin(agent_scope()) as work:
            row = StaffMember(email_lookup=mine[0])
            work.vault.seal(row, email="eve@example.org", password_hash="x")
            if mine[0] == old:
                add_account(work.session, mine, row)
                continue
            with pytest.raises(AlreadyExists):
                add_account(work.session, mine, row)
    with transaction(store.engine, read_only=True) as session:
        assert len(session.scalars(select(StaffMember).where(StaffMember.email_lookup.in_([old, new]))).all()) == 1


def test_the_old_key_of_sessions_goes_when_what_it_made_has_ended(life: Life) -> None:
    """Not before: the session of today would end with it. And then nothing that it made is good any more."""
    first = rotate(life.world, RotatedKeys.SESSIONS)
    assert (first.keysets, first.held) == (0, 0)
    assert first.until is not None
    assert now() + timedelta(hours=23) < first.until < now() + DAY
    assert life.world.events("keys.rotated") == []
    assert keys_in(life.world, RotatedKeys.SESSIONS) == [1, 2, 1]
    life.goes_on()
    with transaction(life.world.house.store.engine) as session:  # it was begun when sessions were to live longer
        ends = now() + timedelta(days=3)
        session.execute(update(Session).where(Session.subject_id == raw_id(life.ada.id)).values(expires_at=ends))
    again = rotate(life.world, RotatedKeys.SESSIONS)
    assert again.until is not None
    assert again.until >= ends
    with time_machine.travel(now() + timedelta(days=3, hours=1)):
        done = rotate(life.world, RotatedKeys.SESSIONS)
        assert (done.keysets, done.until) == (1, None)
        assert keys_in(life.world, RotatedKeys.SESSIONS) == [1, 1, 1]
        assert life.world.client.get(life.ticket).status_code == 404
        again_in = life.world.sign_in(life.ada.email).data["it"]["session"]["token"]
        assert life.world.ask(PAGE, again_in, a=life.cursor).code == "BAD_USER_INPUT"
    assert [each["details"]["keys"] for each in life.world.events("keys.rotated")] == ["sessions"]


def published(world: World) -> str:
    """The newest checkpoint, over everything."""
    sequencer = Sequencer(world.house.store, world.settings.ledger_dir, lambda: "0" * 16)
    while sequencer.advance():
        pass
    sequencer._release()
    return world.client.get("/ledger/checkpoint").text


def test_both_keys_sign_and_the_old_one_names_the_new(life: Life) -> None:
    """Whoever has the old verifier key checks on with it, and comes to the new one by it; the log is never halted."""
    world = life.world
    before = published(world)
    old = world.client.get("/ledger/vkey").text.strip()
    assert world.client.get("/ledger/vkeys").json() == []
    assert rotate(world, RotatedKeys.SIGNING).until is not None
    both, new = published(world), world.client.get("/ledger/vkey").text.strip()
    assert new != old
    assert {checkpoint.verified(both, each).size for each in (old, new)} == {len(world.events())}
    known = world.client.get("/ledger/vkeys").json()
    assert [each["vkey"] for each in known] == [new, old]
    named = verify_note(known[0]["note"], old)
    assert named == f"signing key\n{world.settings.origin}\n{new}\n"
    with time_machine.travel(now() + timedelta(days=31)):
        assert rotate(world, RotatedKeys.SIGNING).keysets == 1
        world.register("late")
        alone = published(world)
    assert keys_in(world, RotatedKeys.SIGNING)[2] == 1
    with pytest.raises(NoteRefused):
        checkpoint.verified(alone, old)
    assert checkpoint.verified(alone, new).size > checkpoint.verified(both, new).size
    keyring = world.house.store.keyring
    assert VerifierKey.parse(old).public_key not in {each.public_key for each in keyring.signers()}
    assert signing.verified_here(before, world.settings.origin, keyring).size > 0  # it is known for ever
    forged = before.replace("muniment.local", "elsewhere.local")
    with pytest.raises(NoteRefused):
        signing.verified_here(forged, world.settings.origin, keyring)


def test_agents_rotate_what_is_due_and_leave_alone_what_waits(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind once; what only waits is not begun anew every day, and is ended when it has waited."""
    house, period = life.world.house, timedelta(days=365)
    assert list(keys.rotate_overdue(house, period)) == []
    with time_machine.travel(now() + timedelta(days=366)):
        done = dict(keys.rotate_overdue(house, period))
        assert list(done) == list(keys.KINDS)
        assert {kind for kind, each in done.items() if each.until} == {RotatedKeys.SESSIONS, RotatedKeys.SIGNING}
        assert list(keys.rotate_overdue(house, period)) == []
    with time_machine.travel(now() + timedelta(days=368)):
        assert [kind for kind, _ in keys.rotate_overdue(house, period)] == [RotatedKeys.SESSIONS]
    with time_machine.travel(now() + timedelta(days=397)):
        assert [kind for kind, _ in keys.rotate_overdue(house, period)] == [RotatedKeys.SIGNING]

"""Which policy a process serves by: at its start, and when another one comes into force, here or elsewhere."""

import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from weakref import WeakValueDictionary

import pytest
from sqlalchemy import text

from agents.models.gateway import Gateway
from agents.runtime import Agents
from agents.sentinel import Sentinel
from muniment.house import open_house
from muniment.policies import Follower
from muniment.settings import Settings
from muniment.variables import SettingsError, load
from policies import program
from policies.actions import Action
from policies.compiled import Policy
from policies.errors import PolicyError
from policies.force import InForce
from policies.workbench import checking
from resolvers import staff
from resolvers.context import Context
from resolvers.house import PolicySources
from resolvers.identity import identify
from resolvers.lockdowns import deciding
from resolvers.policies import standing
from storage import policies
from storage.bells import RIGHTS
from storage.database import transaction
from storage.keys.errors import KeyStoreUnavailable
from storage.keys.kms import InsecureWarning
from storage.projects import Project
from storage.staff import StaffRole
from storage.work import Store
from tests.faults.servers import Callers, serving, wait_for
from tests.policies_at_work import (
    BROKEN,
    IN_FORCE,
    LESS,
    OWN,
    SAME,
    compiled,
    confirm,
    hash_of,
    propose,
    ruled,
    save,
    two_people,
)
from tests.world import ROOT, Person, World, code_of, raw_id


def count(world: World, statement: str = IN_FORCE) -> int:
    """What a counting statement answers."""
    with world.house.store.engine.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def brought(world: World, policy: bytes) -> str:
    """Have two people bring this policy into force, and wait until `world` serves by it; answers its version."""
    first, second = two_people(world)
    name = save(world, policy)
    proposed = propose(world, first, name).data["it"]["proposal"]
    confirm(world, second, name, proposed["id"]).data  # noqa: B018 - fails the test where it did not work
    wait_for(lambda: world.house.policy.version == name[:16])
    return name[:16]


@pytest.fixture
def world(home: Path, database_url: str, cheap_passwords: None) -> Iterator[World]:
    """An installation of which a policy is in force already."""
    with ruled(home, database_url) as found:
        yield found


def test_the_first_start_takes_the_file_and_keeps_it(home: Path, database_url: str, cheap_passwords: None) -> None:
    """From then on it is in the database; the same file at the next start is no change."""
    for _ in range(2):
        with ruled(home, database_url) as world:
            assert world.house.policy.version == hash_of(OWN)[:16]
            assert count(world) == 1
            assert [event["details"] for event in world.events("policy.entered")] == [
                {"version": hash_of(OWN)[:16], "follows": None, "origin": "START"}
            ]


TOUCHED = {
    "none": "NULL",
    "another": "(SELECT sound_mark FROM policy_changes AS first WHERE first.number = 1)",
}


def elsewhere(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[InForce, list[str]]:
    """Another process that follows, and what it looked over itself."""
    looked: list[str] = []
    really = standing.load

    def load(source: bytes, name: str) -> Policy:
        looked.append(hash_of(source))
        return really(source, name)

    force = InForce(compiled(OWN), 1)
    monkeypatch.setattr(standing, "load", load)
    monkeypatch.setattr(checking, "_living", WeakValueDictionary())
    return force, looked


def test_what_one_process_found_sound_no_other_looks_over_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes seconds, in which a right that was taken away would still be there."""
    brought(world, LESS)
    force, looked = elsewhere(world, monkeypatch)
    began = time.monotonic()
    assert standing.follow(world.house.store, force, "policy.polar")
    assert time.monotonic() - began < 1
    assert (force.policy.version, looked) == (hash_of(LESS)[:16], [])


@pytest.mark.parametrize("touched", TOUCHED)
def test_without_a_mark_that_fits_a_policy_is_looked_over(
    world: World, monkeypatch: pytest.MonkeyPatch, touched: str
) -> None:
    """Whoever can write the row, and has not the keys, can only make it slower."""
    brought(world, LESS)
    with world.house.store.engine.begin() as connection:
        connection.execute(text(f"UPDATE policy_changes SET sound_mark = {TOUCHED[touched]} WHERE number = 2"))  # noqa: S608
    force, looked = elsewhere(world, monkeypatch)
    assert standing.follow(world.house.store, force, "policy.polar")
    assert (force.policy.version, looked) == (hash_of(LESS)[:16], [hash_of(LESS)])


def test_a_policy_of_another_program_is_looked_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older release found sound, a newer one may not."""
    brought(world, LESS)
    force, looked = elsewhere(world, monkeypatch)
    monkeypatch.setattr(program, "_ours", lambda: b"another program")
    assert standing.follow(world.house.store, force, "policy.polar")
    assert looked == [hash_of(LESS)]


def test_in_development_the_file_wins_at_the_start(home: Path, database_url: str, cheap_passwords: None) -> None:
    """Whoever edits the policy and starts the server again sees the edit; what was before is kept."""
    with ruled(home, database_url):
        pass
    with ruled(home, database_url, LESS) as world:
        assert world.house.policy.version == hash_of(LESS)[:16]
        assert (count(world), count(world, "SELECT count(*) FROM policy_versions")) == (2, 2)


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.one_database("sqlite", reason="nothing is written: what the database is makes no difference")
def test_a_policy_that_can_not_be_served_does_not_start(
    home: Path, database_url: str, cheap_passwords: None, what: str
) -> None:
    """Neither as the first policy nor after another one; and nothing of it is kept."""
    content = BROKEN[what] if what in ("ten megabytes", "no text at all") else OWN + BROKEN[what]
    with pytest.raises(PolicyError), ruled(home, database_url, content):
        pass
    with ruled(home, database_url) as world:
        assert count(world) == 1
    with pytest.raises(PolicyError), ruled(home, database_url, content):
        pass
    with ruled(home, database_url) as world:
        assert (count(world), count(world, "SELECT count(*) FROM policy_versions")) == (1, 1)


@pytest.fixture
def store(world: World) -> Store:
    """What such an installation stores."""
    return world.house.store


def may_share(context: Context, project: uuid.UUID) -> bool:
    """Whether the door lets the caller share this project."""
    row = context.access.get(Project, project, Action.READ, (Action.SHARE,))
    context.work.session.expunge(row)
    return Action.SHARE in row.decisions


def employed(settings: Settings, api: Callers, role: StaffRole) -> Person:
    """A member of staff of a server in another process, added as its operator does."""
    email = f"{role.lower()}@example.org"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        with open_house(settings) as house:
            hired = staff.add(house, email, [role])
    token = api.sign_in(email, hired.password, totp=code_of(hired.second_factor)).data["it"]["session"]["token"]
    return Person(role, token, email=email)


def started(store: Store, home: Path, policy: bytes, **said: str) -> Policy:
    """What a process in production starts with, where `policy` lies on the disk."""
    (home / "policy.polar").write_bytes(policy)
    return standing.at_start(store, PolicySources(home / "policy.polar"), **said).policy


@pytest.mark.parametrize("policy", [SAME, LESS, OWN + BROKEN["a slip of the pen"], BROKEN["ten megabytes"]])
def test_in_production_another_file_does_not_come_into_force_by_a_start(
    store: Store, home: Path, policy: bytes
) -> None:
    """The policy that two people confirmed is served, whatever lies on the disk; a broken file harms nobody."""
    assert started(store, home, policy).version == hash_of(OWN)[:16]
    (home / "policy.polar").unlink()
    sources = PolicySources(home / "policy.polar")
    assert standing.at_start(store, sources).policy.version == hash_of(OWN)[:16]


def test_a_release_may_name_the_policy_it_comes_with(store: Store, home: Path) -> None:
    """The hash in the settings brings that very file into force, once, and the trail says that it was so."""
    for _ in range(2):
        assert started(store, home, LESS, accepted=hash_of(LESS)).version == hash_of(LESS)[:16]
    with transaction(store.engine, read_only=True) as session:
        found = policies.newest(session)
        change = policies.change_of(session, 2)
    assert (found, change.origin.value) == (policies.Newest(2, hash_of(LESS)), "ACCEPTED")
    assert started(store, home, SAME, accepted=hash_of(OWN)).version == hash_of(LESS)[:16]


def test_a_policy_that_this_release_can_not_use_is_not_replaced_in_silence(store: Store, home: Path) -> None:
    """Then there is nothing to serve by: the message names the setting that says what is meant."""
    broken = OWN + BROKEN["an unknown class"]
    with transaction(store.engine) as session:
        policies.keep(session, hash_of(broken), hash_of(broken)[:16], broken)
        changed = policies.PolicyChange(hash=hash_of(broken), origin=policies.PolicyOrigin.RELOAD, follows=1)
        policies.enter(session, changed)
    with pytest.raises(PolicyError, match=f"MUNIMENT_POLICY_ACCEPTED={hash_of(SAME)}"):
        started(store, home, SAME)
    assert started(store, home, SAME, accepted=hash_of(SAME)).version == hash_of(SAME)[:16]


def test_processes_that_start_together_agree(home: Path, database_url: str, cheap_passwords: None) -> None:
    """The one that comes second finds what the first one wrote, and takes it."""
    with ruled(home, database_url) as world:
        store, sources = world.house.store, world.house.sources
        with transaction(store.engine) as session:
            session.execute(text("DELETE FROM policy_changes"))
            session.execute(text("DELETE FROM policy_versions"))
        really, looked = policies.newest, []

        def late(session: object) -> policies.Newest | None:
            found = really(session)
            if not looked:
                looked.append(found)
                standing.at_start(store, sources)
            return found

        policies.newest = late
        try:
            assert standing.at_start(store, sources).held.number == 1
        finally:
            policies.newest = really
        assert (looked, count(world)) == ([None], 1)


def test_every_house_on_a_database_follows(home: Path, database_url: str, cheap_passwords: None) -> None:
    """What comes into force through one is in force in the other, without anybody asking it to look."""
    with ruled(home, database_url) as one, ruled(home, database_url) as other:
        assert one.house.force is not other.house.force
        version = brought(one, LESS)
        wait_for(lambda: one.house.policy.version == other.house.policy.version == version)


def test_a_request_keeps_the_policy_it_began_with(home: Path, database_url: str, cheap_passwords: None) -> None:
    """What it may do and what its events name is one policy; the next one goes by the new policy."""
    with ruled(home, database_url) as world:
        ada = world.register("ada")
        project = raw_id(world.project(ada))
        context = Context(world.house, identify(world.house, ada.token))
        with context.reading():
            world.house.force.replace(compiled(LESS), 2)
            assert context.access.policy.version == hash_of(OWN)[:16]
            assert may_share(context, project)
        with context.reading():
            assert context.work.scope.policy_version == hash_of(OWN)[:16]
        later = context.again()
        with later.reading():
            assert later.access.policy.version == hash_of(LESS)[:16]
            assert not may_share(later, project)
        context.renewed("prompt_progress")
        assert context.policy.version == hash_of(LESS)[:16]


def test_agents_go_by_the_policy_of_their_step(home: Path, database_url: str, cheap_passwords: None) -> None:
    """A run that goes on for long asks by the policy that is in force at each step, and its events say by which."""
    with ruled(home, database_url) as world:
        agents = Agents(world.house.store, world.house.force, Gateway([]))
        for policy in (OWN, LESS):
            world.house.force.replace(compiled(policy), 1)
            with agents.acting("generation", None, run=uuid.uuid4(), read_only=True) as (work, access):
                world.house.force.replace(compiled(SAME), 1)
                assert access.policy.hash == hash_of(policy)
                assert work.scope.policy_version == hash_of(policy)[:16]


def test_what_goes_on_by_itself_names_the_policy_in_force_when_it_happens(
    home: Path, database_url: str, cheap_passwords: None
) -> None:
    """The trail says of each entry which policy was in force, and not which one was as the process started."""
    with ruled(home, database_url) as world:
        sentinel = Sentinel(world.house.store, world.house.policy_version)
        for policy in (OWN, LESS):
            world.house.force.replace(compiled(policy), 1)
            assert sentinel.scope().policy_version == hash_of(policy)[:16]


def test_a_policy_that_can_not_be_loaded_here_leaves_the_last_good_one(
    home: Path, database_url: str, cheap_passwords: None
) -> None:
    """A newer release may confirm what an older process can't read: it keeps what it has, alerts once, and is not ready."""
    broken = OWN + BROKEN["an unknown class"]
    with ruled(home, database_url) as world:
        with transaction(world.house.store.engine) as session:
            policies.keep(session, hash_of(broken), hash_of(broken)[:16], broken)
            changed = policies.PolicyChange(hash=hash_of(broken), origin=policies.PolicyOrigin.RELOAD, follows=1)
            policies.enter(session, changed)
        wait_for(lambda: world.house.force.held.unloadable)
        for _ in range(3):
            Follower(world.house).look()
        assert world.house.policy.version == hash_of(OWN)[:16]
        ready = world.client.get("/health/ready")
        assert (ready.status_code, hash_of(broken)[:16] in ready.text) == (503, True)
        alerts = world.events("policy.reload_failed")
        assert [event["details"] for event in alerts] == [{"version": hash_of(broken)[:16], "reason": "broken"}]
        with transaction(world.house.store.engine) as session:
            policies.keep(session, hash_of(SAME), hash_of(SAME)[:16], SAME)
            better = policies.PolicyChange(hash=hash_of(SAME), origin=policies.PolicyOrigin.RELOAD, follows=2)
            policies.enter(session, better)
        wait_for(lambda: world.house.policy.version == hash_of(SAME)[:16])
        assert world.client.get("/health/ready").status_code == 200


def test_a_policy_that_fails_here_keeps_no_lock_down_out(
    home: Path, database_url: str, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be loaded here, and not even be recorded, is no reason to go on as if nobody had locked down."""
    broken = OWN + BROKEN["an unknown class"]
    with ruled(home, database_url) as world:
        monkeypatch.setattr(standing, "record_failure", unanswered)
        with transaction(world.house.store.engine) as session:
            policies.keep(session, hash_of(broken), hash_of(broken)[:16], broken)
            changed = policies.PolicyChange(hash=hash_of(broken), origin=policies.PolicyOrigin.RELOAD, follows=1)
            policies.enter(session, changed)
        ada, told = world.register("ada"), list[str]()
        with world.house.bell.calling(lambda: told.append("look again"), RIGHTS):
            deciding.begin_at_machine(world.house, "Somebody has a key that is not theirs.", 1)
            with pytest.raises(KeyStoreUnavailable):
                Follower(world.house).look()
            assert world.do("createProject", ada, name="New").code == "LOCKED_DOWN"
            assert told


def unanswered(*_given: object) -> None:
    """As when the key store is away: nothing can be recorded."""
    raise KeyStoreUnavailable("the key store does not answer")


def test_a_text_that_was_changed_in_the_database_is_not_loaded(
    home: Path, database_url: str, cheap_passwords: None
) -> None:
    """The hash that two people confirmed is what counts."""
    with ruled(home, database_url) as world:
        with transaction(world.house.store.engine) as session:
            policies.keep(session, hash_of(SAME), hash_of(SAME)[:16], LESS)
            policies.enter(
                session, policies.PolicyChange(hash=hash_of(SAME), origin=policies.PolicyOrigin.RELOAD, follows=1)
            )
        wait_for(lambda: world.house.force.held.unloadable)
        assert world.house.policy.version == hash_of(OWN)[:16]


def test_a_watched_file_comes_into_force_when_it_is_saved(
    home: Path, database_url: str, cheap_passwords: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken one is told as `policy check` tells it, and leaves the last good one."""
    with ruled(home, database_url, policy_watch=True) as world:
        save(world, LESS)
        wait_for(lambda: world.house.policy.version == hash_of(LESS)[:16])
        save(world, OWN + BROKEN["an unknown field"])
        wait_for(lambda: world.events("policy.reload_failed"))
        assert world.house.policy.version == hash_of(LESS)[:16]
        told = capsys.readouterr().err
        assert "error[unknown-field]: Asset has no “ownr_id”" in told
        assert "policy.polar:" in told
        assert "The last good policy stays in force" in told
        save(world, SAME)
        wait_for(lambda: world.house.policy.version == hash_of(SAME)[:16])


def test_a_file_that_nobody_watches_changes_nothing(home: Path, database_url: str, cheap_passwords: None) -> None:
    """Without --watch-policy a saved file is only what can be proposed."""
    with ruled(home, database_url) as world:
        save(world, LESS)
        follower = Follower(world.house)
        follower.look()
        follower.look()
        assert world.house.policy.version == hash_of(OWN)[:16]
        assert count(world) == 1


def test_production_watches_no_file(home: Path) -> None:
    """There one person alone does not change who may do what."""
    with pytest.raises(SettingsError, match="MUNIMENT_POLICY_WATCH"):
        load(home=home, env="production", policy_watch=True)


def test_a_command_beside_a_server_changes_no_policy(home: Path, database_url: str, cheap_passwords: None) -> None:
    """Only what serves takes the file: `staff add` goes by what is in force."""
    with ruled(home, database_url) as world:
        save(world, LESS)
        with open_house(world.settings) as house:
            assert house.policy.version == hash_of(OWN)[:16]
        assert count(world) == 1


@pytest.mark.timeout(300)
@pytest.mark.one_database("postgresql", reason="on SQLite a home takes one process")
def test_two_processes_switch(tmp_path: Path, database_url: str) -> None:
    """Real servers on one database: two people ask one of them, and the other one refuses as well."""
    homes = [tmp_path / name for name in ("one", "other")]
    with ExitStack() as stack:
        servers = []
        for home in homes:
            for part in ("", "data", "keys"):
                (home / part).mkdir(mode=0o700)
            file = home / "policy.polar"
            file.write_bytes(OWN)
            keys = homes[0] / "keys"
            settings = {
                "policy_file": file,
                "policy_approvals": ROOT / "policies" / "approvals.yaml",
                "key_store_url": f"sqlite:///{keys}/keys.sqlite3",
                "kek_uri": f"insecure-local://{keys}",
                "blob_dir": homes[0] / "data" / "blobs",
                "worker": False,
            }
            chosen = load(home=home, database_url=database_url, **settings)
            servers.append(stack.enter_context(serving(home, database_url, **settings)))
        one, other = servers
        ada = one.api.register("ada")
        people = [employed(chosen, one.api, role) for role in (StaffRole.SYSADMIN, StaffRole.SECURITY)]
        (homes[0] / "policy.polar").write_bytes(LESS)
        proposed = propose(one.api, people[0], hash_of(LESS)).data["it"]["proposal"]
        asked = "{ policy { version } }"
        assert other.api.ask(asked, ada).data["policy"]["version"] == hash_of(OWN)[:16]
        confirm(other.api, people[1], hash_of(LESS), proposed["id"]).data  # noqa: B018 - fails where it did not work
        confirmed_at = time.monotonic()
        for server in servers:
            wait_for(lambda s=server: s.api.ask(asked, ada).data["policy"]["version"] == hash_of(LESS)[:16])
        # 0.1 s where nothing else runs. A process that looked the text over itself took 3.4 s there.
        assert time.monotonic() - confirmed_at < 2
        assert one.told()["policy.entered"] == 2

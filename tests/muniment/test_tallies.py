"""Counting together: several processes charge the same budgets and count the same streams, by a real Valkey server."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from muniment import doctor, tallies
from muniment.budgets import SharedBudgets
from muniment.crowds import Crowd
from muniment.tallies import Tallies
from muniment.variables import load
from resolvers.budgets import Budgets
from resolvers.errors import RateLimited
from resolvers.watching import Watch
from storage.keys.errors import KeyStoreUnavailable
from storage.keys.keyring import Keyring
from tests.faults.servers import wait_for
from tests.services.relay import Relay
from tests.services.valkey import Valkey, running
from tests.storage.keyrings import ROOT, keyring_in

SIZE = 600_000
ADA = "0190f3c2-5b1e-7c3a-9d57-3f1f4b6c2a11"


class Counting(Watch):
    """Counts how often a process counted by itself."""

    alone = 0

    def counted_alone(self) -> None:
        self.alone += 1


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with running() as started:
        yield started


@pytest.fixture(autouse=True)
def _empty(server: Valkey) -> None:
    server.admin.flushall()


@pytest.fixture
def keyring(home: Path) -> Iterator[Keyring]:
    with keyring_in(home) as opened:
        yield opened


@contextmanager
def process(url: str, keyring: Keyring, watch: Watch | None = None) -> Iterator[SharedBudgets]:
    """The budgets of a process of its own."""
    with closing(Tallies(url, keyring, watch)) as shared:
        yield SharedBudgets(shared)


def test_shared_budgets_answer_what_memory_answers(server: Valkey, keyring: Keyring) -> None:
    """Charge by charge, met or not, with what remains and when to come back."""
    alone = Budgets()
    with process(server.url, keyring) as shared:
        for cost in (0, 1, SIZE // 2, SIZE // 2 - 10_000, SIZE, SIZE * 3, 9_000, SIZE // 3):
            ours, theirs = alone.charge("a", cost, SIZE), shared.charge("a", cost, SIZE)
            assert (ours.retry_after is None) == (theirs.retry_after is None)
            assert theirs.remaining == pytest.approx(ours.remaining, abs=SIZE / 60)
            assert (theirs.retry_after or 0) == pytest.approx(ours.retry_after or 0, abs=1)
        assert shared.charge("b", SIZE * 3, SIZE) == Budgets().charge("b", SIZE * 3, SIZE)


def test_a_bucket_fills_again_by_the_servers_clock_and_is_forgotten_when_full(server: Valkey, keyring: Keyring) -> None:
    """Half a minute fills half of it; a clock that jumps back takes nothing away; after a minute nothing is kept."""
    with process(server.url, keyring) as shared:
        assert shared.charge("a", SIZE, SIZE).retry_after is None
        (key,) = server.admin.keys()
        assert 0 < server.admin.pttl(key) <= 60_000
        now = float(server.admin.hget(key, "moment"))
        for then, least, most in ((now - 30, SIZE * 0.49, SIZE * 0.6), (now + 3600, 0, SIZE * 0.1)):
            server.admin.hset(key, mapping={"level": 0, "moment": then})
            assert least <= shared.charge("a", 0, SIZE).remaining <= most
        server.admin.hset(key, mapping={"level": SIZE, "moment": now - 3600})
        assert shared.charge("a", 0, SIZE).remaining == SIZE


def test_processes_together_take_no_more_than_one_bucket(server: Valkey, keyring: Keyring) -> None:
    """From many threads at once: what was met is what one bucket holds; nobody else's is touched."""
    met: list[bool] = []
    with process(server.url, keyring) as first, process(server.url, keyring) as second:

        def work(budgets: SharedBudgets) -> None:
            met.extend(budgets.charge("a", SIZE // 20, SIZE).retry_after is None for _ in range(10))

        threads = [threading.Thread(target=work, args=(each,)) for each in (first, second) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(met) == 60
        assert 20 <= sum(met) <= 22  # one bucket, and what came in meanwhile
        assert first.charge("a", SIZE, SIZE).retry_after is not None
        assert second.charge("b", SIZE, SIZE).retry_after is None


def test_a_charge_is_one_round_trip_and_leaves_nothing_to_read(server: Valkey, keyring: Keyring) -> None:
    """The script is sent once. Names are keyed hashes: neither a principal's id nor an address lies there."""
    with process(server.url, keyring) as shared:
        shared.charge(ADA, 1, SIZE)
        before, loaded = server.calls("evalsha"), server.calls("script|load")
        for _ in range(5):
            shared.charge("192.0.2.7", 1, SIZE)
        assert server.calls("evalsha") == before + 5
        assert server.calls("script|load") == loaded
    for key in server.admin.scan_iter():
        said = f"{key} {server.admin.hgetall(key)}"
        assert ADA not in said
        assert "192.0.2.7" not in said


def test_a_process_goes_on_by_itself_while_the_server_is_away(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From how full the buckets were, never without a limit; counted, told once a minute; shared again afterwards."""
    monkeypatch.setattr(tallies, "_AWAY_SECONDS", 0.0)
    watch = Counting()
    with running() as own, process(own.url, keyring, watch) as shared, structlog.testing.capture_logs() as logs:
        assert shared.charge("a", SIZE - 1000, SIZE).retry_after is None
        own.stop()
        refused = shared.charge("a", SIZE, SIZE)
        assert refused.retry_after is not None
        assert refused.remaining < SIZE // 2
        assert shared.charge("b", SIZE, SIZE).retry_after is None
        assert shared.charge("b", SIZE, SIZE).retry_after is not None
        assert watch.alone == 3
        own.start()
        assert shared.charge("c", 1, SIZE).retry_after is None
        assert watch.alone == 3
        assert len(own.admin.keys()) == 1
    assert [(line["log_level"], line.get("code")) for line in logs] == [
        ("warning", "ConnectionError"),
        ("warning", None),
    ]
    assert [line["count"] for line in logs] == [1, 2]


def test_nobody_waits_again_for_a_server_that_says_nothing(
    server: Valkey, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One caller finds out; until it is time to try again nobody else is held up, and then only one is."""
    relay = Relay(server.port)
    monkeypatch.setattr(tallies, "SECONDS", 0.2)
    with closing(relay), process(f"redis://127.0.0.1:{relay.port}", keyring) as shared:
        asked: list[str] = []
        take = shared._take
        monkeypatch.setattr(shared, "_take", lambda **given: asked.append("once") or take(**given))
        with relay.silent():
            for _ in range(50):
                shared.charge("a", 1, SIZE)
            assert len(asked) == 1
            shared.tallies._away_until = 1e-9  # it is time
            shared.charge("a", 1, SIZE)
            shared.charge("a", 1, SIZE)
            assert len(asked) == 2
        shared.tallies._away_until = 1e-9
        shared.charge("a", 1, SIZE)
        shared.charge("a", 1, SIZE)
        assert len(asked) == 4


@pytest.mark.parametrize("rule", ["-evalsha", "-hset", "resetkeys"])
def test_a_server_that_refuses_us_lets_nobody_through_unlimited(server: Valkey, keyring: Keyring, rule: str) -> None:
    """A user without the rights, a replica, a full memory: no error of the caller's, and a limit all the same."""
    server.admin.acl_setuser("weak", enabled=True, nopass=True, keys=["*"], commands=["+@all"])
    server.admin.execute_command("ACL", "SETUSER", "weak", rule)
    watch = Counting()
    url = server.url.replace("//", "//weak:any@")
    with process(url, keyring, watch) as shared:
        assert shared.charge("a", SIZE, SIZE).retry_after is None
        assert shared.charge("a", SIZE, SIZE).retry_after is not None
    assert watch.alone == 2


def test_what_lies_there_can_not_make_a_charge_fail(server: Valkey, keyring: Keyring) -> None:
    """Somebody else's value under our key, or numbers that are none."""
    with process(server.url, keyring) as shared:
        shared.charge("a", 1, SIZE)
        (key,) = server.admin.keys()
        server.admin.hset(key, mapping={"level": "many", "moment": "never"})
        assert shared.charge("a", SIZE // 2, SIZE).retry_after is None
        assert shared.charge("a", SIZE, SIZE).retry_after is not None
        server.admin.set(key, "something")
        assert shared.charge("a", SIZE, SIZE).retry_after is not None


def test_the_doctor_says_whether_the_server_answers(server: Valkey) -> None:
    """By running a script there; an address where nobody is, or that does not let us, is a finding without its password."""
    server.admin.execute_command("ACL", "SETUSER", "poor", "reset", "on", "nopass", "~*", "+ping")
    assert [finding.good for finding in doctor._tallies(load(limits_url=server.url))] == [True]
    for url in ("redis://x:hunter2@127.0.0.1:1", server.url.replace("//", "//poor:hunter2@")):
        (finding,) = doctor._tallies(load(limits_url=url))
        assert not finding.good
        assert "hunter2" not in finding.text
    assert doctor._tallies(load()) == []


def test_the_rights_that_the_guide_names_are_enough(server: Valkey, keyring: Keyring) -> None:
    """And no more are needed: a user of just these counts budgets and streams."""
    guide = (ROOT / "docs" / "operations" / "limits.md").read_text()
    rights = guide.split("The user needs `")[1].split("`")[0].split()
    server.admin.execute_command("ACL", "SETUSER", "muniment", "reset", "on", "nopass", "~muniment:*", *rights)
    server.admin.script_flush()
    watch = Counting()
    with process(server.url.replace("//", "//muniment:any@"), keyring, watch) as shared:
        assert shared.charge("a", SIZE, SIZE).retry_after is None
        crowd, counting = crowd_of(1, shared)
        with counting:
            crowd.enter(ADA)
    assert watch.alone == 0
    assert len(server.admin.keys()) == 1


def crowd_of(most: int, shared: SharedBudgets) -> Any:
    crowd = Crowd(most)
    return crowd, crowd.sharing(shared.tallies)


def test_streams_are_counted_over_all_processes(server: Valkey, keyring: Keyring) -> None:
    """Two of one caller's, wherever; a third once one of them has ended. A process that ends gives all of its back."""
    with process(server.url, keyring) as shared:
        (first, one), (second, two) = crowd_of(2, shared), crowd_of(2, shared)
        with two:
            with one:
                first.enter(ADA)
                second.enter(ADA)
                for crowd in (first, second):
                    with pytest.raises(RateLimited):
                        crowd.enter(ADA)
                first.enter("192.0.2.7")
                assert (first.size(), second.size()) == (2, 1)
            second.enter(ADA)
            with pytest.raises(RateLimited):
                second.enter(ADA)
        assert server.admin.keys() == []


def test_a_place_that_was_left_is_free_for_the_others(server: Valkey, keyring: Keyring) -> None:
    """Closing a stream in one process makes room in the next."""
    with process(server.url, keyring) as shared:
        (first, one), (second, two) = crowd_of(1, shared), crowd_of(1, shared)
        with one, two:
            first.enter(ADA)
            first.leave(ADA)
            first._shared._gone.put(None)  # what was left has been told when the thread is at its end
            first._shared._thread.join(timeout=30)
            second.enter(ADA)
            with pytest.raises(RateLimited):
                first.enter(ADA)
            assert first.size() == 0


def test_places_of_a_killed_process_end_and_those_of_a_living_one_do_not(server: Valkey, keyring: Keyring) -> None:
    """A place is a lease: renewed while its process lives, and again known after the server has forgotten it."""
    with process(server.url, keyring) as shared:
        (first, one), (second, two) = crowd_of(1, shared), crowd_of(1, shared)
        with one, two:
            first.enter(ADA)
            (key,) = server.admin.keys()
            assert 0 < server.admin.ttl(key) <= 60
            ((place, _),) = server.admin.zrange(key, 0, -1, withscores=True)
            server.admin.zadd(key, {place: 1})  # as after a minute without renewal
            second.enter(ADA)
            second.leave(ADA)
            server.admin.flushall()
            first._shared.renew()
            with pytest.raises(RateLimited):
                second.enter(ADA)


def test_without_a_server_each_process_counts_its_own_streams(server: Valkey, keyring: Keyring) -> None:
    """Nobody is turned away for its sake, and nobody may hold more in one process than in all."""
    relay = Relay(server.port)
    with closing(relay), process(f"redis://127.0.0.1:{relay.port}", keyring) as shared, relay.hanging_up():
        (first, one), (second, two) = crowd_of(1, shared), crowd_of(1, shared)
        with one, two:
            for crowd in (first, second):
                crowd.enter(ADA)
                with pytest.raises(RateLimited):
                    crowd.enter(ADA)


def test_no_caller_waits_for_a_key_service_to_be_counted(
    server: Valkey, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What callers are counted under stays in memory; a thread reads it again, and where it can't, the old one is used."""
    with process(server.url, keyring) as shared:
        shared.charge(ADA, 1, SIZE)
        (before,) = server.admin.keys()
        asked, given = threading.Event(), threading.Event()
        really = keyring.keyed_hash

        def slow(purpose: str, value: bytes | str) -> bytes:
            asked.set()
            assert given.wait(60)
            raise KeyStoreUnavailable("it does not answer")

        monkeypatch.setattr(keyring, "keyed_hash", slow)
        monkeypatch.setattr(tallies, "_RENEWED_EVERY_SECONDS", 0.0)
        assert shared.charge(ADA, 1, SIZE).remaining < SIZE
        assert asked.wait(60)
        shared.charge(ADA, 1, SIZE)
        assert server.admin.keys() == [before]
        given.set()
        monkeypatch.setattr(keyring, "keyed_hash", lambda purpose, value: really(purpose, value)[::-1])
        wait_for(lambda: shared.charge(ADA, 1, SIZE) and len(server.admin.keys()) == 2)

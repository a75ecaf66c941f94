"""Turns of deliveries: dead webhooks and bad addresses of one contributor hold up nobody else's letters."""

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import generation, notices, runtime, turns
from agents.mail import Mail
from agents.models.gateway import Gateway
from agents.turns import Job, TryLater, Turns
from agents.webhooks import Receivers
from resolvers.notices import issue
from storage.clock import now
from storage.database import transaction
from storage.ledger.envelopes import new_secret
from storage.notices import Delivery, Notice, NoticeKind, NoticeSettings
from tests.agents.gates import Open
from tests.agents.test_outward import Receiver, receiver
from tests.agents.test_turns import at_work, until
from tests.agents.worlds import World
from tests.services.postbox import postbox

__all__ = ["receiver"]

assert generation.WORKFLOW
assert notices.WORKFLOWS


class Deaf:
    """A server that takes connections and never answers; `drips` sends a byte of its answer's head now and then."""

    def __init__(self, *, drips: bool = False) -> None:
        self.taken: list[socket.socket] = []
        self._drips = drips
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                taken, _ = self._listening.accept()
            except OSError:
                return
            self.taken.append(taken)
            if self._drips:
                threading.Thread(target=self._drip, args=(taken,), daemon=True).start()

    def _drip(self, taken: socket.socket) -> None:
        try:
            for byte in b"HTTP/1.1 204 No Content\r\nx-a: " + b"y" * 10_000:
                taken.sendall(bytes([byte]))
                time.sleep(0.2)
        except OSError:
            return

    def close(self) -> None:
        self._listening.close()
        for each in self.taken:
            each.close()


@pytest.fixture(params=[False, True], ids=["silent", "dripping"])
def deaf(request: pytest.FixtureRequest) -> Iterator[Deaf]:
    found = Deaf(drips=request.param)
    yield found
    found.close()


def tell(world: World, owner: uuid.UUID, kind: NoticeKind = NoticeKind.SECURITY) -> uuid.UUID:
    with world.work() as work:
        return issue(work, owner, kind, "Something", "Happened.", now()).id


def hooked(world: World, owner: uuid.UUID, port: int) -> None:
    with world.work() as work:
        settings = NoticeSettings(owner_id=owner, product_emails=True)
        work.vault.seal(settings, webhook_url=f"http://127.0.0.1:{port}/", webhook_secret=new_secret())
        work.session.add(settings)


def notice(world: World, notice_id: uuid.UUID) -> Notice:
    with transaction(world.store.engine, read_only=True) as session:
        return session.get_one(Notice, notice_id)


def test_eight_dead_webhooks_hold_up_nobody(world: World, gateway: Gateway, receiver: Receiver, deaf: Deaf) -> None:
    """Another's comes at the first attempt, while those of the first wait for theirs in the queue, and in no worker."""
    ada, ben = world.contributor(), world.contributor()
    hooked(world, ada, deaf.port)
    hooked(world, ben, receiver.port)
    dead = [tell(world, ada) for _ in range(8)]
    agents = at_work(world, gateway, inside_too=True, gate=Open())
    try:
        until(lambda: bool(deaf.taken))
        good = tell(world, ben)
        until(lambda: notice(world, good).webhook is Delivery.SENT)
        assert notice(world, good).webhook_attempts == 1
        assert [notice(world, each).webhook for each in dead] == [Delivery.QUEUED] * 8
        assert sum(notice(world, each).webhook_attempts for each in dead) <= 2
    finally:
        runtime.stop(agents)


def test_bad_addresses_hold_up_no_letter(world: World, gateway: Gateway, tmp_path: Path) -> None:
    """Four that are refused, put off, or slow; the letters of others are not behind them, and security is first."""
    bad = [world.contributor() for _ in range(4)]
    with postbox(tmp_path) as box:
        for person, answer in zip(bad, ("421 no", "451 later", "550 never", "slow"), strict=True):
            address = f"{person.hex}@example.org"
            with world.work() as work:
                from storage.contributors import Contributor

                row = work.session.get_one(Contributor, person)
                work.vault.seal(row, email=address)
            box.per_address[address] = answer
        for person in bad:
            for _ in range(3):
                tell(world, person, NoticeKind.PRODUCT)
        good = [world.contributor() for _ in range(3)]
        told = [tell(world, person) for person in good]
        sent = Mail.at(f"smtp://127.0.0.1:{box.port}", "notices@muniment.example")
        agents = at_work(world, gateway, inside_too=True, gate=Open(), mail=sent)
        try:
            until(lambda: all(notice(world, each).email is Delivery.SENT for each in told))
            assert box.tried[:4].count("a@example.org") == 3  # SECURITY, though it was written last; four at a time
            assert all(notice(world, each).email_attempts == 1 for each in told)
        finally:
            runtime.stop(agents)


def test_a_host_that_did_not_answer_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """For longer each time, up to a bound; one that answers is asked again at once. What is kept is bounded."""
    clock = [0.0]
    monkeypatch.setattr("agents.webhooks.time.monotonic", lambda: clock[0])
    receivers = Receivers()
    for rest in (10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0):
        receivers.note("dead.example", answered=False)
        clock[0] += rest - 0.1
        assert receivers.is_resting("dead.example")
        clock[0] += 0.2
        assert not receivers.is_resting("dead.example")
    receivers.note("dead.example", answered=True)
    receivers.note("dead.example", answered=False)
    clock[0] += 10.1
    assert not receivers.is_resting("dead.example")
    for number in range(3_000):
        receivers.note(f"{number}.example", answered=False)
    assert len(receivers._resting) == 1_000


def test_a_turn_ends_however_the_job_does() -> None:
    """What has ended keeps nobody from their next one."""
    found = Turns()
    job = Job("export", "export:1", "ada")
    for _ in range(2):
        with pytest.raises(ValueError, match="x"), found.take(job):
            assert turns.current() == job
            raise ValueError("x")
    assert turns.current() is None
    with found.take(job):
        with pytest.raises(TryLater), found.take(Job("export", "export:2", "ada")):
            pass
        with found.take(Job("export", "export:3", "ben")), found.take(Job("erase", "erase:1", "ada")):
            pass

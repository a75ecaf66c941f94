"""Runs of an agents' process that is gone for good are taken over by another, and only then."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from agents import runtime, takeovers
from agents.models.gateway import Gateway
from agents.runtime import Agents
from agents.takeovers import Takeover
from policies.force import InForce
from storage.attendance import Attendance, NobodyCanTell
from tests.agents.standins import StandIn
from tests.agents.test_crashes import wait_for
from tests.agents.test_runtime import statuses, wait_for_status
from tests.agents.worlds import World

ON_POSTGRESQL = pytest.mark.one_database("postgresql", reason="SQLite takes one process")


@contextmanager
def working(world: World, gateway: Gateway, name: str) -> Iterator[Agents]:
    agents = runtime.start(Agents(world.store, InForce(world.policy), gateway), executor_id=name)
    try:
        yield agents
    finally:
        runtime.stop(agents)


def left_behind(world: World) -> tuple[uuid.UUID, uuid.UUID]:
    """A prompt whose run was begun by a process that is called `lost`, and is not there any more; and whose it is."""
    owner = world.contributor()
    prompt = world.submit(world.project(owner), owner)
    with world.store.engine.begin() as connection:
        begun = "UPDATE dbos.workflow_status SET status = 'PENDING', executor_id = 'lost', started_at_epoch_ms = 0"
        assert connection.execute(text(begun)).rowcount == 1
    return prompt, owner


@ON_POSTGRESQL
def test_what_a_lost_process_began_is_finished_by_another_once_it_is_gone_for_long(
    world: World, gateway: Gateway, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while somebody is there under its name, not before the time is up, and not when nobody could look meanwhile."""
    prompt, owner = left_behind(world)
    there, takeover = Attendance(world.store.engine, "lost"), Takeover(world.store, "other")
    watch = Attendance(world.store.engine, "watch")

    def leave() -> None:
        there.leave()
        wait_for(lambda: "lost" in watch.absent())  # the server lets go a moment later

    moment = 1000.0
    with working(world, gateway, "other"):
        there.attend()
        assert takeover.once(moment) == 0
        moment += takeovers.ABSENT_SECONDS
        assert takeover.once(moment) == 0, "it is there"
        leave()
        assert takeover.once(moment) == 0, "it may be starting again"
        moment += takeovers.ABSENT_SECONDS - 1
        there.attend()
        assert takeover.once(moment) == 0
        leave()
        moment += 10
        assert takeover.once(moment) == 0, "it was there in between"
        moment += takeovers.ABSENT_SECONDS - 1
        with monkeypatch.context() as patch:
            patch.setattr(Attendance, "absent", away)
            assert takeover.once(moment) == 0
        moment += 10
        assert takeover.once(moment) == 0, "nobody could look for a while"
        assert statuses(world) == {f"generate:{prompt}": "PENDING"}
        moment += takeovers.ABSENT_SECONDS
        assert takeover.once(moment) == 1
        wait_for_status(world, "generate", prompt, "SUCCESS")
        moment += takeovers.ABSENT_SECONDS
        assert takeover.once(moment) == 0
    takeover.stop()
    watch.leave()
    assert world.texts(prompt, owner) == ["".join(stand_in.words)]


def away(self: Attendance) -> set[str]:
    raise NobodyCanTell(OSError())


@ON_POSTGRESQL
def test_a_name_is_one_process_s(world: World) -> None:
    """Who comes second is told so, and has the name once the first is gone; a connection that is lost is made anew."""
    first, second = Attendance(world.store.engine, "main"), Attendance(world.store.engine, "main")
    first.attend()
    second.attend()
    assert (first.alone, second.alone) == (True, False)
    first.leave()

    def has_it() -> bool:
        second.attend()
        return second.alone

    wait_for(has_it)
    with world.store.engine.begin() as connection:
        ended = "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
        assert connection.execute(text(ended)).all() == [(True,)]
    with pytest.raises(NobodyCanTell):
        second.absent()
    assert second.absent() == set()
    first.attend()
    assert not first.alone
    first.leave()
    second.leave()


@ON_POSTGRESQL
def test_two_processes_of_one_name_do_not_start_each_others_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has a number behind its name, and the name is free when its process is gone; there is a bound."""
    first, second, third = (Takeover(world.store, "main") for _ in range(3))
    assert (first.claim(), second.claim()) == ("main", "main-2")
    first.stop()
    monkeypatch.setattr(takeovers, "_MOST_OF_A_NAME", 1)
    wait_for(lambda: claims(third) == "main")
    with pytest.raises(takeovers.NamesTaken, match="MUNIMENT_WORKER_NAME"):
        Takeover(world.store, "main").claim()
    second.stop()
    third.stop()


def claims(takeover: Takeover) -> str | None:
    try:
        return takeover.claim()
    except takeovers.NamesTaken:
        return None


@pytest.mark.one_database("sqlite", reason="PostgreSQL has several processes")
def test_alone_on_sqlite_there_is_nobody_to_take_anything_from(world: World) -> None:
    """It neither looks nor waits."""
    takeover = Takeover(world.store, "main")
    assert takeover.claim() == "main"
    takeover.start()
    assert takeover.once(0) == 0
    takeover.stop()

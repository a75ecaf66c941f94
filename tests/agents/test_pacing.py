"""Pacing: while a piece is at work nobody waits long for the interpreter, and afterwards all is as it was."""

import sys
from collections.abc import Callable
from unittest import mock

import pytest

from agents.erasures import pacing
from agents.runtime import Agents, Stopping
from storage.traffic import Traffic


class _Clock:
    """Time that passes when somebody waits; `then` is what happens meanwhile, at that time."""

    def __init__(self) -> None:
        self.now, self.then = 0.0, dict[float, Callable[[], object]]()

    def monotonic(self) -> float:
        """What time it is."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds
        for moment in [moment for moment in self.then if moment <= self.now]:
            self.then.pop(moment)()


@pytest.fixture
def idle() -> mock.Mock:
    """Agents that never stop, in a house where nobody else is, and only one may write at a time."""
    agents = mock.create_autospec(Agents, instance=True)
    agents.store = mock.Mock(traffic=Traffic(), one_writer=True)
    return agents


@pytest.fixture
def clock(idle: mock.Mock, monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """What `idle` waits by."""
    clock = _Clock()
    monkeypatch.setattr(pacing, "time", clock)
    idle.pause.side_effect = clock.sleep
    return clock


def test_others_have_the_interpreter_sooner_while_a_piece_is_at_work_and_then_as_usual(idle: mock.Mock) -> None:
    """Two erasures at once: the first that ends does not take it from the other."""
    usual = sys.getswitchinterval()
    one, other = pacing.Pace(idle), pacing.Pace(idle)
    with other.turn():
        with one.turn():
            assert sys.getswitchinterval() == pytest.approx(pacing._TURN)
        assert sys.getswitchinterval() == pytest.approx(pacing._TURN)
    assert sys.getswitchinterval() == usual


def test_a_piece_that_fails_leaves_the_interpreter_as_it_was(idle: mock.Mock) -> None:
    """However it ends; and a process that is ending begins none."""
    usual = sys.getswitchinterval()
    with pytest.raises(ZeroDivisionError), pacing.Pace(idle).turn():
        raise ZeroDivisionError
    assert sys.getswitchinterval() == usual
    idle.go_on.side_effect = Stopping
    begun = False
    with pytest.raises(Stopping), pacing.Pace(idle).turn():
        begun = True
    assert not begun
    assert sys.getswitchinterval() == usual


def test_after_each_piece_others_have_several_times_as_long(idle: mock.Mock, clock: _Clock) -> None:
    """The pause is owed by what was done, and paid before anything else is."""
    pace = pacing.Pace(idle)
    with pace.turn():
        clock.sleep(0.01)
        idle.pause.assert_not_called()
        pace.rest()
        assert idle.pause.call_args.args[0] == pytest.approx(0.01 * pacing._LEFT)


def test_nothing_begins_while_somebody_reads(idle: mock.Mock, clock: _Clock) -> None:
    """It begins as soon as they have ended, and that wait is not work that a pause would be owed for."""
    pace, reader = pacing.Pace(idle), idle.store.traffic.entered(read_only=True)
    reader.__enter__()
    clock.then[0.003] = lambda: reader.__exit__()
    with pace.turn():
        assert clock.now == pytest.approx(0.003, abs=pacing._LOOK)
        pace.rest()
    assert clock.now == pytest.approx(0.003, abs=pacing._LOOK)


def test_whoever_reads_without_end_holds_nothing_up_for_ever(idle: mock.Mock, clock: _Clock) -> None:
    """A large deletion comes to its end in the busiest house; where the process ends, so does the wait."""
    pace = pacing.Pace(idle)
    with idle.store.traffic.entered(read_only=True):
        with pace.turn():
            assert clock.now == pytest.approx(pacing._WAY, abs=pacing._LOOK)
            pace.give_way()
            assert clock.now == pytest.approx(pacing._WAY + pacing._WAY_IN_TRANSACTION, abs=2 * pacing._LOOK)
        idle.pause.side_effect = Stopping
        with pytest.raises(Stopping):
            pace.rest()


@pytest.mark.parametrize(("one_writer", "waits"), [(True, False), (False, True)])
def test_a_transaction_does_not_wait_for_readers_while_others_wait_for_it(
    idle: mock.Mock, clock: _Clock, one_writer: bool, waits: bool
) -> None:
    """SQLite lets nobody else write until it has ended; PostgreSQL does."""
    idle.store.one_writer = one_writer
    traffic, pace = idle.store.traffic, pacing.Pace(idle)
    with pace.turn(), traffic.entered(read_only=True), traffic.entered(read_only=False):
        pace.give_way()
    assert (clock.now > 0) == waits


def test_nobody_is_let_pass_where_nobody_is(idle: mock.Mock, clock: _Clock) -> None:
    """An idle house's deletion is as fast as it was; nor does it wait for whoever only changes something."""
    pace = pacing.Pace(idle)
    with idle.store.traffic.entered(read_only=False), pace.turn():
        pace.give_way()
        pace.rest()
    assert clock.now == 0.0


def test_those_who_are_answered_are_known_until_they_are_however_that_ends() -> None:
    """One of two who end does not take the other with them."""
    traffic = Traffic()
    with traffic.entered(read_only=True):
        with pytest.raises(ZeroDivisionError), traffic.entered(read_only=True), traffic.entered(read_only=False):
            assert (traffic.reading, traffic.changing) == (True, True)
            raise ZeroDivisionError
        assert (traffic.reading, traffic.changing) == (True, False)
    assert (traffic.reading, traffic.changing) == (False, False)

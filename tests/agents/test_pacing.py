"""Pacing: while a piece is at work nobody waits long for the interpreter, and afterwards all is as it was."""

import sys
from unittest import mock

import pytest

from agents.erasures import pacing
from agents.runtime import Agents, Stopping


@pytest.fixture
def idle() -> mock.Mock:
    """Agents that never pause and never stop."""
    return mock.create_autospec(Agents, instance=True)


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


def test_after_each_piece_others_have_several_times_as_long(idle: mock.Mock) -> None:
    """The pause is owed by what was done, and paid before anything else is."""
    pace = pacing.Pace(idle)
    with mock.patch.object(pacing.time, "monotonic", side_effect=[0.0, 0.01, 1.0, 1.0]), pace.turn():
        idle.pause.assert_not_called()
        pace.rest()
        assert idle.pause.call_args.args[0] == pytest.approx(0.01 * pacing._LEFT)

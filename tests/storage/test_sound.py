"""The mark on a policy that was found sound: whoever has not the keys can only take it away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.keys.keyring import Keyring
from storage.sound import Marks
from tests.storage.keyrings import keyring_in

ONE, OTHER = b"1" * 32, b"2" * 32


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyring]:
    with keyring_in(tmp_path_factory.mktemp("home")) as keyring:
        yield keyring


@pytest.fixture
def marks(keyring: Keyring, tmp_path: Path) -> Marks:
    """With a mark on `ONE`, and none before it."""
    marks = Marks(keyring, tmp_path / "mark")
    assert not marks.is_sound(ONE)
    marks.mark(ONE)
    return marks


def test_what_was_marked_last_is_sound(marks: Marks, tmp_path: Path) -> None:
    """One policy at a time, and nothing else lies beside the mark."""
    assert (marks.is_sound(ONE), marks.is_sound(OTHER)) == (True, False)
    marks.mark(OTHER)
    assert (marks.is_sound(ONE), marks.is_sound(OTHER)) == (False, True)
    assert [path.name for path in tmp_path.iterdir()] == ["mark"]


@pytest.mark.parametrize("change", ["another digit", "a digit less", "a digit more", "nothing", "no digits"])
def test_a_mark_that_was_touched_is_none(marks: Marks, tmp_path: Path, change: str) -> None:
    """It has to be the one that the keys make, all of it."""
    made = (tmp_path / "mark").read_bytes()
    touched = {
        "another digit": made[:-1] + (b"0" if made[-1:] != b"0" else b"1"),
        "a digit less": made[:-1],
        "a digit more": made + b"0",
        "nothing": b"",
        "no digits": b"\xff" * 64,
    }
    (tmp_path / "mark").write_bytes(touched[change])
    assert not marks.is_sound(ONE)
    (tmp_path / "mark").write_bytes(made)
    assert marks.is_sound(ONE)


def test_the_mark_of_another_house_is_none(marks: Marks, tmp_path: Path) -> None:
    """Its keys are not ours."""
    (tmp_path / "other").mkdir()
    with keyring_in(tmp_path / "other") as other:
        Marks(other, tmp_path / "mark").mark(ONE)
        assert Marks(other, tmp_path / "mark").is_sound(ONE)
    assert not marks.is_sound(ONE)


def test_where_nothing_can_be_kept_nothing_is_sound(keyring: Keyring, tmp_path: Path) -> None:
    """A start goes on without a mark: it looks again the next time."""
    marks = Marks(keyring, tmp_path / "nowhere" / "mark")
    marks.mark(ONE)
    assert not marks.is_sound(ONE)
    assert list(tmp_path.iterdir()) == []

"""Words of sealed texts: what is written down of them, and what it is worth without the key."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.keys.errors import KeyDestroyed
from storage.keys.keyring import Keyring
from storage.keys.names import search_keyset
from storage.search.words import LONGEST, MOST_WORDS, beginnings, words
from tests.storage.keyrings import contributor, keyring_in, project

OWNER, MILL, FORGE = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    """A keyring with one contributor and two projects of theirs."""
    with keyring_in(tmp_path) as keyring:
        keyring.create(contributor(OWNER), OWNER)
        for each in (MILL, FORGE):
            keyring.create(project(each), OWNER)
        yield keyring


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A quiet Brief", ["a", "quiet", "brief"]),
        ("river, RIVER; River!", ["river"]),
        ("Straße STRASSE", ["strasse"]),
        ("ﬁne ｗｉｄｅ", ["fine", "wide"]),
        ("cafe\u0301 café", ["café"]),
        ("snake_case-and.dots", ["snake", "case", "and", "dots"]),
        ("水車小屋 mill", ["水", "車", "小", "屋", "mill"]),
        ("отчёт 2026", ["отчёт", "2026"]),
        ("internationalisation", ["internationalisa"]),
        (" .,;!? ", []),
    ],
)
def test_words_are_what_people_take_for_words(text: str, found: list[str]) -> None:
    """Whatever the case, the width and the composition they were typed in."""
    assert words(text) == found


def test_a_word_is_found_by_how_it_begins() -> None:
    """From its second letter on; a word of one letter by that."""
    assert beginnings("Autumn a") == {b"au", b"aut", b"autu", b"autum", b"autumn", b"a"}


@given(st.text(max_size=300))
def test_what_is_written_down_is_bounded_and_found_by_its_own_words(text: str) -> None:
    """Each word that is searched for as it stands is among what was written down."""
    written = beginnings(text)
    assert all(word.encode() in written for word in words(text))
    assert all(1 <= len(each.decode()) <= LONGEST for each in written)


def test_an_endless_text_has_an_end() -> None:
    """Words beyond the bound are not found, and cost nothing."""
    text = " ".join(f"word{number}" for number in range(5 * MOST_WORDS))
    assert f"word{MOST_WORDS - 1}".encode() in beginnings(text)
    assert f"word{MOST_WORDS}".encode() not in beginnings(text)


def test_the_same_word_looks_different_in_another_project(keyring: Keyring) -> None:
    """Who has the database can't tell whether two projects share a word."""
    mill, forge = keyring.ensure_search_key(MILL), keyring.ensure_search_key(FORGE)
    assert mill.hash(b"river", 16) != forge.hash(b"river", 16)
    assert mill.hash(b"river", 16) == keyring.ensure_search_key(MILL).hash(b"river", 16)
    assert mill.hashes(b"river", 16) == [mill.hash(b"river", 16)]


def test_asking_makes_no_key(keyring: Keyring) -> None:
    """A project without words has none, and a search in it leaves none."""
    assert keyring.search_key(MILL) is None
    assert not keyring.exists(search_keyset(MILL))


def test_the_key_goes_with_the_projects(keyring: Keyring) -> None:
    """What was written down says nothing any more, and no key is made for a project that is gone."""
    keyring.ensure_search_key(MILL)
    assert keyring.destroy(project(MILL)) == 2
    assert keyring.search_key(MILL) is None
    with pytest.raises(KeyDestroyed):
        keyring.ensure_search_key(MILL)
    assert not keyring.exists(search_keyset(MILL))


def test_the_key_shows_nothing(keyring: Keyring) -> None:
    """Neither printed nor pickled, like every key."""
    key = keyring.ensure_search_key(MILL)
    assert repr(key) == "<HashKey>"
    with pytest.raises(TypeError, match="not pickled"):
        key.__reduce_ex__(4)

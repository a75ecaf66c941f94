"""A page's sealed values are opened, and sealed anew, together: never another value than one by one, never one more."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage.assets import Asset
from storage.clock import now
from storage.keys.errors import KeyDestroyed, KeysetDamaged, KeyStoreUnavailable
from storage.keys.keyring import Keyring
from storage.keys.keysets import AeadKey
from storage.keys.names import KeysetName
from storage.reading import Rows
from storage.records import Record
from storage.sealed import Sealed
from storage.staff import StaffMember
from storage.vault import UNOPENED, NotSealable, SealedDamaged, SealedWithoutGrant, Vault
from tests.storage.keyrings import contributor, keyring_in, project

ADA, BOB = uuid.UUID(int=1), uuid.UUID(int=2)
MILL, LOOM, GONE = (uuid.UUID(int=number) for number in range(3, 6))
GRANTED = frozenset({"read", "read_content"})
REFUSALS = (SealedWithoutGrant, SealedDamaged, NotSealable, KeyDestroyed, KeysetDamaged)


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyring]:
    """Two contributors with a project each, and a project whose key is destroyed once a page was sealed under it."""
    with keyring_in(tmp_path_factory.mktemp("vault")) as keyring:
        for owner in (ADA, BOB):
            keyring.create(contributor(owner), owner)
        for name, owner in ((MILL, ADA), (LOOM, BOB), (GONE, ADA)):
            keyring.create(project(name), owner)
        yield keyring


@pytest.fixture
def vault(keyring: Keyring) -> Vault:
    """A vault of one unit of work."""
    return Vault(keyring)


def asset(title: Any, vault: Vault, **changes: Any) -> Asset:
    """Somebody's asset with a sealed title, as the door hands it out."""
    row = Asset(**{"id": uuid.uuid4(), "owner_id": ADA, "project_id": MILL} | changes)
    vault.seal(row, title=title)
    row.decisions = GRANTED
    return row


def changed(row: Asset, change: Callable[[bytes], bytes]) -> Asset:
    """The row with other bytes in place of those that were sealed."""
    row.title = Sealed(change(row.title.stored))
    return row


def without_grant(row: Asset) -> Asset:
    """The row as somebody gets it who may not open it."""
    row.decisions = frozenset({"read", "read_contact"})
    return row


@pytest.fixture
def page(keyring: Keyring, vault: Vault) -> list[Asset]:
    """All that can be on a page: sound rows of two owners, and every kind of row that does not open."""
    key, elsewhere = keyring, asset("of another row", vault)
    if not key.exists(project(GONE)):
        key.create(project(GONE), ADA)
    rows = [
        asset("first", vault),
        asset(["a", {"b": None}], vault),
        asset(b"\x00\xff", vault),
        asset("", vault),
        asset(None, vault),
        asset("Bob's", vault, owner_id=BOB, project_id=LOOM),
        asset("sealed for another owner", vault),
        asset("sealed in another project", vault),
        without_grant(asset("not to be seen", vault)),
        without_grant(asset(None, vault)),
        changed(asset("a bit is flipped", vault), lambda stored: stored[:-1] + bytes([stored[-1] ^ 1])),
        changed(asset("cut", vault), lambda stored: stored[:20]),
        changed(asset("of another version", vault), lambda stored: b"\x02" + stored[1:]),
        changed(asset("nothing at all", vault), lambda _stored: b""),
        changed(asset("replaced", vault), lambda _stored: elsewhere.title.stored),
        asset("its key is destroyed", vault, project_id=GONE),
        asset("last", vault),
    ]
    rows[6].owner_id, rows[7].project_id = BOB, LOOM
    keyring.destroy(project(GONE))
    return rows


def one_by_one(vault: Vault, rows: list[Asset]) -> dict[Record, Any]:
    """What each of them opens to, without those that are refused."""
    found: dict[Record, Any] = {}
    for row in rows:
        try:
            found[row] = vault.open(row, "title")
        except REFUSALS:
            continue
    return found


def test_a_page_opens_to_what_its_rows_open_to(keyring: Keyring, vault: Vault, page: list[Asset]) -> None:
    """The same rows, values and types, and the same notes for the trail; what is refused alone is refused here."""
    alone = Vault(keyring)
    expected = one_by_one(alone, page)
    found = vault.open_all(page, "title")
    assert found == expected
    assert [type(value) for value in map(found.get, page)] == [type(value) for value in map(expected.get, page)]
    assert sorted(map(str, found.values())) == sorted(
        ["first", "['a', {'b': None}]", "b'\\x00\\xff'", "", "None", "Bob's", "last"]
    )
    assert vault.opened == alone.opened
    assert len(vault.opened) == 6


def test_a_page_that_is_read_by_columns_opens_to_the_same(keyring: Keyring, page: list[Asset]) -> None:
    """The same values, refusals, damages and notes; rows become objects where somebody looks at what was noted."""
    in_objects, in_columns = Vault(keyring), Vault(keyring)
    names = ("id", "owner_id", "project_id", "title")
    columns = {name: [getattr(row, name) for row in page] for name in names}
    rows = Rows(Asset, columns, [row.decisions for row in page])
    found = in_columns.open_each(rows, "title")
    assert found == in_objects.open_each(page, "title")
    assert found.count(UNOPENED) == 10
    assert in_columns.damaged == in_objects.damaged != []
    noted, expected = in_columns.opened, in_objects.opened
    assert noted.keys() == expected.keys()
    assert all(noted[key] is rows[page.index(row)] for key, row in expected.items())  # type: ignore[arg-type]
    assert in_columns.open_each(Rows(Asset, {"id": columns["id"]}, rows.allowed), "title") == [UNOPENED] * len(page)
    assert in_columns.open_each(Rows(Asset, columns, [frozenset({"read"})] * len(page)), "title") == [UNOPENED] * len(
        page
    )


def test_nothing_is_decrypted_for_who_may_not_see_it(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row without the decision is not even tried."""
    rows = [without_grant(asset(f"secret {number}", vault)) for number in range(3)]
    tried: list[object] = []
    monkeypatch.setattr(AeadKey, "decrypt_all", lambda *given: tried.append(given))
    assert vault.open_all(rows, "title") == {}
    assert tried == []
    assert vault.opened == {}


def test_an_empty_page_opens_to_nothing(vault: Vault) -> None:
    """And asks for no key."""
    assert vault.open_all([], "title") == {}


def test_a_plain_column_is_no_page_to_open(vault: Vault) -> None:
    """As when it is asked of one row."""
    with pytest.raises(NotSealable):
        vault.open_all([asset("x", vault)], "media_type")


def test_a_page_of_the_platforms_own_is_left_to_be_opened_one_by_one(vault: Vault) -> None:
    """What nobody owns is in no page; nothing is answered for it, and nothing noted."""
    member = StaffMember(id=uuid.uuid4())
    vault.seal(member, email="someone@example.org")
    member.decisions = frozenset({"read_contact", "read_content", "read"})
    assert vault.open_all([member, member], "email") == {}
    assert vault.opened == {}


def test_one_key_is_asked_for_once_for_all_of_a_page(
    keyring: Keyring, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows there are, and however they alternate."""
    rows = [asset("x", vault, **({} if number % 2 else {"owner_id": BOB, "project_id": LOOM})) for number in range(20)]
    asked: list[object] = []
    really = keyring.aead

    def watched(name: KeysetName) -> AeadKey:
        asked.append(name)
        return really(name)

    monkeypatch.setattr(keyring, "aead", watched)
    assert len(vault.open_all(rows, "title")) == 20
    assert sorted(map(str, asked)) == sorted([str(project(MILL)), str(project(LOOM))])


def test_a_key_store_that_does_not_answer_opens_no_page(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once in a unit of work, not once for each row; nothing is noted as opened, and the next unit asks."""
    rows = [asset("x", vault) for _ in range(5)]
    asked: list[object] = []

    def down(name: object) -> AeadKey:
        asked.append(name)
        raise KeyStoreUnavailable("the key management service did not answer")

    monkeypatch.setattr(vault._keyring, "aead", down)
    with pytest.raises(KeyStoreUnavailable, match="did not answer"):
        vault.open_all(rows, "title")
    for row in rows:  # each of them may wait for as long as a service is waited for: a page would for minutes
        with pytest.raises(KeyStoreUnavailable, match="did not answer"):
            vault.open(row, "title")
        with pytest.raises(KeyStoreUnavailable):
            vault.seal(row, title="another")
    assert len(asked) == 1
    assert vault.opened == {}
    monkeypatch.undo()
    assert Vault(vault._keyring).open_all(rows, "title") == dict.fromkeys(rows, "x")


def test_a_page_is_sealed_anew_as_its_rows_would_be(keyring: Keyring, vault: Vault, page: list[Asset]) -> None:
    """Under the new key, each bound to its row; what is so already is left, what does not open is named."""
    rotation, names = keyring.rotation(), [project(MILL), project(LOOM)]
    for name in names:
        rotation.introduce(name, now())
        rotation.promote(name)
    fresh = asset("sealed after that", vault)
    anew, others = vault.renewed_all([*page, fresh], "title")
    for row in page:
        row.decisions = GRANTED
    before = one_by_one(vault, page)
    assert set(anew) == {row for row, value in before.items() if value is not None}
    assert set(others) == {row for row in page if row not in before}
    for row in page:
        if row in anew:
            primary = keyring.aead(vault.keyset_of(row, "title")).primary
            assert anew[row].stored[1:].startswith(primary)
            assert not row.title.stored[1:].startswith(primary)
            row.title = anew[row]
    assert one_by_one(vault, page) == before
    assert vault.renewed_all(list(anew), "title") == ({}, [])

"""The vault: a sealed field opens where it stands, for whom the door admitted, and nowhere else."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.actions import Action
from storage.assets import Asset
from storage.contributors import Contributor, StyleProfile
from storage.grants import AccessGrant
from storage.keys.errors import KeyDestroyed, KeyStoreUnavailable
from storage.keys.keyring import Keyring
from storage.ledger.entries import AuditPersonal
from storage.outputs import Output
from storage.projects import Project
from storage.records import Record
from storage.sealed import Sealed
from storage.staff import StaffMember
from storage.vault import NotSealable, SealedDamaged, SealedWithoutGrant, Vault
from tests.storage.keyrings import contributor, keyring_in, project

ADA, BOB = uuid.UUID(int=1), uuid.UUID(int=2)
MILL, LOOM = uuid.UUID(int=3), uuid.UUID(int=4)
CANARY = "canary-9f31"
GRANTED = frozenset({"read", "read_contact", "read_content"})
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyring]:
    """A keyring with two contributors, and two projects of the first."""
    with keyring_in(tmp_path_factory.mktemp("vault")) as keyring:
        for owner in (ADA, BOB):
            keyring.create(contributor(owner), owner)
        for name in (MILL, LOOM):
            keyring.create(project(name), ADA)
        yield keyring


@pytest.fixture
def vault(keyring: Keyring) -> Vault:
    """A vault of one unit of work."""
    return Vault(keyring)


def asset(**changes: Any) -> Asset:
    """Ada's asset in the project Mill, as the door hands it to her."""
    row = Asset(**{"id": uuid.uuid4(), "owner_id": ADA, "project_id": MILL} | changes)
    row.decisions = GRANTED
    return row


def moved(source: Record, column: str, target: Record, target_column: str | None = None) -> Record:
    """The target, with the source's sealed value copied into it."""
    setattr(target, target_column or column, getattr(source, column))
    return target


@pytest.mark.parametrize(
    "value",
    [
        "",
        CANARY,
        "Grüße, 世界 \0 😀",
        b"",
        b"\x00\xff",
        [],
        ["a", "b"],
        {"size": 1, "deep": {"x": [None, True]}},
        0,
        1.5,
        False,
    ],
)
def test_what_is_sealed_opens_as_it_was(vault: Vault, value: object) -> None:
    """Text, bytes and JSON come back with their value and their type."""
    row = asset()
    vault.seal(row, title=value)
    assert isinstance(row.title, Sealed)
    opened = vault.open(row, "title")
    assert opened == value
    assert type(opened) is type(value)


def test_nothing_stays_nothing(vault: Vault) -> None:
    """None is stored as NULL and opened as None, and counts as no reading."""
    row = asset()
    vault.seal(row, checksum=None)
    assert row.checksum is None
    assert vault.open(row, "checksum") is None
    assert vault.opened.keys() == set()


def test_the_same_text_is_sealed_differently_each_time(vault: Vault) -> None:
    """Equal contents can't be told by equal ciphertexts."""
    one, other = asset(), asset()
    vault.seal(one, title=CANARY, description=CANARY)
    vault.seal(other, title=CANARY)
    assert len({one.title, one.description, other.title}) == 3
    assert CANARY.encode() not in one.title.stored


@pytest.mark.parametrize(
    ("source", "column", "target", "target_column"),
    [
        (asset(), "title", asset(), "title"),
        (asset(id=MILL), "title", asset(id=MILL), "description"),
        (asset(id=MILL), "title", asset(id=MILL, owner_id=BOB), "title"),
        (asset(id=MILL), "title", asset(id=MILL, project_id=LOOM), "title"),
        (asset(id=MILL), "title", Output(id=MILL, owner_id=ADA, project_id=MILL), "text"),
        (Contributor(id=ADA), "display_name", Contributor(id=BOB), "display_name"),
        (StaffMember(id=ADA), "email", StaffMember(id=BOB), "email"),
    ],
    ids=["row", "column", "owner", "project", "table", "contributor", "platform"],
)
def test_a_value_moved_elsewhere_does_not_open(
    vault: Vault, source: Record, column: str, target: Record, target_column: str
) -> None:
    """Whoever can write to the database can't make one row show another's content."""
    source.decisions = target.decisions = GRANTED
    vault.seal(source, **{column: CANARY})
    moved(source, column, target, target_column)
    with pytest.raises(SealedDamaged) as refusal:
        vault.open(target, target_column)
    assert refusal.value.code == "SEALED_DAMAGED"
    assert CANARY not in str(refusal.value)
    assert vault.opened.keys() == set()


@quick
@given(data=st.data(), text=st.text(max_size=40))
def test_a_changed_value_does_not_open(keyring: Keyring, data: st.DataObject, text: str) -> None:
    """One flipped bit anywhere, any cut, anything added."""
    vault, row = Vault(keyring), asset()
    vault.seal(row, title=text)
    stored = row.title.stored
    bit = data.draw(st.integers(0, len(stored) * 8 - 1))
    flipped = bytearray(stored)
    flipped[bit // 8] ^= 1 << bit % 8
    cut = data.draw(st.integers(0, len(stored) - 1))
    for changed in (bytes(flipped), stored[:cut], stored + b"\0"):
        row.title = Sealed(changed)
        with pytest.raises(SealedDamaged):
            vault.open(row, "title")
    row.title = Sealed(stored)
    assert vault.open(row, "title") == text


def test_a_version_of_the_future_is_not_guessed_at(vault: Vault) -> None:
    """A value that starts with another version byte is refused before any key is tried."""
    row = asset()
    vault.seal(row, title=CANARY)
    row.title = Sealed(b"\x02" + row.title.stored[1:])
    with pytest.raises(SealedDamaged, match="not sealed in a way this program knows"):
        vault.open(row, "title")


@pytest.mark.parametrize("decisions", [frozenset(), frozenset({"read"}), frozenset({"read", "delete", "update"})])
def test_without_the_grant_nothing_opens(vault: Vault, decisions: frozenset[str]) -> None:
    """Not a row the door gave other rights to, nor one just built; not even a NULL is told."""
    row = asset()
    vault.seal(row, title=CANARY, checksum=None)
    row.decisions = decisions
    for column in ("title", "checksum"):
        with pytest.raises(SealedWithoutGrant) as refusal:
            vault.open(row, column)
        assert refusal.value.code == "SEALED_WITHOUT_GRANT"
    assert vault.opened.keys() == set()


@pytest.mark.parametrize(
    ("row", "column", "needed"),
    [
        (Contributor(id=ADA), "email", "read_contact"),
        (Contributor(id=ADA), "display_name", "read_contact"),
        (AccessGrant(id=MILL, subject_id=ADA), "justification", "read_reason"),
        (AccessGrant(id=MILL, subject_id=ADA), "ticket", "read_reason"),
    ],
)
def test_a_column_opens_with_what_it_says_and_nothing_else(vault: Vault, row: Record, column: str, needed: str) -> None:
    """How to reach somebody, and why staff ask, take a permission of their own: reading content is none."""
    vault.seal(row, **{column: CANARY})
    row.decisions = frozenset(map(str, Action)) - {needed}
    with pytest.raises(SealedWithoutGrant, match=needed):
        vault.open(row, column)
    assert vault.opened.keys() == set()
    row.decisions = frozenset({needed})
    assert vault.open(row, column) == CANARY


def test_a_row_just_built_carries_no_grant(vault: Vault) -> None:
    """Sealing needs none, and gives none."""
    row = Asset(owner_id=ADA, project_id=MILL)
    vault.seal(row, title=CANARY)
    assert row.decisions == frozenset()
    with pytest.raises(SealedWithoutGrant):
        vault.open(row, "title")


def test_a_new_row_gets_its_id_when_it_is_sealed(vault: Vault) -> None:
    """The value is bound to it; an id that is there is left alone."""
    row, known = Asset(owner_id=ADA, project_id=MILL), asset(id=LOOM)
    vault.seal(row, title=CANARY)
    vault.seal(known, title=CANARY)
    assert isinstance(row.id, uuid.UUID)
    assert known.id == LOOM


def test_a_row_named_by_its_owner_is_sealed_too(vault: Vault) -> None:
    """A style profile's id is its owner's."""
    row = StyleProfile(owner_id=ADA)
    vault.seal(row, profile={"tone": "dry"})
    row.decisions = GRANTED
    assert vault.open(row, "profile") == {"tone": "dry"}


def test_a_project_is_sealed_under_its_own_keyset(keyring: Keyring, vault: Vault) -> None:
    """So that destroying the keyset takes the project's name along."""
    row = Project(id=uuid.uuid4(), owner_id=ADA)
    keyring.create(project(row.id), ADA)
    vault.seal(row, name=CANARY)
    row.decisions = GRANTED
    assert vault.open(row, "name") == CANARY
    keyring.destroy(project(row.id))
    with pytest.raises(KeyDestroyed):
        vault.open(row, "name")
    with pytest.raises(KeyDestroyed):
        vault.seal(row, name="another")


def test_what_was_opened_is_noted_once_per_row(vault: Vault) -> None:
    """Owner, table and id, for one event in the trail."""
    row = asset()
    vault.seal(row, title=CANARY, description=CANARY)
    for column in ("title", "description", "title"):
        vault.open(row, column)
    assert vault.opened.keys() == {(ADA, "assets", row.id)}


def test_the_platform_opens_credentials_for_itself(vault: Vault) -> None:
    """A password hash needs no grant, only a reason; it is noted apart."""
    person = Contributor(id=ADA)
    vault.seal(person, password_hash="$argon2id$...")
    assert vault.open_as_system(person, "password_hash", reason="sign-in") == "$argon2id$..."
    assert vault.opened_as_system == {("sign-in", "contributors", ADA)}
    assert vault.opened.keys() == set()


@pytest.mark.parametrize(
    ("column", "reason"), [("email", "sign-in"), ("display_name", "sign-in"), ("password_hash", "")]
)
def test_the_platform_opens_nothing_else_for_itself(vault: Vault, column: str, reason: str) -> None:
    """What is sealed under a contributor's keyset stays theirs, and no opening goes without a reason."""
    person = Contributor(id=ADA)
    vault.seal(person, **{column: CANARY})
    with pytest.raises(SealedWithoutGrant):
        vault.open_as_system(person, column, reason=reason)
    assert vault.opened_as_system == set()


def test_a_row_that_is_no_object_is_sealed_as_one_is(vault: Vault) -> None:
    """What is sealed for a row by its id opens in that row, and in no other; and what is None stays None."""
    row = AuditPersonal(event_id=uuid.uuid4())
    for column, value in vault.sealed(AuditPersonal, row.event_id, {"user_agent": CANARY, "ip_address": None}).items():
        setattr(row, column, value)
    row.decisions = GRANTED
    assert (vault.open(row, "user_agent"), row.ip_address) == (CANARY, None)
    other = moved(row, "user_agent", AuditPersonal(event_id=uuid.uuid4()))
    other.decisions = GRANTED
    with pytest.raises(SealedDamaged):
        vault.open(other, "user_agent")


@pytest.mark.parametrize("value", [CANARY, None])
@pytest.mark.parametrize(
    ("model", "column"), [(Asset, "title"), (Contributor, "password_hash"), (AuditPersonal, "actor_id")]
)
def test_what_is_somebody_s_is_sealed_in_its_row_only(
    vault: Vault, model: type[Record], column: str, value: str | None
) -> None:
    """Without the row nobody knows whose it is: a contributor's column, a row with a subject, and a plain column."""
    with pytest.raises(NotSealable):
        vault.sealed(model, uuid.uuid4(), {column: value})
    assert vault.sealed_since is None


@pytest.mark.parametrize(
    "value", [CANARY + "\ud800", {CANARY}, [CANARY, {CANARY}], {"x": float("nan"), "y": CANARY}, object()]
)
def test_what_can_not_be_sealed_is_refused_without_quoting_it(vault: Vault, value: object) -> None:
    """Neither the error nor what it holds on to has seen the value, and no column of the row was set."""
    row = asset()
    with pytest.raises(NotSealable) as refusal:
        vault.seal(row, description="fine", title=value)
    assert CANARY not in repr(refusal.value)
    assert refusal.value.__context__ is None
    assert [row.title, row.description] == [None, None]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (Asset(project_id=None, owner_id=ADA), "title"),
        (Contributor(id=None), "media_type"),
        (asset(), "media_type"),
        (asset(), "no_such_column"),
        (StyleProfile(owner_id=None), "profile"),
    ],
)
def test_a_row_that_does_not_say_where_it_belongs_is_refused(vault: Vault, row: Record, column: str) -> None:
    """No project, no owner, a plain column, no column."""
    with pytest.raises(NotSealable):
        vault.seal(row, **{column: CANARY})


def test_a_key_store_that_does_not_answer_lets_nothing_through(tmp_path: Path) -> None:
    """No content goes in or out; what is in the row stays as it was."""
    with keyring_in(tmp_path, cache_seconds=0) as keyring:
        keyring.create(contributor(ADA), ADA)
        keyring.create(project(MILL), ADA)
        vault, row = Vault(keyring), asset()
        vault.seal(row, title=CANARY)
        before = row.title
        keyring.close()
        (tmp_path / "keys" / "keys.sqlite").write_bytes(b"no database" * 100)
        with pytest.raises(KeyStoreUnavailable):
            vault.open(row, "title")
        with pytest.raises(KeyStoreUnavailable):
            vault.seal(row, title="another")
        assert row.title == before

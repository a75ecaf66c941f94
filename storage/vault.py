"""The vault: the one place that seals a row's fields and opens them again.

A sealed value is one version byte, then AES-256-GCM under the keyset that the column belongs to. Its associated data
names version, table, column, row and owner, so that a value moved anywhere else does not open.
"""

import functools
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import inspect

from storage.ids import new_id
from storage.keys.errors import CiphertextDamaged
from storage.keys.keyring import Keyring
from storage.keys.names import CREDENTIALS, LEDGER, KeysetName, join
from storage.records import Holding, Record
from storage.sealed import Sealed

# What was sealed opens for ever: another layout gets another version byte, and tests/golden keeps the old one.
_VERSION = b"\x01"
_TEXT, _BYTES, _JSON = b"t", b"b", b"j"
_PLATFORM = {"platform": CREDENTIALS, "ledger": LEDGER}

HASHED = 16
"""Bytes in the keyed hash of a piece of text: long enough that no two pieces meet."""


class SealedDamaged(Exception):
    """A sealed value does not open where it stands: changed, cut, or moved from another row, column or owner."""

    code = "SEALED_DAMAGED"


class SealedWithoutGrant(Exception):
    """Someone tried to open a field of a row that does not carry the decision to let them."""

    code = "SEALED_WITHOUT_GRANT"


class NotSealable(Exception):
    """A value or a row can't be sealed: no owner yet, or a value that is neither text, bytes nor JSON."""

    code = "NOT_SEALABLE"


class _Place(NamedTuple):
    """What the model says about one sealed column, looked up once."""

    column: str
    opens_with: str
    prefix: bytes
    key: str
    owner: str | None
    under: str
    project: str


class _Stand(NamedTuple):
    """Where one value stands: in which row, of whom, under which keyset."""

    place: _Place
    row_id: uuid.UUID
    owner: uuid.UUID | None
    keyset: KeysetName

    @property
    def associated_data(self) -> bytes:
        """Version, table and column with their lengths, then 16 bytes of row id, then 16 of owner or none."""
        return self.place.prefix + self.row_id.bytes + (self.owner.bytes if self.owner else b"")


class Vault:
    """Seals and opens fields with the keys of `keyring`. One per unit of work: it notes what was opened."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.opened: dict[tuple[uuid.UUID | None, str, uuid.UUID], Record] = {}
        """Every row that a field was opened of, by owner, table and row id, for one audit event per operation."""
        self.opened_as_system: set[tuple[str, str, uuid.UUID]] = set()
        """Reason, table and row id of every row that the platform opened for itself."""
        self.sealed_since: float | None = None
        """When the first value was sealed (monotonic): what was sealed must be stored before its key is retired."""

    def seal(self, row: Record, **values: Any) -> None:
        """Set each named column of `row` to its value, sealed. None stays None; a row without an id gets one.

        Values are text, bytes, or what JSON holds. Raises NotSealable, and what `Keyring.aead` raises.
        """
        if _has_id(type(row)) and row.id is None:  # type: ignore[attr-defined]
            row.id = new_id()  # type: ignore[attr-defined]
        sealed = {column: self._sealed(row, column, value) for column, value in values.items()}
        for column, value in sealed.items():
            setattr(row, column, value)

    def open(self, row: Record, column: str) -> Any:
        """What was sealed in this column; None stays None.

        Raises SealedWithoutGrant unless the row carries the decision that the column opens with, SealedDamaged, and
        what `Keyring.aead` raises.
        """
        place = _place(type(row), column)
        if place.opens_with not in row.decisions:
            raise SealedWithoutGrant(f"{row!r} came without {place.opens_with}: load it through the door")
        stand = _standing(row, place)
        value = self._open(row, stand)
        if value is not None:
            self.opened[stand.owner, row.__tablename__, stand.row_id] = row
        return value

    def found(self, row: Record) -> None:
        """Note that the row was found by its words: whoever is told that knows something of what is sealed in it."""
        owner = getattr(row, row.card.subject) if row.card.subject else None
        self.opened[owner, row.__tablename__, row.id] = row  # type: ignore[attr-defined]

    def open_as_system(self, row: Record, column: str, *, reason: str) -> Any:
        """A credential that the platform itself must read, in a column sealed under "platform"; no grant is asked.

        Raises SealedWithoutGrant for every other column, and as `open` does.
        """
        stand = _stand(row, column)
        if stand.place.under != "platform" or not reason:
            raise SealedWithoutGrant(f"{column} of {row!r} is not the platform's to open, or no reason was given")
        self.opened_as_system.add((reason, row.__tablename__, stand.row_id))
        return self._open(row, stand)

    def opens(self, row: Record, column: str) -> bool:
        """Whether something is sealed in this column; that it opens is tried, and nothing of it leaves.

        Raises SealedDamaged, NotSealable, and what `Keyring.aead` raises.
        """
        return self._open(row, _stand(row, column)) is not None

    def matches(self, row: Record, column: str, value: Any) -> bool:
        """Whether this is what is sealed in the column, compared in constant time; nothing of it leaves.

        Raises as `opens` does.
        """
        found = self._open(row, _stand(row, column))
        return found is not None and hmac.compare_digest(_encode(found) or b"", _encode(value) or b"")

    def renewed(self, row: Record, column: str) -> Sealed | None:
        """What is sealed in this column, sealed anew with its keyset's newest key; None where that is so already.

        Nobody comes to see it, so no grant is asked. Raises SealedDamaged, NotSealable, and what `Keyring.aead` raises.
        """
        value = getattr(row, column)
        if value is None:
            return None
        stand = _stand(row, column)
        key = self._keyring.aead(stand.keyset)
        if value.stored.startswith(_VERSION + key.primary):
            return None
        return self._sealed(row, column, self._open(row, stand))

    def keyset_of(self, row: Record, column: str) -> KeysetName:
        """The keyset under which this column of this row is sealed. Raises NotSealable."""
        return _stand(row, column).keyset

    def lookup(self, row: Record, column: str, purpose: str) -> bytes | None:
        """The keyed hash of what is sealed in this column, by which it is found; None where there is nothing.

        What is opened for it does not leave: no grant is asked. Raises as `opens` does.
        """
        value = self._open(row, _stand(row, column))
        return None if value is None else self._keyring.keyed_hash(purpose, value)

    def hashed(
        self, row: Record, columns: Iterable[str], project: uuid.UUID, split: Callable[[str], set[bytes]]
    ) -> set[bytes]:
        """Keyed hashes of what `split` finds in these columns. What is opened for it does not leave: no grant is asked.

        Raises SealedDamaged, and what `Keyring.ensure_search_key` raises.
        """
        found: set[bytes] = set()
        for column in columns:
            value = self._open(row, _stand(row, column))
            texts = [value] if isinstance(value, str) else value or []
            found |= {piece for text in texts for piece in split(text)}
        key = self._keyring.ensure_search_key(project)
        return {key.hash(piece, HASHED) for piece in found}

    def _sealed(self, row: Record, column: str, value: Any) -> Sealed | None:
        stand = _stand(row, column)
        if value is None:
            return None
        plaintext = _encode(value)
        if plaintext is None:
            raise NotSealable(f"{column} of {row!r} holds a {type(value).__name__} that is no text, bytes or JSON")
        if self.sealed_since is None:
            self.sealed_since = time.monotonic()
        key = self._keyring.aead(stand.keyset)
        return Sealed(_VERSION + key.encrypt(plaintext, stand.associated_data))

    def _open(self, row: Record, stand: _Stand) -> Any:
        column = stand.place.column
        value = _value(row, column)
        if value is None:
            return None
        stored = value.stored if isinstance(value, Sealed) else b""
        if stored[:1] != _VERSION:
            raise SealedDamaged(f"{column} of {row!r} is not sealed in a way this program knows")
        key = self._keyring.aead(stand.keyset)
        try:
            plaintext = key.decrypt(stored[1:], stand.associated_data)
        except CiphertextDamaged:
            raise SealedDamaged(f"{column} of {row!r} does not open: changed, or moved here") from None
        return _decode(plaintext)


def opens_with(model: type[Record], column: str) -> str:
    """The action that opens this sealed column. Raises NotSealable for any other column."""
    return _place(model, column).opens_with


@functools.cache
def _place(model: type[Record], column: str) -> _Place:
    mapper = inspect(model)
    found = mapper.columns.get(column)
    if found is None or found.info.get("holding") is not Holding.SEALED:
        raise NotSealable(f"{model.__name__}.{column} is not a sealed column")
    if len(mapper.primary_key) != 1:
        raise NotSealable(f"{model.__name__} has no single column that identifies a row")
    under = found.info.get("under") or model.sealed_under
    return _Place(
        column=column,
        opens_with=found.info["opens_with"],
        prefix=join(_VERSION, model.__tablename__.encode(), found.name.encode()),
        key=mapper.get_property_by_column(mapper.primary_key[0]).key,
        owner=model.card.subject,
        under=under,
        project="project_id" if "project_id" in mapper.columns else "id",
    )


@functools.cache
def _has_id(model: type[Record]) -> bool:
    return "id" in inspect(model).columns


def _stand(row: Record, column: str) -> _Stand:
    return _standing(row, _place(type(row), column))


def _standing(row: Record, place: _Place) -> _Stand:
    row_id: uuid.UUID | None = _value(row, place.key)
    owner: uuid.UUID | None = _value(row, place.owner) if place.owner else None
    keyset = _PLATFORM.get(place.under)
    if keyset is None:
        whose = _value(row, place.project) if place.under == "project" else owner
        if whose is None:
            raise NotSealable(f"{row!r} does not say whose keyset seals it")
        keyset = _keyset(place.under, whose)
    if row_id is None:
        raise NotSealable(f"{row!r} has no id yet")
    return _Stand(place, row_id, owner, keyset)


def _value(row: Record, name: str) -> Any:
    """What the row has there: as loaded, without a detour through SQLAlchemy's instrumentation."""
    loaded = row.__dict__
    return loaded[name] if name in loaded else getattr(row, name)


@functools.lru_cache(maxsize=4096)
def _keyset(under: str, whose: uuid.UUID) -> KeysetName:
    """The name of a project's or a contributor's keyset; writing an id out costs as much as opening a field."""
    return KeysetName("project" if under == "project" else "contributor", str(whose))


def _encode(value: Any) -> bytes | None:
    """The value with a tag for its kind. None when it has no such form: no error here may quote what it was given."""
    try:
        if isinstance(value, str):
            return _TEXT + value.encode()
        if isinstance(value, bytes):
            return _BYTES + value
        return _JSON + json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        return None


def _decode(plaintext: bytes) -> Any:
    tag, rest = plaintext[:1], plaintext[1:]
    if tag == _TEXT:
        return rest.decode()
    return rest if tag == _BYTES else json.loads(rest)

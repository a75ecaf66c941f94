"""The vault: the one place that seals a row's fields and opens them again.

A sealed value is one version byte, then AES-256-GCM under the keyset that the column belongs to. Its associated data
names version, table, column, row and owner, so that a value moved anywhere else does not open.
"""

import functools
import hmac
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm.attributes import instance_dict, instance_state

from storage.damages import MOST as MOST_DAMAGED
from storage.damages import Damage, Damaged
from storage.ids import new_id
from storage.keys.errors import CiphertextDamaged, KeyDestroyed, KeysetDamaged, KeyStoreUnavailable
from storage.keys.keyring import Keyring
from storage.keys.keysets import AeadKey
from storage.keys.names import KeysetName
from storage.records import Record
from storage.sealed import Sealed
from storage.vault.errors import NotSealable, SealedDamaged, SealedWithoutGrant
from storage.vault.places import VERSION, Place, Stand, has_id, place_of, stand, stand_in, stand_of_nobody, value_of
from storage.vault.together import UNOPENED, Chosen, allowing, column_of, model_of, together, without_damaged
from storage.vault.values import decode, encode

__all__ = ["HASHED", "UNOPENED", "NotSealable", "SealedDamaged", "SealedWithoutGrant", "Vault", "opens_with"]

Opened = tuple[uuid.UUID | None, str, uuid.UUID]
"""Owner, table and id of a row that was opened."""

HASHED = 16
"""Bytes in the keyed hash of a piece of text: long enough that no two pieces meet."""


class Vault:
    """Seals and opens fields with the keys of `keyring`. One per unit of work: it notes what was opened."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._silence: str | None = None
        self._noted: list[tuple[str, Sequence[uuid.UUID | None], Sequence[uuid.UUID], Iterable[Record]]] = []
        self.opened_as_system: set[tuple[str, str, uuid.UUID]] = set()
        """Reason, table and row id of every row that the platform opened for itself."""
        self.damaged: list[Damaged] = []
        """What did not open although its key is there, for the trail; at most so many."""
        self.sealed_since: float | None = None
        """When the first value was sealed (monotonic): what was sealed must be stored before its key is retired."""

    @property
    def opened(self) -> dict[Opened, Record]:
        """Every row that a field was opened of, by owner, table and row id, for one audit event per operation."""
        return self.opened_beyond(None)

    def opened_beyond(self, person: uuid.UUID | None) -> dict[Opened, Record]:
        """Of `opened`, what is not this person's (None: all). Most of what is read is the reader's own: not sorted."""
        return {  # sorted only now: a row is noted for each of its fields
            (owner, table, row_id): row
            for table, owners, row_ids, rows in self._noted
            if owners.count(person) != len(owners) or person is None  # a page of one's own is passed over at once
            for owner, row_id, row in zip(owners, row_ids, rows, strict=True)
            if owner is None or person is None or owner.int != person.int
        }

    def let_go(self) -> None:
        """Forget what was opened so far, for whoever opens any number of rows of one person's for that person."""
        self._noted.clear()

    def seal(self, row: Record, **values: Any) -> None:
        """Set each named column of `row` to its value, sealed. None stays None; a row without an id gets one.

        Values are text, bytes, or what JSON holds. Raises NotSealable, and what `Keyring.aead` raises.
        """
        if row.__dict__.get("id") is None and has_id(type(row)) and row.id is None:  # type: ignore[attr-defined]
            row.id = new_id()  # type: ignore[attr-defined]
        sealed = self._all_sealed(type(row), values, functools.partial(stand, row), row)
        if instance_state(row).key is None:  # not stored yet: all of it will be, so nobody need be told of each
            instance_dict(row).update(sealed)
            return
        for column, value in sealed.items():
            setattr(row, column, value)

    def sealed(self, model: type[Record], row_id: uuid.UUID, values: Mapping[str, Any]) -> dict[str, Sealed | None]:
        """What `seal` would set in the row of `model` with this id, for one of nobody's that is no object yet.

        Raises NotSealable also where the model says whose a row is, and as `seal` does.
        """
        return self._all_sealed(model, values, functools.partial(stand_of_nobody, row_id), model)

    def open(self, row: Record, column: str) -> Any:
        """What was sealed in this column; None stays None.

        Raises SealedWithoutGrant unless the row carries the decision that the column opens with, SealedDamaged, and
        what `Keyring.aead` raises.
        """
        place = place_of(type(row), column)
        if place.opens_with not in row.decisions:
            raise SealedWithoutGrant(f"{row!r} came without {place.opens_with}: load it through the door")
        where = stand(row, place)
        value = self._open(row, where)
        if value is not None:
            self._noted.append((row.__tablename__, [where.owner], [where.row_id], [row]))
        return value

    def open_each(self, rows: Sequence[Record], column: str) -> list[Any]:
        """What is sealed in this column of a page's rows, all of one model: what `open` would answer for each.

        What they share is looked up once. UNOPENED stands for what `open` refuses, or is to open by itself: it MUST be
        asked, for it says why. Raises KeyStoreUnavailable.
        """
        if not rows:
            return []
        place = place_of(model_of(rows), column)
        allowed = allowing(rows, place.opens_with)
        answer = [None if may and each is None else UNOPENED for may, each in zip(allowed, column_of(rows, column))]  # noqa: B905
        for keyset, (places, owners, row_ids, ciphertexts, contexts) in together(rows, place, allowed):
            try:
                found = self._key(keyset).decrypt_all(ciphertexts, contexts)
            except (KeyDestroyed, KeysetDamaged):
                continue
            if None in found:
                for number, opened in zip(places, found, strict=True):
                    if opened is None:
                        self._note(rows[number], stand(rows[number], place), Damage.VALUE)
                places, owners, row_ids, found = without_damaged(places, owners, row_ids, found)
            for number, opened in zip(places, found, strict=True):
                answer[number] = decode(opened)  # type: ignore[arg-type]
            self._noted.append((model_of(rows).__tablename__, owners, row_ids, Chosen(rows, places)))
        return answer

    def open_all(self, rows: Sequence[Record], column: str) -> dict[Record, Any]:
        """What `open_each` answers, by row; without the rows of which it answers nothing."""
        found = zip(rows, self.open_each(rows, column), strict=True)
        return {row: value for row, value in found if value is not UNOPENED}

    def found(self, row: Record) -> None:
        """Note that the row was found by its words: whoever is told that knows something of what is sealed in it."""
        owner = getattr(row, row.card.subject) if row.card.subject else None
        self._noted.append((row.__tablename__, [owner], [row.id], [row]))  # type: ignore[attr-defined]

    def open_as_system(self, row: Record, column: str, *, reason: str) -> Any:
        """A credential that the platform itself must read, in a column sealed under "platform"; no grant is asked.

        Raises SealedWithoutGrant for every other column, and as `open` does.
        """
        where = stand_in(row, column)
        if where.place.under != "platform" or not reason:
            raise SealedWithoutGrant(f"{column} of {row!r} is not the platform's to open, or no reason was given")
        self.opened_as_system.add((reason, row.__tablename__, where.row_id))
        return self._open(row, where)

    def opens(self, row: Record, column: str) -> bool:
        """Whether something is sealed in this column; that it opens is tried, and nothing of it leaves.

        Raises SealedDamaged, NotSealable, and what `Keyring.aead` raises.
        """
        return self._open(row, stand_in(row, column)) is not None

    def matches(self, row: Record, column: str, value: Any) -> bool:
        """Whether this is what is sealed in the column, compared in constant time; nothing of it leaves.

        Raises as `opens` does.
        """
        found = self._open(row, stand_in(row, column))
        return found is not None and hmac.compare_digest(encode(found) or b"", encode(value) or b"")

    def renewed(self, row: Record, column: str) -> Sealed | None:
        """What is sealed in this column, sealed anew with its keyset's newest key; None where that is so already.

        Nobody comes to see it, so no grant is asked. Raises SealedDamaged, NotSealable, and what `Keyring.aead` raises.
        """
        value = getattr(row, column)
        if value is None:
            return None
        where = stand_in(row, column)
        key = self._key(where.keyset)
        if value.stored.startswith(VERSION + key.primary):
            return None
        return self._sealed(row, column, self._open(row, where))

    def renewed_all(self, rows: Sequence[Record], column: str) -> tuple[dict[Record, Sealed], list[Record]]:
        """What `renewed` would answer for rows of one model, by row, without those that need nothing.

        And the rows that MUST be asked one by one: `renewed` says what becomes of them. Raises KeyStoreUnavailable.
        """
        anew: dict[Record, Sealed] = {}
        done = {row for row in rows if row.__dict__.get(column, row) is None}
        for keyset, (places, _, _, ciphertexts, contexts) in together(rows, place_of(type(rows[0]), column)):
            its_rows = [rows[number] for number in places]
            try:
                key = self._key(keyset)
            except (KeyDestroyed, KeysetDamaged):
                continue
            old = [number for number, each in enumerate(ciphertexts) if not each.startswith(key.primary)]
            done.update(
                its_rows[number] for number in range(len(its_rows)) if ciphertexts[number].startswith(key.primary)
            )
            found = key.decrypt_all([ciphertexts[number] for number in old], [contexts[number] for number in old])
            for number, plaintext in zip(old, found, strict=True):
                if plaintext is not None:
                    anew[its_rows[number]] = Sealed(VERSION + key.encrypt(plaintext, contexts[number]))
        return anew, [row for row in rows if row not in done and row not in anew]

    def keyset_of(self, row: Record, column: str) -> KeysetName:
        """The keyset under which this column of this row is sealed. Raises NotSealable."""
        return stand_in(row, column).keyset

    def lookup(self, row: Record, column: str, purpose: str) -> bytes | None:
        """The keyed hash of what is sealed in this column, by which it is found; None where there is nothing.

        What is opened for it does not leave: no grant is asked. Raises as `opens` does.
        """
        value = self._open(row, stand_in(row, column))
        return None if value is None else self._keyring.keyed_hash(purpose, value)

    def hashed(
        self, row: Record, columns: Iterable[str], project: uuid.UUID, split: Callable[[str], set[bytes]]
    ) -> set[bytes]:
        """Keyed hashes of what `split` finds in these columns. What is opened for it does not leave: no grant is asked.

        Raises SealedDamaged, and what `Keyring.ensure_search_key` raises.
        """
        found: set[bytes] = set()
        for column in columns:
            value = self._open(row, stand_in(row, column))
            texts = [value] if isinstance(value, str) else value or []
            found |= {piece for text in texts for piece in split(text)}
        key = self._keyring.ensure_search_key(project)
        return {key.hash(piece, HASHED) for piece in found}

    def _key(self, keyset: KeysetName) -> AeadKey:
        """As `Keyring.aead`; but a key store that did not answer is not waited for again in this unit of work.

        Else a page whose fields may be null would wait for it once for each of them.
        """
        if self._silence is not None:
            raise KeyStoreUnavailable(self._silence)
        try:
            return self._keyring.aead(keyset)
        except KeyStoreUnavailable as error:
            self._silence = str(error)
            raise

    def _sealed(self, row: Record, column: str, value: Any) -> Sealed | None:
        return self._all_sealed(type(row), {column: value}, functools.partial(stand, row), row)[column]

    def _all_sealed(
        self, model: type[Record], values: Mapping[str, Any], standing: Callable[[Place], Stand], row: object
    ) -> dict[str, Sealed | None]:
        """Sealed for these columns of the row. What they share, which is most of it, is looked up once."""
        sealed: dict[str, Sealed | None] = {}
        known = ""
        for column, value in values.items():
            place = place_of(model, column)
            if value is None:
                standing(place)  # which refuses as it would for a value
                sealed[column] = None
                continue
            plaintext = encode(value)
            if plaintext is None:
                raise NotSealable(f"{column} of {row!r} holds a {type(value).__name__} that is no text, bytes or JSON")
            if place.under != known:
                where = standing(place)
                if self.sealed_since is None:
                    self.sealed_since = time.monotonic()
                known, encrypt, binding = place.under, self._key(where.keyset).encrypt, where.binding
            sealed[column] = Sealed(VERSION + encrypt(plaintext, place.prefix + binding))
        return sealed

    def _open(self, row: Record, where: Stand) -> Any:
        column = where.place.column
        value = value_of(row, column)
        if value is None:
            return None
        stored = value.stored if isinstance(value, Sealed) else b""
        if stored[:1] != VERSION:
            self._note(row, where, Damage.VALUE)
            raise SealedDamaged(f"{column} of {row!r} is not sealed in a way this program knows")
        try:
            key = self._key(where.keyset)
            plaintext = key.decrypt(stored[1:], where.associated_data)
        except KeysetDamaged:
            self._note(row, where, Damage.KEYSET)
            raise
        except CiphertextDamaged:
            self._note(row, where, Damage.VALUE)
            raise SealedDamaged(f"{column} of {row!r} does not open: changed, or moved here") from None
        return decode(plaintext)

    def _note(self, row: Record, where: Stand, damage: Damage) -> None:
        if len(self.damaged) < MOST_DAMAGED:
            self.damaged.append(Damaged(row.__tablename__, where.place.column, where.row_id, where.owner, damage))


def opens_with(model: type[Record], column: str) -> str:
    """The action that opens this sealed column. Raises NotSealable for any other column."""
    return place_of(model, column).opens_with

"""The import of the command line: archives, opened and checked, into the account that stands under an e-mail."""

import io
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agents.imports import Chosen, Wishes, take_in
from agents.models.gateway import Gateway
from agents.runtime import Agents
from muniment.homes import claimed
from muniment.house import following, open_house
from muniment.settings import Settings
from policies.principals import ANONYMOUS
from resolvers.errors import NoAccount
from resolvers.house import House
from resolvers.lockdowns import holding
from storage import accounts
from storage.archives import reading, recipients
from storage.archives.layout import camel
from storage.archives.reading import ArchiveRefused, Reason
from storage.blobs.contexts import FileContext, FileKind
from storage.blobs.files import BlobFile
from storage.contributors import strips_metadata
from storage.database import transaction
from storage.ids import new_id
from storage.keys.names import contributor_keyset
from storage.ledger import signing
from storage.sessions import SubjectKind

_BUFFER = 1024 * 1024


@dataclass(frozen=True)
class Trust:
    """Whose archives are taken, how large, and what opens them. Without a `vkey`: those this installation made."""

    vkey: str | None = None
    identities: str | None = None
    most_bytes: int = 64 * 1024**3


def import_archives(settings: Settings, files: Sequence[Path], email: str, trust: Trust) -> Iterator[str]:
    """Take these archives in, one after the other; yields what became of each, in lines.

    Raises NoAccount where nobody has this e-mail, LockedDown, what `take_in` raises, and what `open_house` raises.
    """
    with claimed(settings), open_house(settings) as house, following(house, watch=False):  # it may take hours
        holding.demand(house.force, ANONYMOUS, "import", changes=True)
        account, strip = _account(house, email)
        agents = Agents(house.store, house.force, Gateway([]))
        wishes = Wishes(settings.upload_limit_bytes, strip, house.limits.allowance)
        for file in files:
            with file.open("rb") as source, _in_clear(house, account, source, trust) as clear:
                archive = reading.open_archive(clear, _keys(house, trust), trust.most_bytes)
                taken = take_in(agents, account, archive, wishes)
            yield f"{file.name}: taken in. Each thing's former id stands in the trail (originalId)."
            yield from (f"{table}: {number}" for table, number in sorted(taken.records.items()))
            yield f"files: {taken.files}"
            if taken.left_out:
                yield f"left out, since their project was deleted here meanwhile: {taken.left_out}"
            yield from _of_choices(taken.chosen)


def _of_choices(chosen: Chosen) -> Iterator[str]:
    """What holds here as it did there, and what does not: each with what to do about it."""
    if chosen.wishes:
        yield f"on, as it was there: {', '.join(map(camel, chosen.wishes))}"
    if chosen.not_allowed:
        names = ", ".join(map(camel, chosen.not_allowed))
        yield f"allowed there, and here only where the owner allows it (updatePrivacyPreferences): {names}"
    if chosen.retention_of:
        yield (
            f"choices of retention: {chosen.retention} of {chosen.retention_of} hold here, where none was made before; "
            "nothing goes by them before the notice"
        )
    if chosen.style:
        yield "style profile: taken in, with what its owner had put right"
    if chosen.style_left:
        yield "style profile: left out; it is taken in where the account allows styleLearning and has none yet"
    if chosen.shared:
        yield f"shared there {chosen.shared} times, with people who have no account here: share it anew (shareProject)"


def _account(house: House, email: str) -> tuple[uuid.UUID, bool]:
    """Whose it is, and whether they have metadata removed from images."""
    lookups = house.store.keyring.keyed_hashes("email", email.strip().lower())
    with transaction(house.store.engine, read_only=True) as session:
        found = accounts.account_by_email(session, lookups)
        if found is None or found.kind is not SubjectKind.CONTRIBUTOR:
            raise NoAccount("No contributor has this e-mail: register first (registerContributor).", field="email")
        return found.row.id, strips_metadata(session, found.row.id)


def _keys(house: House, trust: Trust) -> Iterable[str]:
    return [trust.vkey] if trust.vkey else signing.known_keys(house.store.origin, house.store.keyring)


@contextmanager
def _in_clear(house: House, account: uuid.UUID, source: BinaryIO, trust: Trust) -> Iterator[BinaryIO]:
    """The archive itself. An encrypted one is sealed anew for as long as it is read: no plaintext touches a disk."""
    encrypted = source.read(len(recipients.MAGIC)) == recipients.MAGIC
    source.seek(0)
    if not encrypted or trust.identities is None:
        yield source
        return
    blobs, blob_id = house.store.blobs, new_id()
    file = FileContext(FileKind.ARCHIVE, account, blob_id)
    try:
        with blobs.writer(blob_id, contributor_keyset(account), file) as writer:
            recipients.decrypt(source, trust.identities, _limited(writer.write, trust.most_bytes))
            size = writer.finish()
        yield io.BufferedReader(BlobFile(blobs.reader(blob_id, size, file)), _BUFFER)
    except recipients.IdentityRefused as error:
        raise ArchiveRefused(Reason.ENCRYPTED, f"The archive does not open: {error}.") from None
    finally:
        blobs.remove(blob_id)


def _limited(write: Callable[[bytes], object], most_bytes: int) -> Callable[[bytes], object]:
    """`write`, for as many bytes. Raises ArchiveRefused."""
    left = most_bytes

    def bounded(piece: bytes) -> object:
        nonlocal left
        left -= len(piece)
        if left < 0:
            raise ArchiveRefused(Reason.TOO_LARGE, f"The archive is larger than {most_bytes:,} bytes (--most-bytes).")
        return write(piece)

    return bounded

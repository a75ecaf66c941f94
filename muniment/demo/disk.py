"""What lies on disk: the server's home looked through byte by byte, and its keys counted."""

import base64
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from muniment.house import open_house, open_keyring
from muniment.settings import Settings
from resolvers import staff
from resolvers.house import House
from storage import totp
from storage.clock import now
from storage.keys.errors import KeyStoreError
from storage.keys.kms import InsecureWarning
from storage.keys.names import KeysetName
from storage.ledger.notes import NoteRefused, VerifierKey
from storage.staff import StaffRole

_PIECE = 4 * 1024 * 1024
_SAMPLE = 48
_LEAST_VARIETY = 12


@dataclass(frozen=True)
class Scan:
    """What a look through every file found: hits are pairs of a file and what was found in it."""

    files: int
    size: int
    hits: list[tuple[Path, str]]


@dataclass(frozen=True)
class Home:
    """The running server's home, when it is on this machine."""

    settings: Settings
    house: House

    @property
    def places(self) -> list[Path]:
        """The directories to look through: the home, and blobs that lie elsewhere."""
        home, blobs = self.settings.home, self.settings.blob_dir
        return [home] if blobs.is_relative_to(home) else [home, blobs]

    def add_staff(self, email: str, role: str) -> tuple[str, str]:
        """What `python -m muniment staff add` does. Answers the first password, and what an authenticator app shows."""
        hired = staff.add(self.house, email, [StaffRole(role)])
        secret = base64.b32decode(parse_qs(urlsplit(hired.second_factor).query)["secret"][0])
        return hired.password, totp.code_at(secret, totp.step_at(now()))

    def keysets_of(self, owner: uuid.UUID) -> int:
        """How many keysets a contributor has in the key store at this moment."""
        return self.house.store.keyring.count_owned_by(owner)

    def blobs_of(self, owner: uuid.UUID) -> list[Path]:
        """The sealed files whose keysets are this contributor's."""
        keyring = self.house.store.keyring
        found = []
        for path in self.settings.blob_dir.glob("[0-9a-f][0-9a-f]/*"):
            keyset = KeysetName("blob", path.name)
            if keyring.exists(keyset) and keyring.owner_of(keyset) == owner:
                found.append(path)
        return found


@contextmanager
def home_of(settings: Settings, vkey: str) -> Iterator[Home | None]:
    """The home that `settings` speak of, if the server with this verifier key runs from it; else None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)  # the server has said so itself
        if not _holds_key(settings, vkey):
            yield None
            return
        with open_house(settings) as house:
            yield Home(settings, house)


def _holds_key(settings: Settings, vkey: str) -> bool:
    store = settings.key_store_url
    if store.startswith("sqlite:///") and not Path(store.removeprefix("sqlite:///")).is_file():
        return False
    try:
        keyring = open_keyring(settings)
        try:
            return keyring.public_key() == VerifierKey.parse(vkey).public_key
        finally:
            keyring.close()
    except (KeyStoreError, NoteRefused):
        return False


def scan(places: Sequence[Path], needles: Mapping[str, bytes]) -> Scan:
    """Look for each needle in every file and file name below `places`, as it is and in the usual disguises.

    In a process of its own: opening and closing a database's file would drop the locks that SQLite holds on it in this
    one (decision 79).
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        return apart.submit(_scan, list(places), dict(needles)).result()


def _scan(places: Sequence[Path], needles: Mapping[str, bytes]) -> Scan:
    wanted = [(name, form) for name, needle in needles.items() for form in disguises(needle)]
    overlap = max(len(form) for _, form in wanted)
    files = size = 0
    hits: list[tuple[Path, str]] = []
    for path in (path for place in places for path in sorted(place.rglob("*"))):
        found = {name for name, form in wanted if form in bytes(path)}
        try:
            if path.is_file():
                files, size = files + 1, size + path.stat().st_size
                for piece in _pieces(path, overlap):
                    lower = piece.lower()
                    found |= {name for name, form in wanted if form in piece or form in lower}
        except FileNotFoundError:
            continue  # the server removed it while we looked
        hits += [(path, name) for name in sorted(found)]
    return Scan(files, size, hits)


def sample(content: bytes) -> bytes | None:
    """A piece of a file that would not be found elsewhere by chance; None if the file has none."""
    starts = range(0, max(1, len(content) - _SAMPLE), max(1, len(content) // 64))
    best = max((content[start : start + _SAMPLE] for start in starts), key=lambda piece: len(set(piece)))
    return best if len(set(best)) >= _LEAST_VARIETY else None


def disguises(needle: bytes) -> set[bytes]:
    """A needle as it is, in lower case, as UTF-16, in hexadecimal, and in base64 wherever in a group it begins."""
    forms = {needle, needle.lower(), needle.hex().encode()}
    if needle.isascii():
        forms |= {needle.decode().encode(encoding) for encoding in ("utf-16-le", "utf-16-be")}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + needle)
        inner = encoded[(0, 2, 3)[shift] : -4]
        forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


def _pieces(path: Path, overlap: int) -> Iterator[bytes]:
    tail = b""
    with path.open("rb") as file:
        while read := file.read(_PIECE):
            yield tail + read
            tail = read[-overlap:]

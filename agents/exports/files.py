"""The files of assets, as they were sent. While one is packed and sealed, a second thread opens and hashes the next.

That thread reads blobs and nothing else: what is asked of the database, and what is noted of damage, stays with the
one that builds. Tink, hashlib and the disk let go of the interpreter meanwhile, so that two cores are at work.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from agents.exports.opening import Opening
from storage import damages
from storage.archives import layout
from storage.archives.writing import Member
from storage.assets import Asset
from storage.blobs.errors import BlobDamaged
from storage.keys.names import blob_keyset
from storage.work import Store, UnitOfWork

COLUMNS = frozenset({"byte_size", "file_name", "media_type"})
"""What is needed of an asset here, beside its ids."""

_AHEAD = 4 * 1024 * 1024
"""Bytes that are read in one go, and held until they are written, twice: what is larger is read as it is written."""

_AT_ONCE = 100
"""Files whose keys are loaded together, at most."""

_Placed = tuple[Asset, str]
"""An asset, and the path of its file in the archive."""

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class Whole(NamedTuple):
    """A file that was read: what it holds, and its SHA-256 in hex."""

    pieces: list[bytes]
    sha256: str


def members(work: UnitOfWork, opening: Opening, assets: Iterable[Any]) -> Iterator[Member]:
    """A member for each of these assets, of which all have bytes. Raises BlobDamaged, and key errors, on the way."""
    store = work.store
    for batch, read in ahead(_batches(assets, opening), lambda batch: _read(store, batch)):
        for (asset, path), whole in zip(batch, read, strict=True):
            pieces, sha256 = whole if isinstance(whole, Whole) else (_pieces(work, asset, whole), None)
            yield Member(path, asset.media_type, pieces, "asset_files", asset.byte_size, sha256)


def ahead(given: Iterable[_Given], make: Callable[[_Given], _Made]) -> Iterator[tuple[_Given, _Made]]:
    """Each of `given` with what `make` makes of it, in order: of the next one while the last is looked at.

    `make` runs in a thread of its own, which has ended when this has, however it ends. What it raises is raised here,
    in its turn.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="export") as pool:
        coming: tuple[_Given, Future[_Made]] | None = None
        for each in given:
            following = each, pool.submit(make, each)
            if coming is not None:
                yield coming[0], coming[1].result()
            coming = following
        if coming is not None:
            yield coming[0], coming[1].result()


def _batches(assets: Iterable[Any], opening: Opening) -> Iterator[list[_Placed]]:
    """Some at a time, each with its place: together no larger than what is held, or one that is larger by itself."""
    batch, size = list[_Placed](), 0
    for asset in assets:
        if batch and (size + asset.byte_size > _AHEAD or len(batch) == _AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append((asset, layout.asset_path(asset.id, opening.open(asset, "file_name"))))  # while its page is open
        size += asset.byte_size
    if batch:
        yield batch


def _read(store: Store, batch: list[_Placed]) -> list[Whole | BlobDamaged | None]:
    """Each file whole, its damage, or nothing where it is too large to be held; behind a damaged one nobody looks."""
    store.keyring.warm(blob_keyset(asset.blob_id) for asset, _ in batch if asset.blob_id)
    found: list[Whole | BlobDamaged | None] = []
    for asset, _ in batch:
        if asset.byte_size > _AHEAD or (found and isinstance(found[-1], BlobDamaged)):
            found.append(None)
            continue
        try:
            found.append(_whole(_opened(store, asset)))
        except BlobDamaged as error:
            found.append(error)
    return found


def _whole(pieces: Iterator[bytes]) -> Whole:
    held, digest = list(pieces), hashlib.sha256()
    for piece in held:
        digest.update(piece)
    return Whole(held, digest.hexdigest())


def _pieces(work: UnitOfWork, asset: Asset, damage: BlobDamaged | None) -> Iterator[bytes]:
    """What was not read ahead. Damage is noted, and raised."""
    try:
        if damage is not None:
            raise damage
        yield from _opened(work.store, asset)
    except BlobDamaged as error:
        if asset.blob_id is not None:
            work.vault.damaged.append(damages.of_file(work.session, asset.blob_id, error))
        raise


def _opened(store: Store, asset: Asset) -> Iterator[bytes]:
    """The asset's bytes. They are not passed on before they are whole, or what they go into is given up."""
    if asset.blob_id is None:
        raise ValueError("an asset without bytes has no file")
    return store.blobs.reader(asset.blob_id, asset.byte_size, at_once=True).whole()

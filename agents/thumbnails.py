"""The thumbnails agent: a small picture of each uploaded image, made from the file and sealed like it.

It opens the asset of its run and nothing else. What can't be pictured safely stays without; nobody is told of it as of
a failure. A damaged file stays without too, and is in the trail. A run that is repeated finds the thumbnail that it
made and does nothing.
"""

import io
import uuid
from typing import TYPE_CHECKING

from agents import images
from agents.runtime import Agents, patiently, register
from policies.actions import Action
from policies.errors import Refused
from storage import assets, damages
from storage.assets import Asset
from storage.blobs.contexts import FileKind
from storage.blobs.errors import BlobDamaged, BlobMissing
from storage.database import transaction
from storage.ids import new_id
from storage.keys.errors import KeyDestroyed
from storage.keys.names import project_keyset
from storage.ledger.events import AssetThumbnailMade
from storage.work import OutsideEffect

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

WORKFLOW = "thumbnail"
"""What an upload queues with the asset's id."""

NAME = "thumbnails"

EDGE = 512
"""Pixels of the longer edge."""

_MOST_BYTES = 64 * 1024 * 1024
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF")


def make(agents: Agents, asset_id: uuid.UUID) -> None:
    """Make an asset's thumbnail. Does nothing, quietly, if the asset is gone, has one, or can't be pictured."""
    patiently(agents, lambda: _make(agents, asset_id))


def _make(agents: Agents, asset_id: uuid.UUID) -> None:
    with transaction(agents.store.engine, read_only=True) as session:
        owner = assets.owner_without_thumbnail(session, asset_id, at_most=_MOST_BYTES)
    if owner is None:
        return
    try:
        with agents.acting(NAME, owner, run=asset_id, read_only=True) as (work, access):
            asset = access.get(Asset, asset_id, Action.READ_CONTENT)
        if asset.blob_id is None:
            return
        try:
            file = asset.file(FileKind.CONTENT)
            picture = small(b"".join(agents.store.blobs.reader(asset.blob_id, asset.byte_size, file).read()))
        except BlobMissing:
            raise
        except BlobDamaged as error:
            agents.store.tell_of_damage(work.scope, [damages.file_of(asset.owner_id, asset.blob_id, error)])
            return
        if picture is not None:
            agents.go_on()
            _keep(agents, asset, picture)
    except (KeyDestroyed, Refused):
        return  # erased meanwhile, or its owner may not open it any more


def _keep(agents: Agents, asset: Asset, picture: bytes) -> None:
    blob_id = new_id()
    file = asset.file(FileKind.THUMBNAIL)
    with agents.store.blobs.writer(blob_id, project_keyset(asset.project_id), file) as writer:
        writer.write(picture)
        writer.finish()
    with (
        OutsideEffect(lambda _error: agents.store.blobs.remove(blob_id)) as effect,
        agents.acting(NAME, asset.owner_id, run=asset.id) as (work, access),
    ):
        effect.named_by(work)
        found = access.get(Asset, asset.id, Action.READ_CONTENT)
        kept = assets.adopt_thumbnail(work.session, found, blob_id, len(picture))
        if kept:
            work.record(
                AssetThumbnailMade(
                    resource_id=found.id,
                    subject_id=found.owner_id,
                    project_id=found.project_id,
                    byte_size=len(picture),
                )
            )
    if not kept:  # another run made one first: no row names this
        agents.store.blobs.remove(blob_id)


def small(file: bytes) -> bytes | None:
    """A picture's thumbnail as WebP, upright, without metadata. None for what is no picture that opens safely.

    Only formats that uploads may have are tried, and none that claims more pixels than are decoded safely.
    """
    return images.decode(file, _FORMATS, EDGE, _reduced)


def _reduced(picture: "ImageFile", _: images.Size) -> bytes:
    from PIL import Image, ImageOps

    picture.thumbnail((EDGE, EDGE))  # first, since what turns it copies it
    upright = ImageOps.exif_transpose(picture)
    shown = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    bare = Image.frombytes(shown.mode, shown.size, shown.tobytes())
    out = io.BytesIO()
    bare.save(out, "WEBP", quality=80)
    return out.getvalue()


register(WORKFLOW, make)

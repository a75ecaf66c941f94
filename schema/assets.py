"""Assets in the API's words."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry

from policies.actions import Action
from resolvers import assets, lists
from resolvers.tickets import Purpose
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.leaves import Siblings, for_siblings, leaf
from schema.nodes import Info, Node, plain, reference, related, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from schema.scalars import BigInt
from schema.selections import selects
from storage.assets import Asset as AssetRow
from storage.assets import AssetStatus
from storage.metadata import Handling

if TYPE_CHECKING:
    from schema.projects import Project

strawberry.enum(
    AssetStatus, description="AWAITING_UPLOAD until its bytes have come; AVAILABLE; QUARANTINED if they are unsafe."
)

strawberry.enum(
    Handling,
    name="MetadataHandling",
    description="AS_SENT: the owner does not ask for removal. REMOVED: camera data, places, texts and thumbnails were "
    "taken out of the image. NOT_REMOVABLE: the owner asks for removal, and for this type of file nothing here can.",
)


def _content_url(node: Any, info: Info) -> str | None:
    row = node.row
    if row.blob_id is None or Action.READ_CONTENT.value not in row.decisions:
        return None
    return "/content/" + assets.ticket(info.context, Purpose.CONTENT, row.id)


def _thumbnail_url(node: Any, info: Info) -> str | None:
    row = node.row
    if row.thumbnail_id is None or Action.READ_CONTENT.value not in row.decisions:
        return None
    return "/thumbnails/" + assets.ticket(info.context, Purpose.THUMBNAIL, row.id)


def _upload_url(node: Any, info: Info) -> str | None:
    row = node.row
    if row.status is not AssetStatus.AWAITING_UPLOAD:
        return None
    row = row if node.decided else lists.one(info.context, AssetRow, row.id, also=(Action.UPLOAD,))
    if Action.UPLOAD.value not in row.decisions:
        return None
    return "/uploads/" + assets.ticket(info.context, Purpose.UPLOAD, row.id)


def _project(self: Any, info: Info) -> Any:
    from schema.projects import Project

    nodes = self.nodes if isinstance(self, Siblings) else [self]
    found = related(info, nodes, Project, "project_id")
    return found if isinstance(self, Siblings) else found[0]


@strawberry.type(description="A file of a contributor's.")
class Asset(Node):
    """An upload."""

    record: ClassVar = AssetRow
    actions: ClassVar = (Action.DELETE, Action.READ, Action.READ_CONTENT, Action.UPDATE, Action.UPLOAD)

    project_id: strawberry.ID = reference("project_id", "Project", "The project it lies in.")
    owner_id: strawberry.ID = reference("owner_id", "Contributor", "Whose it is.")
    status: AssetStatus = plain("status", AssetStatus, "Where it stands on its way in.")
    media_type: str = plain("media_type", str, "What kind of file it is (RFC 6838).")
    byte_size: BigInt = plain(
        "byte_size", BigInt, "Its size in bytes: as announced, then as kept, which is less where metadata was removed."
    )
    metadata_handling: Handling = plain(
        "metadata_handling", Handling, "What was done about the file's own metadata before it was sealed."
    )
    file_name: str = sealed("file_name", str, "Its name on the contributor's own disk.")
    title: str = sealed("title", str, "What the contributor calls it.")
    description: str = sealed("description", str, "What the contributor says about it.")
    tags: list[str] = sealed("tags", list[str], "The contributor's tags.")
    checksum: str | None = sealed(
        "checksum", str | None, "SHA-256 of its bytes as they are kept, as `sha256:…`; null until they have come."
    )
    created_at: datetime = plain("created_at", datetime, "When it was announced.")
    updated_at: datetime = plain("updated_at", datetime, "When it last changed.")

    content_url: str | None = leaf(
        _content_url,
        str | None,
        "A path on this server: GET the bytes there for a few minutes; ranges work. Null until they have come, or if "
        "you may not read them. Every download is in the audit trail before its first byte.",
        columns=("blob_id",),
    )
    thumbnail_url: str | None = leaf(
        _thumbnail_url,
        str | None,
        "A path on this server: GET a small WebP of an image there for a few minutes, at most 512 pixels wide and "
        "high. Null for what is no image, until an agent has made it, or if you may not open the asset.",
        columns=("thumbnail_id",),
    )
    upload_url: str | None = leaf(
        _upload_url,
        str | None,
        "A path on this server: send its bytes there within minutes, with PUT as a whole, or with HEAD and PATCH in "
        "parts that survive a lost connection (tus 1.0). Ask again for a fresh one. Null once they have come, or if "
        "you may not send them.",
        columns=("status",),
    )
    project: Annotated["Project", strawberry.lazy("schema.projects")] | None = for_siblings(
        _project,
        Annotated["Project", strawberry.lazy("schema.projects")] | None,
        "The project it lies in.",
        columns=("project_id",),
    )

    @classmethod
    def also(cls, info: Info) -> tuple[Action, ...]:
        """Whether bytes may be sent is decided along with the rows, if the query asks where to."""
        return super().also(info) or ((Action.UPLOAD,) if selects(info, "uploadUrl") else ())


@strawberry.input(description="A file to be uploaded.")
class CreateAssetInput:
    """Input of createAsset."""

    project_id: strawberry.ID = strawberry.field(description="The project it goes into.")
    file_name: str = strawberry.field(description="Its name, kept sealed; never used as a path.")
    media_type: str = strawberry.field(description="What kind of file it is. The bytes are checked against it.")
    byte_size: BigInt = strawberry.field(description="Exactly how many bytes will be sent.")
    title: str | None = strawberry.field(default=None, description="What to call it; the file name if left out.")
    description: str = strawberry.field(default="", description="Anything worth saying about it.")
    tags: list[str] = strawberry.field(default_factory=list, description="Up to 50 tags.")


@strawberry.input(description="What to say about an asset. What is left out stays as it is.")
class UpdateAssetInput:
    """Input of updateAsset."""

    asset_id: strawberry.ID = strawberry.field(description="Which asset.")
    title: str | None = strawberry.field(default=None, description="A new title.")
    description: str | None = strawberry.field(default=None, description="A new description.")
    tags: list[str] | None = strawberry.field(default=None, description="New tags, in place of the old ones.")


@strawberry.type(description="The asset, and where to send its bytes.")
class CreateAssetPayload:
    """Answer of createAsset."""

    asset: Asset = strawberry.field(description="The asset, awaiting its bytes.")
    upload_url: str = strawberry.field(
        description="A path on this server: PUT the bytes there within minutes. They are encrypted as they "
        "arrive. If the transfer breaks, send the whole file again; or send it in parts, see `asset.uploadUrl`."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="The asset, as it is now.")
class UpdateAssetPayload:
    """Answer of updateAsset."""

    asset: Asset = strawberry.field(description="The asset.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class AssetMutations:
    """Mutations about assets."""

    @mutation("Announce a file and get a place to send its bytes to.")
    def create_asset(self, info: Info, input: CreateAssetInput) -> CreateAssetPayload:
        row, token = assets.create(
            info.context,
            decode_id_of("Project", input.project_id, "projectId"),
            file_name=input.file_name,
            media_type=input.media_type,
            byte_size=input.byte_size,
            title=input.file_name if input.title is None else input.title,
            description=input.description,
            tags=input.tags,
        )
        return CreateAssetPayload(
            asset=Asset.of(row), upload_url="/uploads/" + token, audit_event_id=audit_event_id(info)
        )

    @mutation("Change what is said about an asset. Its bytes and its owner never change.")
    def update_asset(self, info: Info, input: UpdateAssetInput) -> UpdateAssetPayload:
        row = assets.update(
            info.context,
            decode_id_of("Asset", input.asset_id, "assetId"),
            title=input.title,
            description=input.description,
            tags=input.tags,
        )
        return UpdateAssetPayload(asset=Asset.of(row), audit_event_id=audit_event_id(info))

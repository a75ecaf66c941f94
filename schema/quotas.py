"""Room for files, in the API's words."""

import strawberry

from resolvers import quotas
from schema.nodes import Info
from schema.scalars import BigInt
from storage.quotas import Use


@strawberry.type(
    description="How much room your files take, and may take. What was announced counts as if it were here."
)
class StorageQuota:
    """Counts of files and bytes, and their limits."""

    used_bytes: BigInt = strawberry.field(description="Bytes of your assets, in every project of yours.")
    limit_bytes: BigInt = strawberry.field(description="How many there may be.")
    used_files: BigInt = strawberry.field(description="How many assets they are.")
    limit_files: BigInt = strawberry.field(description="How many there may be.")


def quota_of(use: Use) -> StorageQuota:
    """Somebody's use, in the API's words."""
    return StorageQuota(
        used_bytes=BigInt(use.byte_size),
        limit_bytes=BigInt(use.most_bytes),
        used_files=BigInt(use.files),
        limit_files=BigInt(use.most_files),
    )


def own(info: Info) -> StorageQuota | None:
    """The caller's; None for whoever has no account of works."""
    use = quotas.mine(info.context)
    return None if use is None else quota_of(use)

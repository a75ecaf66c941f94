"""Files as versions before format 2 stored them: bound to neither asset nor owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from sqlalchemy import select, update

from storage.assets import Blob
from storage.blobs import partials, store, writer
from storage.blobs.contexts import FileKind
from storage.blobs.segments import UNBOUND
from storage.database import transaction
from storage.work import Store


@contextmanager
def unbound(data: Store) -> Iterator[None]:
    """Let what is stored within the block be in format 1, as its rows say afterwards."""
    with transaction(data.engine, read_only=True) as session:
        before = list(session.scalars(select(Blob.id)))
    with (
        patch.object(writer, "HEADER", UNBOUND),
        patch.object(store, "HEADER", UNBOUND),
        patch.object(partials, "HEADER", UNBOUND),
    ):
        yield
    with transaction(data.engine) as session:
        stored = update(Blob).where(Blob.kind != FileKind.ARCHIVE, Blob.id.not_in(before))
        session.execute(stored.values(kind=None))

"""What goes into an archive, file after file, each loaded through the door and brought as a stream."""

import uuid
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from agents.exports import pages
from agents.exports.opening import Opening
from policies.access import Access
from policies.actions import Action
from storage import damages
from storage.archives import layout, proving, records, schemas, sources
from storage.archives.writing import Member
from storage.assets import Asset
from storage.blobs.contexts import FileKind
from storage.blobs.errors import BlobDamaged, BlobMissing
from storage.damages import Damage
from storage.exports import Export, ExportScope
from storage.keys.errors import KeyDestroyed
from storage.keys.names import blob_keyset
from storage.ledger import trail
from storage.ledger.entries import AuditEvent
from storage.outputs import Output
from storage.records import Record
from storage.work import UnitOfWork

_JSON_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
_JSON_PAGE = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

_AT_ONCE = 100
"""Files whose keys are loaded together."""

_NEEDED = frozenset({"byte_size", "file_name", "media_type"})
"""What a file's place in the archive is made of, beside its asset's ids."""


class ExportIncomplete(Exception):
    """The door let fewer rows through than the owner has, so the archive would not be everything. Names the table."""

    code = "EXPORT_INCOMPLETE"


class FileLost(Exception):
    """An asset's bytes, or the key that opens them, are not there, although no deletion took them."""

    code = "FILE_LOST"

    def __init__(self, asset_id: uuid.UUID, damage: Damage) -> None:
        super().__init__(damage.value)
        self.asset_id = asset_id
        self.damage = damage


Absent = Mapping[uuid.UUID, Damage]
"""Assets whose bytes the archive names as missing, each with the reason."""


class Contents:
    """The contents of one export, read in one unit of work: one snapshot. What is `absent` is named, not read."""

    def __init__(self, work: UnitOfWork, access: Access, export: Export, absent: Absent) -> None:
        self.missing: list[dict[str, Any]] = []
        """What the manifest says of the files that are absent; complete once all members were written."""
        self._absent = absent
        self._work = work
        self._access = access
        self._export = export
        self._opening = Opening(work.vault)

    def members(self) -> Iterator[Member]:
        """Every file of the archive but the manifest.

        Raises ExportIncomplete, FileLost, KeyDestroyed and BlobDamaged on the way.
        """
        tables = sources.tables(self._export.scope)
        yield Member(layout.README, "text/html", self._readme(tables))
        for model, file in tables:
            yield from self._table(model, file)
            yield _json(layout.schema_path(file), layout.JSON_SCHEMA, records.schema(model))
        if self._export.scope is ExportScope.ACCOUNT:
            yield Member(sources.AUDIT_EVENTS, layout.JSON_LINES, self._all_events(), "audit_events")
            yield Member(sources.ACCESS_LOG, layout.JSON_LINES, self._events_by_others(), "access_log")
            yield _json(layout.schema_path(sources.AUDIT_EVENTS), layout.JSON_SCHEMA, schemas.PROVEN_EVENT)
            yield _json(layout.schema_path(sources.ACCESS_LOG), layout.JSON_SCHEMA, schemas.EVENT)
        yield _json(layout.schema_path(layout.MANIFEST), layout.JSON_SCHEMA, schemas.MANIFEST)
        for output in self._rows(Output, sources.made_since(Output.created_at, self._export), order=("id",)):
            text = self._opening.open(output, "text").encode()
            yield Member(layout.output_path(output.id), output.media_type, (text,), "output_files", len(text))
        yield from self._files()

    def _files(self) -> Iterator[Member]:
        """The files of assets, some at a time, so that their keys are loaded together."""
        for some in self._with_bytes():
            self._work.store.keyring.warm(blob_keyset(asset.blob_id) for asset in some)
            for asset in some:
                if asset.id in self._absent:
                    self._name(asset)
                else:
                    yield self._file(asset, asset.blob_id)

    def find_absent(self) -> dict[uuid.UUID, Damage]:
        """The assets of this export whose file or keyset is not there, each with the reason."""
        found, store = dict[uuid.UUID, Damage](), self._work.store
        for some in self._with_bytes():
            with_keys = store.keyring.existing(blob_keyset(asset.blob_id) for asset in some)
            for asset in some:
                if blob_keyset(asset.blob_id) not in with_keys:
                    found[asset.id] = Damage.LOST
                elif not store.blobs.exists(asset.blob_id):
                    found[asset.id] = Damage.GONE
        return found

    def _with_bytes(self) -> Iterator[list[Any]]:
        there = sources.came_since(self._export), Asset.blob_id.is_not(None)
        rows = self._rows(Asset, *there, order=("id",), columns=_NEEDED)
        while some := list(islice(rows, _AT_ONCE)):
            yield some

    def _name(self, asset: Asset) -> None:
        """Let the manifest say which file is missing, and why."""
        path = layout.asset_path(asset.id, self._opening.open(asset, "file_name"))
        reason = self._absent[asset.id].value
        self.missing.append({"path": path, "assetId": str(asset.id), "bytes": asset.byte_size, "reason": reason})

    def _table(self, model: type[Record], file: str) -> Iterator[Member]:
        stem = file.rpartition(".")[0]
        if file.endswith(".jsonl"):
            yield Member(file, layout.JSON_LINES, self._lines(model), stem)
            return
        for row in self._complete(model):
            yield _json(file, layout.JSON, records.exported(row, self._opening), stem)

    def _lines(self, model: type[Record]) -> Iterator[bytes]:
        for row in self._complete(model):
            yield orjson.dumps(records.exported(row, self._opening), option=_JSON_LINE)

    def _all_events(self) -> Iterator[bytes]:
        found = 0
        allowed = trail.all_of(self._work.session, self._access.listed(AuditEvent, Action.READ))
        for event in proving.proven(self._work.session, self._events(allowed)):
            found += 1
            yield orjson.dumps(event, option=_JSON_LINE)
        if found != sources.count_events(self._work.session, self._export):
            raise ExportIncomplete(AuditEvent.__tablename__)

    def _events_by_others(self) -> Iterator[bytes]:
        door = self._access.listed(AuditEvent, Action.READ)
        for _, event in self._events(trail.done_by_others(self._work.session, door, self._export.owner_id)):
            yield orjson.dumps(event, option=_JSON_LINE)

    def _events(self, allowed: Any) -> Iterator[proving.Told]:
        return sources.events(self._work.session, allowed, self._work.vault, self._export)

    def _complete(self, model: type[Record]) -> Iterator[Any]:
        found = 0
        for row in self._rows(model):
            found += 1
            yield row
        if found != sources.count(self._work.session, model, self._export):
            raise ExportIncomplete(model.__tablename__)

    def _rows(self, model: type[Record], *conditions: Any, **how: Any) -> Iterator[Any]:
        allowed = self._access.select(model, Action.READ)
        rows = sources.rows(self._work.session, allowed, model, self._export, *conditions, **how)
        yield from self._opening.in_pages(rows)

    def _file(self, asset: Asset, blob_id: uuid.UUID) -> Member:
        path = layout.asset_path(asset.id, self._opening.open(asset, "file_name"))
        return Member(path, asset.media_type, self._bytes(blob_id, asset), "asset_files", asset.byte_size)

    def _bytes(self, blob_id: uuid.UUID, asset: Asset) -> Iterator[bytes]:
        try:
            file = asset.file(FileKind.CONTENT)
            yield from self._work.store.blobs.reader(blob_id, asset.byte_size, file, at_once=True).whole()
        except KeyDestroyed as error:
            raise FileLost(asset.id, Damage.LOST) from error
        except BlobDamaged as error:
            self._work.vault.damaged.append(damages.of_file(self._work.session, blob_id, error))
            if isinstance(error, BlobMissing):
                raise FileLost(asset.id, Damage.GONE) from error
            raise

    def _readme(self, tables: list[tuple[type[Record], str]]) -> Iterator[bytes]:
        about = [(file, (model.__doc__ or "").strip().splitlines()[0].replace("`", "")) for model, file in tables]
        if self._export.scope is ExportScope.ACCOUNT:
            about += sources.TRAIL.items()
        absent = self._absent.keys()
        return pages.Pages(self._work, self._access, self._export, self._rows, self._opening, absent).page(about)


def _json(path: str, media_type: str, content: Any, counts_as: str | None = None) -> Member:
    written = orjson.dumps(content, option=_JSON_PAGE)
    return Member(path, media_type, (written,), counts_as, len(written))

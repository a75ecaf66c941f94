"""Looking an archive over before anything of it is written: every record fits, every file is where its asset says."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from storage.archives import choices, layout, restoring
from storage.archives.choices import Choices
from storage.archives.reading import Archive, ArchiveRefused, Reason
from storage.archives.restoring import IMPORTED, Graft, unique_keys
from storage.assets import Asset, AssetStatus
from storage.intake import Intake
from storage.media import ACCEPTED, MediaMismatch
from storage.metadata import Handling, MetadataUnreadable, scrubber
from storage.outputs import Output
from storage.projects import Project
from storage.prompts import Prompt, PromptAsset, PromptStep
from storage.quotas import USUAL, Allowance
from storage.records import Record

_ASSETS = "assets/"


@dataclass(frozen=True)
class Wishes:
    """What holds for files that come in. `strip`: the account has metadata removed from images."""

    upload_bytes: int
    strip: bool = False
    allowance: Allowance = USUAL


@dataclass
class Plan:
    """What was found: where each asset's bytes are, by the id that it had; and what was chosen."""

    paths: dict[str, str] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)
    missing: set[str] = field(default_factory=set)
    """Ids of assets whose bytes the manifest names as missing: here they await them."""
    sizes: dict[uuid.UUID, int] = field(default_factory=dict)
    """Bytes of each asset that there is to be, announced ones among them: at most, where metadata is removed."""
    _ids: dict[type[Record], set[Any]] = field(default_factory=dict)
    _homes: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    """Of assets and prompts, the project."""

    def row(self, graft: Graft, model: type[Record], said: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """A row and what is to be sealed in it. An asset whose bytes are missing awaits them."""
        row, content = graft.row(model, said)
        if isinstance(row, Asset) and str(said.get("id")) in self.missing:
            row.status, row.metadata_handling = AssetStatus.AWAITING_UPLOAD, Handling.AS_SENT
            content.pop("checksum", None)
        return row, content


def look_over(archive: Archive, graft: Graft, wishes: Wishes) -> Plan:
    """Read all of it and write nothing. Raises ArchiveRefused for the first thing that does not fit."""
    plan = Plan()
    for path in archive.files:
        if path.startswith(_ASSETS):
            asset = path.split("/")[1]
            if asset in plan.paths:
                raise _unfit("There are two files of one asset.")
            plan.paths[asset] = path
    unclaimed = set(plan.paths)
    plan.missing = {str(line.get("assetId")) for line in archive.manifest.get("missing", ())} - unclaimed
    for model in IMPORTED:
        for said in archive.objects(restoring.file_of(model)):
            row, content = plan.row(graft, model, said)
            _place(plan, model, row)
            if isinstance(row, Asset):
                plan.sizes[row.id] = row.byte_size
                _check_asset(archive, plan, row, said, wishes)
                unclaimed.discard(str(said["id"]))
            if isinstance(row, Output):
                _check_output(archive, row, str(said["id"]), content["text"])
    if unclaimed:
        raise _unfit("There are files of assets that no record tells of.")
    plan.choices = choices.read(archive, graft, {key[0] for key in plan._ids.get(Project, ()) if len(key) == 1})
    return plan


def pieces(archive: Archive, path: str, intake: Intake | None) -> Iterator[bytes]:
    """A file's bytes as they are to be kept. Raises ArchiveRefused."""
    try:
        for chunk in archive.chunks(path):
            yield chunk if intake is None else intake.feed(chunk)
        if intake is not None:
            yield intake.finish()
    except (MediaMismatch, MetadataUnreadable):
        raise _unfit(
            "The account has metadata removed from images (stripMetadata), and of one in the archive it can't be."
        ) from None


def intake_for(media_type: str, wishes: Wishes) -> Intake | None:
    """What a file passes through on its way in; None where it stays byte for byte what it was."""
    return Intake(media_type, strip=True) if wishes.strip and scrubber(media_type) is not None else None


def _place(plan: Plan, model: type[Record], row: Any) -> None:
    """Each row has a place of its own, and lies within what has been there before it."""
    seen = plan._ids.setdefault(model, set())
    for key in unique_keys(row):
        if key in seen:
            raise _unfit(f"Two records of {model.__tablename__} are the same one.")
        seen.add(key)
    if isinstance(row, Asset | Prompt):
        plan._homes[row.id] = row.project_id
    if hasattr(row, "project_id") and (row.project_id,) not in plan._ids.get(Project, ()):
        raise _unfit(f"A record of {model.__tablename__} lies in a project that is not in the archive.")
    if isinstance(row, PromptAsset | PromptStep | Output) and plan._homes.get(row.prompt_id) != row.project_id:
        raise _unfit(f"A record of {model.__tablename__} belongs to a prompt that is not in its project.")
    if isinstance(row, PromptAsset) and (row.asset_id,) not in plan._ids.get(Asset, ()):
        raise _unfit("A prompt was given an asset that is not in the archive.")


def _check_asset(archive: Archive, plan: Plan, row: Asset, said: dict[str, Any], wishes: Wishes) -> None:
    path = plan.paths.get(str(said["id"]))
    if (path is None) is not (row.status is AssetStatus.AWAITING_UPLOAD) or row.media_type not in ACCEPTED:
        raise _unfit("An asset is without its bytes, or of a type that is not accepted here.")
    if path is None:
        return
    if archive.files[path]["bytes"] != row.byte_size:
        raise _unfit("An asset is not as long as its record says.")
    if row.byte_size > wishes.upload_bytes:
        raise ArchiveRefused(
            Reason.TOO_LARGE,
            f"A file in the archive has {row.byte_size:,} bytes; at most {wishes.upload_bytes:,} are accepted "
            "(MUNIMENT_UPLOAD_LIMIT_BYTES).",
        )
    intake = intake_for(row.media_type, wishes)
    if intake is not None:
        for _ in pieces(archive, path, intake):
            pass


def _check_output(archive: Archive, row: Output, old: str, text: str) -> None:
    line = archive.files.get(layout.output_path(uuid.UUID(old)))
    written = text.encode()
    if len(written) != row.byte_size or line is None or line["sha256"] != hashlib.sha256(written).hexdigest():
        raise _unfit("An output and its file do not say the same.")


def _unfit(message: str) -> ArchiveRefused:
    return ArchiveRefused(Reason.UNSUITABLE, message)

"""Taking an archive in, a few rows at a time: each unit of work asks the door again and says in the trail what it took.

Begun again after a crash it goes on: ids follow from the archive, so that what is there is found, and is left alone.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NoReturn

from agents.imports.choosing import NAME, Chosen, take_along
from agents.imports.looking import Plan, Wishes, intake_for, look_over, pieces
from agents.runtime import Agents, patiently
from agents.thumbnails import WORKFLOW as THUMBNAIL
from policies.actions import Action
from resolvers.errors import Conflict
from resolvers.quotas import hit as quota_hit
from storage import quotas, search
from storage.archives import restoring
from storage.archives.reading import Archive, ArchiveRefused, Reason
from storage.archives.restoring import IMPORTED, Graft
from storage.assets import PICTURES, Asset, AssetStatus, Blob
from storage.blobs.contexts import FileKind
from storage.contributors import Contributor
from storage.ids import new_id
from storage.keys.errors import KeyDestroyed
from storage.keys.names import project_keyset
from storage.ledger import events
from storage.ledger.events import Identifier, Outcome
from storage.metadata import Handling
from storage.outputs import Output
from storage.projects import Project
from storage.prompts import Prompt, PromptStatus, PromptStep, StepStatus
from storage.quotas import QuotaExceeded, Use
from storage.records import Record
from storage.work import OutsideEffect, UnitOfWork

_AT_ONCE = 200
"""Rows in one unit of work."""

Row = tuple[Any, dict[str, Any], str]
"""What is to be stored, what is to be sealed in it, and the id that it had."""


@dataclass
class Taken:
    """What there is now out of the archive, by table; what of it had been deleted since an earlier, broken attempt."""

    records: dict[str, int] = field(default_factory=dict)
    files: int = 0
    left_out: int = 0
    chosen: Chosen = field(default_factory=Chosen)
    """What the archive's owner had chosen, which is taken along last: files come in as they were kept there."""


def take_in(agents: Agents, account: uuid.UUID, archive: Archive, wishes: Wishes) -> Taken:
    """Take everything in that this account may keep. Nothing is written before all of the archive was looked over.

    Raises ArchiveRefused, also for want of room; Conflict where this archive has been taken in already; what the door
    raises for an account that is not there or is leaving; and what may pass, after it was waited for: then the next
    call goes on.
    """
    export_id = uuid.UUID(str(archive.manifest["exportId"]))
    graft = Graft(account, uuid.UUID(str(archive.manifest["ownerId"])), archive.digest)
    _ask(agents, graft, export_id)
    import_ = _Import(agents, graft, archive, look_over(archive, graft, wishes), wishes, graft.successor(export_id))
    import_.demand_room()
    digest = Identifier(archive.digest.hex())
    import_.record(
        events.ImportBegun(
            resource_id=export_id, subject_id=account, manifest_sha256=digest, byte_size=archive.byte_size
        )
    )
    try:
        for model in IMPORTED:
            import_.table(model)
    except QuotaExceeded as full:  # others took it: what has come stays, and the next attempt goes on from there
        import_.refuse(full.use)
    taken = import_.ended()
    import_.record(
        events.ImportFinished(
            resource_id=export_id,
            subject_id=account,
            manifest_sha256=digest,
            record_count=sum(taken.records.values()),
            file_count=taken.files,
            left_out=taken.left_out,
        )
    )
    return taken


def _ask(agents: Agents, graft: Graft, export_id: uuid.UUID) -> None:
    with agents.acting(NAME, graft.account, run=graft.successor(export_id), read_only=True) as (work, access):
        access.get(Contributor, graft.account, Action.IMPORT)
        if restoring.is_finished(work.session, graft.account, export_id, events.ImportFinished.action):
            raise Conflict("This archive has been taken into this account already.")


@dataclass
class _Import:
    agents: Agents
    graft: Graft
    archive: Archive
    plan: Plan
    wishes: Wishes
    run: uuid.UUID
    """What ties the events of one import together, however often it is begun."""
    taken: Taken = field(default_factory=Taken)
    _gone: set[uuid.UUID] = field(default_factory=set)
    """Projects that were deleted here since an earlier attempt: nothing brings them back."""
    _left_out: set[Any] = field(default_factory=set)

    def record(self, event: events.Event, outcome: Outcome = Outcome.SUCCESS) -> None:
        """Enter something in the trail."""
        with self.agents.acting(NAME, self.graft.account, run=self.run) as (work, access):
            access.get(Contributor, self.graft.account, Action.IMPORT)
            work.record(event, outcome)

    def demand_room(self) -> None:
        """Return where there is room for all that is missing. Raises ArchiveRefused."""
        missing = self._missing()
        with self.agents.acting(NAME, self.graft.account, run=self.run, read_only=True) as (work, _access):
            use = quotas.use_of(work.session, self.graft.account, self.wishes.allowance)
        if not use.leaves(len(missing), sum(missing)):
            self.refuse(use)

    def refuse(self, use: Use) -> NoReturn:
        """Raises ArchiveRefused, which is in the trail, for want of room."""
        missing = self._missing()
        self.record(quota_hit(self.graft.account, "import", sum(missing), len(missing)), Outcome.DENIED)
        raise ArchiveRefused(
            Reason.OVER_QUOTA,
            f"{len(missing):,} files of {sum(missing):,} bytes are to come; {use.files:,} of {use.most_files:,} files "
            f"and {use.byte_size:,} of {use.most_bytes:,} bytes are taken. Make room (delete assets, or "
            "`python -m muniment quota grant`), then import it again.",
        )

    def _missing(self) -> list[int]:
        """Bytes of each asset that is not there yet."""
        found, sizes = list[int](), iter(self.plan.sizes.items())
        while some := dict(islice(sizes, _AT_ONCE)):
            with self.agents.acting(NAME, self.graft.account, run=self.run, read_only=True) as (work, _access):
                there = restoring.there(work.session, (Asset(id=each) for each in some))
            found += [size for each, size in some.items() if (each,) not in there]
        return found

    def ended(self) -> Taken:
        """What there is now, and what is not; with what was chosen, once all is there that it is about."""
        self.taken.left_out = len(self._left_out)
        self.taken.chosen = take_along(self.agents, self.graft.account, self.run, self.plan.choices, self._gone)
        return self.taken

    def table(self, model: type[Record]) -> None:
        """Every row of one table."""
        rows = self._rows(model)
        while some := list(islice(rows, 1 if model is Asset else _AT_ONCE)):
            self.agents.go_on()
            patiently(self.agents, lambda some=some: self._keep(model, some))  # type: ignore[misc]

    def _rows(self, model: type[Record]) -> Iterator[Row]:
        for said in self.archive.objects(restoring.file_of(model)):
            yield *self.plan.row(self.graft, model, said), str(said.get("id"))

    def _keep(self, model: type[Record], some: list[Row]) -> None:
        some = [row for row in some if self._has_place(row[0])]
        if not some:
            return
        if model is Asset:
            self._keep_asset(*some[0])
            return
        self._store(model, some, lambda work: None)

    def _has_place(self, row: Any) -> bool:
        """Whether its project is there, or can be. Notes what can't."""
        if isinstance(row, Project) and row.id not in self._gone:
            keyring, keyset = self.agents.store.keyring, project_keyset(row.id)
            try:
                if not keyring.exists(keyset):
                    keyring.create(keyset, owner=self.graft.account)
            except KeyDestroyed:
                self._gone.add(row.id)
        if (row.id if isinstance(row, Project) else row.project_id) in self._gone:
            self._left_out.add((type(row), restoring.key_of(row)))
            return False
        return True

    def _keep_asset(self, row: Asset, content: dict[str, Any], old: str) -> None:
        path = self.plan.paths.get(old)
        if path is None or self._is_there(row):
            self._store(Asset, [(row, content, old)], lambda work: None)
            self.taken.files += path is not None
            return
        blobs, blob_id, digest = self.agents.store.blobs, new_id(), hashlib.sha256()
        intake = intake_for(row.media_type, self.wishes)
        with blobs.writer(blob_id, project_keyset(row.project_id), row.file(FileKind.CONTENT)) as writer:
            for piece in pieces(self.archive, path, intake):
                self.agents.go_on()
                digest.update(piece)
                writer.write(piece)
            row.byte_size = writer.finish()
        row.blob_id, row.metadata_handling = blob_id, row.metadata_handling or Handling.AS_SENT
        if intake is not None:
            row.metadata_handling = intake.handling
        content["checksum"] = f"sha256:{digest.hexdigest()}"
        whose = {"owner_id": row.owner_id, "project_id": row.project_id, "object_id": row.id}
        blob = Blob(id=blob_id, byte_size=row.byte_size, kind=FileKind.CONTENT, **whose)
        with OutsideEffect(lambda _error: blobs.remove(blob_id)) as effect:
            added = self._store(Asset, [(row, content, old)], lambda work: work.session.add(blob), effect)
        if not added:  # an earlier attempt, whose outcome was unknown, has stored it
            blobs.remove(blob_id)
        self.taken.files += 1

    def _is_there(self, row: Asset) -> bool:
        with self.agents.acting(NAME, self.graft.account, run=self.run, read_only=True) as (work, _access):
            return bool(restoring.there(work.session, [row]))

    def _store(
        self,
        model: type[Record],
        some: list[Row],
        also: Callable[[UnitOfWork], None],
        effect: OutsideEffect | None = None,
    ) -> int:
        """One unit of work: what is missing of these rows, sealed, found by its words, and told of. Return how many."""
        with self.agents.acting(NAME, self.graft.account, run=self.run) as (work, access):
            if effect is not None:
                effect.named_by(work)
            access.get(Contributor, self.graft.account, Action.IMPORT)
            there = restoring.there(work.session, (row for row, _, _ in some))
            missing = [each for each in some if restoring.key_of(each[0]) not in there]
            for row, content, old in missing:
                _settle(row, work)
                if content:
                    work.vault.seal(row, **content)
                work.session.add(row)
                told = _told(row, old)
                if told is not None:
                    work.record(told)
            work.session.flush()
            for row, _, _ in missing:
                if isinstance(row, Asset | Prompt):
                    search.index(work.session, work.vault, row)
                if isinstance(row, Asset) and row.status is AssetStatus.AVAILABLE and row.media_type in PICTURES:
                    work.enqueue(THUMBNAIL, row.id, owner=row.owner_id)
            if missing:
                also(work)
            for row, _, _ in missing:
                if isinstance(row, Asset):
                    work.session.flush()
                    quotas.take(work.session, row.owner_id, row.byte_size, self.wishes.allowance)
        kept = self.taken.records
        kept[model.__tablename__] = kept.get(model.__tablename__, 0) + len(some)
        return len(missing)


def _settle(row: Any, work: UnitOfWork) -> None:
    """What ran when the archive was made does not run here: what of it had not come then is cancelled."""
    if isinstance(row, Prompt) and row.status in (PromptStatus.QUEUED, PromptStatus.RUNNING):
        row.status, row.finished_at = PromptStatus.CANCELLED, work.now
        row.cancelled = max(0, row.variations - (row.stored or 0) - (row.failed or 0))
    if isinstance(row, PromptStep) and row.status is StepStatus.RUNNING:
        row.status, row.ended_at = StepStatus.CANCELLED, work.now


def _told(row: Any, old: str) -> events.Event | None:
    """The entry of the trail that says where a thing comes from."""
    if isinstance(row, Project):
        return events.ProjectImported(resource_id=row.id, subject_id=row.owner_id, original_id=uuid.UUID(old))
    if not isinstance(row, Asset | Prompt | Output):
        return None  # it is told with its prompt
    about: dict[str, Any] = {"resource_id": row.id, "subject_id": row.owner_id, "project_id": row.project_id}
    if isinstance(row, Prompt):
        return events.PromptImported(**about, original_id=uuid.UUID(old))
    about["original_id"] = uuid.UUID(old)
    if isinstance(row, Output):
        return events.OutputImported(**about, byte_size=row.byte_size)
    return events.AssetImported(**about, byte_size=row.byte_size if row.blob_id is not None else 0)

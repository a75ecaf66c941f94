"""What README.html shows of an archive, each thing loaded through the door and opened as it is written."""

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from agents.exports.opening import Opening
from policies.access import Access
from policies.actions import Action
from storage.archives import layout, readme, sources
from storage.assets import Asset
from storage.contributors import Contributor, PrivacyPreferences
from storage.exports import Export, ExportScope
from storage.ledger import trail
from storage.ledger.entries import AuditEvent
from storage.outputs import Output
from storage.preferences import REGISTER
from storage.projects import Project
from storage.prompts import Prompt
from storage.work import UnitOfWork

_WORDS = ("title", "file_name", "description")
_SHOWN = frozenset({*_WORDS, "tags", "media_type", "byte_size", "created_at"})
"""What is shown of an asset."""

_VISITS = 100
"""So many of the newest entries of the access log are shown; the file has them all."""


class Pages:
    """The page of one export. `rows` brings the export's rows of a model, and `opening` opens them."""

    def __init__(
        self,
        work: UnitOfWork,
        access: Access,
        export: Export,
        rows: Callable[..., Iterator[Any]],
        opening: Opening,
        absent: Collection[uuid.UUID] = (),
    ) -> None:
        """`absent` are the assets whose bytes are missing from storage."""
        self._absent = absent
        self._work = work
        self._access = access
        self._export = export
        self._rows = rows
        self._opening = opening

    def page(self, about: Iterable[tuple[str, str]]) -> Iterator[bytes]:
        """README.html. `about` are the archive's JSON files with a sentence on each."""
        whole = self._export.scope is ExportScope.ACCOUNT
        account = self._account(next(iter(self._rows(Contributor)))) if whole else None
        names = ((project.id, self._open(project, "name")) for project in self._rows(Project))
        export = self._export
        return readme.page(account, export.created_at, names, self._projects(), about, export.since)

    def _open(self, row: Any, column: str) -> Any:
        return self._opening.open(row, column)

    def _account(self, owner: Contributor) -> readme.AccountView:
        name, email = self._open(owner, "display_name"), self._open(owner, "email")
        since = f"{owner.created_at:%d %B %Y}"
        choices = next(iter(self._rows(PrivacyPreferences)), None)
        return readme.AccountView(
            name=name,
            facts=(("Name", name), ("E-mail", email), ("Here since", since), ("Account", str(owner.id))),
            choices=tuple((each.label, bool(getattr(choices, each.name, False))) for each in REGISTER),
            visits=self._visits(),
        )

    def _visits(self) -> Iterator[tuple[datetime, str, str, str]]:
        door = self._access.listed(AuditEvent, Action.READ)
        allowed = trail.done_by_others(self._work.session, door, self._export.owner_id)
        newest = allowed.order_by(None).order_by(AuditEvent.id.desc()).limit(_VISITS)
        for entry in sources.entries(self._work.session, newest):
            yield entry.timestamp, entry.component, entry.action, entry.outcome.value.lower()

    def _projects(self) -> Iterator[readme.ProjectView]:
        for project in self._rows(Project):
            prompts = self._rows(Prompt, order=("id",), project_id=project.id)
            outputs = self._rows(Output, order=("prompt_id", "variation"), project_id=project.id)
            yield readme.ProjectView(
                id=project.id,
                name=self._open(project, "name"),
                created_at=project.created_at,
                assets=self._assets(project),
                prompts=self._with_outputs(prompts, outputs),
            )

    def _assets(self, project: Project) -> Iterator[readme.AssetView]:
        """Those whose bytes are in this archive, then the others."""
        here = sources.came_since(self._export)
        how: dict[str, Any] = {"order": ("id",), "columns": _SHOWN, "project_id": project.id}
        with_bytes = self._rows(Asset, here, Asset.blob_id.is_not(None), **how)
        others = self._rows(Asset, ~here | Asset.blob_id.is_(None), **how)
        yield from (self._asset(asset, here=asset.id not in self._absent) for asset in with_bytes)
        yield from (self._asset(asset, here=False) for asset in others)

    def _asset(self, asset: Asset, *, here: bool) -> readme.AssetView:
        opened = {column: self._open(asset, column) for column in _WORDS}
        why = "Its bytes were never uploaded." if asset.blob_id is None else "Its bytes are in an earlier export."
        if asset.id in self._absent:
            why = "Its bytes are missing: they were not in storage when this archive was made."
        return readme.AssetView(
            **{column: text or "" for column, text in opened.items()},
            tags=tuple(self._open(asset, "tags") or ()),
            media_type=asset.media_type,
            byte_size=asset.byte_size,
            created_at=asset.created_at,
            path=layout.asset_path(asset.id, opened["file_name"]) if here else None,
            absent="" if here else why,
        )

    def _with_outputs(self, prompts: Iterable[Prompt], outputs: Iterable[Output]) -> Iterator[readme.PromptView]:
        # Both come in the order of the prompt's id, so one pass joins them.
        groups = groupby(outputs, key=lambda output: output.prompt_id)
        key, group = next(groups, (None, iter(())))
        for prompt in prompts:
            while key is not None and key < prompt.id:
                key, group = next(groups, (None, iter(())))
            mine = map(self._output, group) if key == prompt.id else iter(())
            yield readme.PromptView(self._open(prompt, "text"), prompt.status.value, prompt.created_at, mine)

    def _output(self, output: Output) -> readme.OutputView:
        here = self._export.since is None or output.created_at >= self._export.since - sources.OVERLAP
        path = layout.output_path(output.id) if here else None
        return readme.OutputView(self._open(output, "text"), output.model, output.created_at, path)

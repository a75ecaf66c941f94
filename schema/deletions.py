"""Deletions in the API's words."""

import json
from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import deletions
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.deletions import Deletion as DeletionRow
from storage.deletions import DeletionScope, DeletionStatus

strawberry.enum(
    DeletionStatus, description="Where a deletion stands. ERASED only after a separate count found nothing."
)
strawberry.enum(DeletionScope, description="What is destroyed, with everything that belongs to it.")


@strawberry.type(description="How many records of one kind.")
class RecordCount:
    """A line of a deletion's account."""

    kind: str = strawberry.field(description="The kind of record.")
    count: int = strawberry.field(description="How many.")


def _counts(found: dict[str, int]) -> list[RecordCount]:
    return [RecordCount(kind=kind, count=count) for kind, count in sorted(found.items())]


@strawberry.type(description="The signed statement of what was destroyed, and of who counted what is left.")
class DeletionCertificate:
    """A certificate, issued by the verifier alone and once it has found nothing."""

    issued_at: datetime = strawberry.field(description="When the verifier had counted, and signed.")
    document: str = strawberry.field(
        description="The certificate, as JSON (a DSSE envelope over an in-toto statement): keep it in a file, which "
        "`python -m muniment deletion verify FILE` checks offline. Of an account it is the one copy that names it, "
        "while its owner's token still watches the deletion; it can't be had again afterwards."
    )


@strawberry.type(
    description="The destruction of something: its keys first, then every copy, then a count by someone else."
)
class Deletion(Node):
    """One request to destroy."""

    record: ClassVar = DeletionRow
    actions: ClassVar = (Action.READ,)

    scope: DeletionScope = plain("scope", DeletionScope, "What is destroyed.")
    status: DeletionStatus = plain("status", DeletionStatus, "Where it stands.")
    keysets_destroyed: int = plain("keysets_destroyed", int, "How many keysets were destroyed.")
    requested_at: datetime = plain("requested_at", datetime, "When it was asked for.")
    deferred_at: datetime | None = plain(
        "deferred_at", datetime | None, "Since when a legal hold has kept it, if one did; `legalHolds` says which."
    )
    finished_at: datetime | None = plain("finished_at", datetime | None, "When the verifier had counted.")

    @strawberry.field(description="What was destroyed, per kind of record.")
    def destroyed(self) -> list[RecordCount]:
        return _counts(self.row.destroyed)

    @strawberry.field(description="What the verifier still found, per kind of record. Empty when all is gone.")
    def remaining(self) -> list[RecordCount]:
        return _counts(self.row.remaining)

    @strawberry.field(description="The certificate, once the verifier has counted and found nothing; null before that.")
    def certificate(self, info: Info) -> DeletionCertificate | None:
        found = deletions.certificate(info.context, self.row)
        if found is None:
            return None
        return DeletionCertificate(issued_at=self.row.finished_at, document=json.dumps(found, separators=(",", ":")))

    @strawberry.field(
        description="What providers of models answered after the certificate who were asked to delete what they keep; "
        "null until all have confirmed or a week is over, and where there is nothing to add. Later answers replace it."
    )
    def addendum(self, info: Info) -> DeletionCertificate | None:
        found = deletions.addendum(info.context, self.row)
        if found is None:
            return None
        return DeletionCertificate(issued_at=self.row.addendum_at, document=json.dumps(found, separators=(",", ":")))


@strawberry.type(description="The deletion that was queued.")
class DeletionPayload:
    """Answer of every delete mutation."""

    deletion: Deletion = strawberry.field(description="Follow it with deletionProgress, or ask for it again.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="Which asset to destroy.")
class DeleteAssetInput:
    """Input of deleteAsset."""

    asset_id: strawberry.ID = strawberry.field(description="The asset. Exports that hold a copy of it go too.")


@strawberry.input(description="Which prompt to destroy.")
class DeletePromptInput:
    """Input of deletePrompt."""

    prompt_id: strawberry.ID = strawberry.field(description="The prompt. Its outputs go with it.")


@strawberry.input(description="Which output to destroy.")
class DeleteOutputInput:
    """Input of deleteOutput."""

    output_id: strawberry.ID = strawberry.field(description="The output.")


@strawberry.input(description="Which project to destroy.")
class DeleteProjectInput:
    """Input of deleteProject."""

    project_id: strawberry.ID = strawberry.field(description="The project. Everything in it goes with it.")


@strawberry.input(description="Confirms that the whole account is meant.")
class DeleteAccountInput:
    """Input of deleteAccount."""

    confirm: bool = strawberry.field(description="Must be true.")


def _queued(info: Info, scope: DeletionScope, global_id: strawberry.ID, field: str) -> DeletionPayload:
    row = deletions.request(info.context, scope, decode_id_of(scope.value.title(), global_id, field))
    return DeletionPayload(deletion=Deletion.of(row), audit_event_id=audit_event_id(info))


@strawberry.type
class DeletionMutations:
    """Mutations that destroy. Each needs stepUp."""

    @mutation("Destroy an asset and its bytes. Needs stepUp.")
    def delete_asset(self, info: Info, input: DeleteAssetInput) -> DeletionPayload:
        return _queued(info, DeletionScope.ASSET, input.asset_id, "assetId")

    @mutation("Destroy a prompt and its outputs. Needs stepUp.")
    def delete_prompt(self, info: Info, input: DeletePromptInput) -> DeletionPayload:
        return _queued(info, DeletionScope.PROMPT, input.prompt_id, "promptId")

    @mutation("Destroy an output. Needs stepUp.")
    def delete_output(self, info: Info, input: DeleteOutputInput) -> DeletionPayload:
        return _queued(info, DeletionScope.OUTPUT, input.output_id, "outputId")

    @mutation("Destroy a project with everything in it. Needs stepUp.")
    def delete_project(self, info: Info, input: DeleteProjectInput) -> DeletionPayload:
        return _queued(info, DeletionScope.PROJECT, input.project_id, "projectId")

    @mutation(
        "Destroy your account: all work, all keys, the profile. Every session ends; this one's token can watch the "
        "deletion and nothing else. Needs stepUp."
    )
    def delete_account(self, info: Info, input: DeleteAccountInput) -> DeletionPayload:
        row = deletions.request_account(info.context, confirmed=input.confirm)
        return DeletionPayload(deletion=Deletion.of(row), audit_event_id=audit_event_id(info))

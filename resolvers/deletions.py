"""Deletions: asking that something be destroyed, with everything that belongs to it."""

import uuid
from typing import Any

from policies.actions import Action
from policies.principals import Kind
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, Unauthenticated
from storage import accounts, deletions, grants, legal_holds
from storage.assets import Asset
from storage.certificates.statements import opening
from storage.certificates.verifying import OPENING
from storage.contributors import Contributor, ContributorStatus
from storage.deletions import Deletion, DeletionReceipt, DeletionScope
from storage.ids import new_id
from storage.ledger import events
from storage.outputs import Output
from storage.projects import Project
from storage.prompts import Prompt

_MODELS: dict[DeletionScope, Any] = {
    DeletionScope.ACCOUNT: Contributor,
    DeletionScope.PROJECT: Project,
    DeletionScope.PROMPT: Prompt,
    DeletionScope.OUTPUT: Output,
    DeletionScope.ASSET: Asset,
}


def request(context: Context, scope: DeletionScope, object_id: uuid.UUID) -> Deletion:
    """Queue the destruction of one thing, or, where a legal hold keeps it, note that it is to go once none does.

    Raises `StepUpRequired` without a recent proof of identity, `Conflict` where it is on its way already.
    """
    thing = context.access.get(_MODELS[scope], object_id, Action.DELETE)
    owner = thing.id if scope is DeletionScope.ACCOUNT else thing.owner_id
    work = context.work
    deletion = Deletion(id=new_id(), owner_id=owner, scope=scope, object_id=object_id)
    try:
        accounts.add_unique(work.session, deletion)
    except accounts.AlreadyExists:
        raise Conflict("This is being deleted already.") from None
    named = None if scope is DeletionScope.ACCOUNT else object_id  # a person's id never stands in a leaf
    work.record(events.DeletionRequested(resource_id=deletion.id, subject_id=owner, scope=scope, object_id=named))
    if legal_holds.keeps(work.session, deletion):
        legal_holds.defer(work.session, deletion, work.now)
        work.record(events.DeletionDeferred(resource_id=deletion.id, subject_id=owner, scope=scope))
    else:
        if scope is DeletionScope.ACCOUNT:
            _close_account(context, thing, deletion)
        work.enqueue("erase", deletion.id, owner=owner)
    work.session.flush()
    return context.access.get(Deletion, deletion.id, Action.READ)


def _close_account(context: Context, contributor: Contributor, deletion: Deletion) -> None:
    """From this commit on nobody works in the account or looks into it; the asking session watches the deletion."""
    work = context.work
    session_id = context.asking.session_id
    session = None if session_id is None else accounts.live_session_by_id(work.session, session_id)
    if session is None:
        raise Unauthenticated("Deleting an account needs a session: sign in with e-mail and password.")
    contributor.status = ContributorStatus.ERASING
    work.session.add(
        DeletionReceipt(token_hash=session.token_hash, deletion_id=deletion.id, expires_at=session.expires_at)
    )
    accounts.revoke_sessions(work.session, contributor.id)
    accounts.revoke_api_keys(work.session, contributor.id)
    grants.end_all(work.session, contributor.id, work.now)


def request_account(context: Context, *, confirmed: bool) -> Deletion:
    """Queue the destruction of the caller's whole account. Raises `BadInput` unless it is confirmed."""
    if not confirmed:
        raise BadInput("Say `confirm: true` to delete the whole account.", field="confirm")
    return request(context, DeletionScope.ACCOUNT, context.caller_id)


def certificate(context: Context, deletion: Deletion) -> dict[str, Any] | None:
    """The certificate of a deletion that the door has given out; None before the verifier has found nothing.

    Whoever left is told with it, and nobody else is, what opens its commitment to their account.
    """
    return _opened(context, deletion, deletion.certificate)


def addendum(context: Context, deletion: Deletion) -> dict[str, Any] | None:
    """What was signed after the certificate of what providers of models answered; told as the certificate is."""
    return _opened(context, deletion, deletion.addendum)


def _opened(context: Context, deletion: Deletion, document: dict[str, Any] | None) -> dict[str, Any] | None:
    if document is None or context.principal.kind is not Kind.DEPARTING:
        return document
    salt = deletions.salt_of(context.work.session, deletion.id)
    return document if salt is None else {**document, OPENING: opening(deletion.object_id, salt)}

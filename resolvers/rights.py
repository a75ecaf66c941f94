"""Rights beside export and deletion: correcting what is held, complaining, and the register that has deadlines."""

import uuid
from datetime import timedelta

from policies.actions import Action
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, RateLimited
from storage import accounts, rights
from storage.contributors import Contributor
from storage.ids import new_id
from storage.ledger import events
from storage.rights import RightsKind, RightsRequest, RightsStatus, RightsTopic

ANSWERED_WITHIN = timedelta(days=30)
"""A month, as data protection law counts one at the least."""

_MOST_OPEN = 20
"""So many unanswered requests one contributor may have: each is read by a person."""


def correct(
    context: Context, *, display_name: str | None, email: str | None, note: str | None, topic: RightsTopic
) -> tuple[Contributor, RightsRequest]:
    """Put right what is held about the caller, at once; a `note` says what they can't, and waits for a person.

    Raises `StepUpRequired` without a recent proof of identity, `Conflict` where the e-mail has an account, `BadInput`.
    """
    if display_name is None and email is None and note is None:
        raise BadInput("Say what to correct: displayName, email, or a note.", field="displayName")
    row = context.access.get(Contributor, context.caller_id, Action.CORRECT)
    changes: dict[str, str] = {}
    if display_name is not None:
        changes["display_name"] = inputs.text(display_name, "displayName", at_most=100)
    if email is not None:
        changes["email"] = inputs.email(email)
    if changes:
        _apply(context, row, changes)
    if note is None:
        return row, _entered(context, RightsKind.CORRECTION, RightsTopic.ACCOUNT, None)
    text = inputs.text(note, "note", at_most=5000, at_least=3)
    request = _entered(context, RightsKind.CORRECTION, topic, text)
    context.work.record(
        events.CorrectionRequested(
            resource_id=request.id, subject_id=request.owner_id, topic=topic, text_length=len(text)
        )
    )
    return row, request


def complain(context: Context, topic: RightsTopic, text: str) -> RightsRequest:
    """Enter a complaint, which a privacy officer answers. Raises `BadInput`, and `RateLimited` with many unanswered."""
    context.access.get(Contributor, context.caller_id, Action.COMPLAIN)
    words = inputs.text(text, "text", at_most=5000, at_least=3)
    request = _entered(context, RightsKind.COMPLAINT, topic, words)
    context.work.record(
        events.ComplaintFiled(resource_id=request.id, subject_id=request.owner_id, topic=topic, text_length=len(words))
    )
    return request


def answer(context: Context, request_id: uuid.UUID, text: str) -> RightsRequest:
    """Answer a correction or a complaint, once. Raises `Forbidden`, `Conflict` where it has its answer, `BadInput`."""
    request = context.access.get(RightsRequest, request_id, Action.ANSWER)
    if not rights.lock_open(context.work.session, request):
        raise Conflict("This has been answered already.")
    words = inputs.text(text, "answer", at_most=5000, at_least=3)
    context.work.vault.seal(request, answer=words)
    request.status, request.answered_at = RightsStatus.ANSWERED, context.work.now
    request.answered_by = context.principal.id
    context.work.record(
        events.RightsRequestAnswered(
            resource_id=request.id,
            subject_id=request.owner_id,
            text_length=len(words),
            in_time=context.work.now <= request.due_at,
        )
    )
    context.work.session.flush()
    return request


def _apply(context: Context, row: Contributor, changes: dict[str, str]) -> None:
    """Seal what is right, and let an e-mail be found by its new form."""
    work = context.work
    if "email" in changes:
        lookups = context.house.store.keyring.keyed_hashes("email", changes["email"])
        try:
            accounts.move_account(work.session, lookups, row)
        except accounts.AlreadyExists:
            raise Conflict("An account with this e-mail exists.", field="email") from None
    work.vault.seal(row, **changes)
    work.session.flush()
    work.record(
        events.DataCorrected(
            resource_id=row.id,
            subject_id=row.id,
            name_changed="display_name" in changes,
            email_changed="email" in changes,
        )
    )


def _entered(context: Context, kind: RightsKind, topic: RightsTopic, text: str | None) -> RightsRequest:
    """A line of the register. Without text there is nothing to wait for: it was answered by being done."""
    work, owner = context.work, context.caller_id
    if text is not None and rights.open_of(work.session, owner) >= _MOST_OPEN:
        raise RateLimited(f"{_MOST_OPEN} of your requests wait for an answer; send this once some have theirs.")
    request = RightsRequest(
        id=new_id(),
        owner_id=owner,
        kind=kind,
        topic=topic,
        identified=context.principal.stepped_up,
        received_at=work.now,
        due_at=work.now + ANSWERED_WITHIN,
    )
    if text is None:
        request.status, request.answered_at = RightsStatus.ANSWERED, work.now
    else:
        work.vault.seal(request, text=text)
    work.session.add(request)
    work.session.flush()
    return context.access.get(RightsRequest, request.id, Action.READ)

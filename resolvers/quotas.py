"""Quotas: room for a contributor's files, asked for before anything is kept, and told to whoever's it is."""

import uuid
from datetime import timedelta
from typing import NoReturn

from policies.actions import Action
from policies.principals import ANONYMOUS, Kind
from resolvers import inputs
from resolvers.context import Asking, Context
from resolvers.errors import BadInput, OverQuota
from resolvers.house import House
from storage import accounts, prompts, quotas
from storage.contributors import Contributor
from storage.ledger import events
from storage.ledger.events import Identifier, Outcome
from storage.quotas import QuotaExceeded, Use
from storage.sessions import SubjectKind
from storage.work import UnitOfWork

_DAY = timedelta(days=1)
_MOST = 2**53 - 1
"""The largest whole number that is the same in every reader of JSON."""


def take(context: Context, owner_id: uuid.UUID, byte_size: int) -> None:
    """Count a file that is announced. Raises `OverQuota` where it does not fit; that is then in the trail."""
    try:
        quotas.take(context.work.session, owner_id, byte_size, context.limits.allowance)
    except QuotaExceeded as full:
        _refuse(context, owner_id, "create_asset", byte_size, full.use)


def demand(context: Context, owner_id: uuid.UUID, byte_size: int, use: Use) -> None:
    """Return where what was announced may come. Raises `OverQuota` once a limit was lowered below what is counted.

    Call it outside of a unit of work.
    """
    if use.over:
        with context.writing("upload"):
            _refuse(context, owner_id, "upload", byte_size, use)


def demand_prompt(context: Context) -> int:
    """Return how many prompts of the caller are queued or running. Raises `OverQuota` where there may be no more.

    Who submits another meanwhile waits for this transaction, so that several at once do not get past the limit.
    """
    session = context.work.session
    limits = context.limits
    accounts.lock_contributor(session, context.caller_id)
    waiting, today = prompts.count_by_author(session, context.caller_id, context.work.now - _DAY)
    if waiting >= limits.prompts_waiting:
        raise OverQuota(
            f"{waiting:,} of your prompts are queued or running, and no more than {limits.prompts_waiting:,} may be. "
            "Wait until some have ended, or cancel some (cancelPrompt)."
        )
    if today >= limits.prompts_per_day:
        raise OverQuota(
            f"{today:,} prompts were submitted within 24 hours, and no more than {limits.prompts_per_day:,} may be. "
            "Submit again later."
        )
    return waiting


def use_of(context: Context, owner_id: uuid.UUID) -> Use:
    """What somebody's files take, and may take: for whoever has asked the door already."""
    return quotas.use_of(context.work.session, owner_id, context.limits.allowance)


def mine(context: Context) -> Use | None:
    """What the files of the caller's account take, and may take; None for whoever has no account of works."""
    if context.principal.kind not in (Kind.CONTRIBUTOR, Kind.API_KEY):
        return None
    person = context.access.get(Contributor, context.caller_id, Action.READ)
    return use_of(context, person.id)


def grant_at_machine(house: House, email: str, most_bytes: int | None, most_files: int | None) -> Use:
    """Let these limits hold for one contributor, and none of them what holds for everybody; answers what holds now.

    By whoever runs the server. Raises `BadInput` for an e-mail that no contributor has, and a limit that is none.
    """
    for limit, name in ((most_bytes, "bytes"), (most_files, "files")):
        if limit is not None:
            inputs.between(limit, name, at_least=0, at_most=_MOST)
    with Context(house, Asking(ANONYMOUS)).writing("grant_quota") as context:
        work = context.work
        lookups = house.store.keyring.keyed_hashes("email", inputs.email(email))
        found = accounts.account_by_email(work.session, lookups)
        if found is None or found.kind is not SubjectKind.CONTRIBUTOR:
            raise BadInput("No contributor has this e-mail.", field="email")
        owner_id = found.row.id
        quotas.grant(work.session, owner_id, most_bytes, most_files)
        work.record(
            events.QuotaGranted(resource_id=owner_id, subject_id=owner_id, most_bytes=most_bytes, most_files=most_files)
        )
        return use_of(context, owner_id)


def recount_at_machine(house: House) -> int:
    """Count anew what everybody's files take; answers how many counts were wrong. By whoever runs the server."""
    with Context(house, Asking(ANONYMOUS)).writing("recount_quotas") as context:
        corrected = quotas.recount(context.work.session)
        context.work.record(events.QuotasRecounted(resource_id=None, subject_id=None, corrected=corrected))
    return corrected


def hit(owner_id: uuid.UUID, attempted: str, byte_size: int, files: int = 1) -> events.QuotaHit:
    """The event that says that something did not fit."""
    return events.QuotaHit(
        resource_id=owner_id,
        subject_id=owner_id,
        attempted=Identifier(attempted),
        byte_size=byte_size,
        file_count=files,
    )


def _refuse(context: Context, owner_id: uuid.UUID, attempted: str, byte_size: int, use: Use) -> NoReturn:
    def keep(work: UnitOfWork) -> None:
        work.record(hit(owner_id, attempted, byte_size), Outcome.DENIED)

    if context.caller_id == owner_id:
        told = (
            f"There is no room for {byte_size:,} bytes: {use.byte_size:,} of {use.most_bytes:,} bytes are taken, and "
            f"{use.files:,} of {use.most_files:,} files. Delete assets, those among them whose bytes never came (their "
            "room is free once the deletion is ERASED), or ask whoever runs this platform for more."
        )
    else:  # how much somebody has is theirs to know
        told = f"The owner of this project has no room for {byte_size:,} bytes. Ask them to make some."
    raise OverQuota(told, field="byteSize", keep=keep)

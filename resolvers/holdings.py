"""What is held about a contributor, where, for how long, who came near it, and what they can do now: myData."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from policies.actions import Action
from policies.errors import Forbidden, StepUpRequired
from resolvers import quotas
from resolvers.context import Context
from storage import holdings
from storage.contributors import Contributor
from storage.holdings import Copy, Held, Touch
from storage.ledger.entries import AuditEvent
from storage.outputs import Output
from storage.provider_copies import Elsewhere, ProviderCopy, sent_of
from storage.quotas import Use

_TOUCHES = 100

RIGHTS: tuple[tuple[str, Action, str], ...] = (
    ("requestExport", Action.EXPORT, "Take out a copy of everything, or of one project."),
    (
        "deleteAccount",
        Action.DELETE,
        "Have the account erased with everything in it.",
    ),
    ("correctMyData", Action.CORRECT, "Put right your name and e-mail, or say what else is wrong."),
    (
        "updatePrivacyPreferences",
        Action.UPDATE,
        "Change what your data may be used for, from the next step on.",
    ),
    ("fileComplaint", Action.COMPLAIN, "Complain. A privacy officer answers within 30 days."),
)
"""Mutations by which a contributor uses a right, the action that each needs on their account, and what it does."""


@dataclass(frozen=True)
class Right:
    """Something the contributor can do. `needs_step_up`: only after proving again who they are."""

    mutation: str
    about: str
    possible: bool
    needs_step_up: bool


@dataclass(frozen=True)
class MyData:
    """The answer, as of one moment."""

    as_of: datetime
    store: str
    """Which kind of database the rows are in."""
    held: list[Held]
    file_bytes: int
    quota: Use
    keysets: int
    touched: list[Touch]
    copies: list[Copy]
    sent: list[Elsewhere]
    rights: list[Right]


def mine(context: Context) -> MyData:
    """What is held about the caller. Raises `NotFound` for whoever is no contributor."""
    session = context.work.session
    person = context.access.get(Contributor, context.caller_id, Action.READ)
    return MyData(
        as_of=context.work.now,
        store=holdings.store_of(session),
        held=holdings.held(session, person.id),
        file_bytes=holdings.file_bytes(session, person.id),
        quota=quotas.use_of(context, person.id),
        keysets=context.house.store.keyring.count_owned_by(person.id),
        touched=list(holdings.touches(session, context.access.listed(AuditEvent, Action.READ), person.id, _TOUCHES)),
        copies=list(holdings.copies(session, context.access.select(Output, Action.READ), person.id)),
        sent=sent_of(session, context.access.select(ProviderCopy, Action.READ), person.id),
        rights=[_right(context, person.id, *right) for right in RIGHTS],
    )


def _right(context: Context, person_id: uuid.UUID, mutation: str, action: Action, about: str) -> Right:
    """Whether the caller can use a right at this moment: asked of the door, as the mutation itself will."""
    try:
        context.access.get(Contributor, person_id, action)
    except StepUpRequired:
        return Right(mutation, about, possible=False, needs_step_up=True)
    except Forbidden:
        return Right(mutation, about, possible=False, needs_step_up=False)
    return Right(mutation, about, possible=True, needs_step_up=False)

"""The style that was learned of a contributor: seen, put right and forgotten by them. It leaves with their export."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.actions import Action
from policies.errors import NotFound
from resolvers.context import Context
from resolvers.errors import BadInput
from storage import runs, styles
from storage.contributors import StyleProfile
from storage.ledger import events
from storage.ledger.events.base import camel_case
from storage.styles import MEASURES, Profile


@dataclass(frozen=True)
class Style:
    """A row, and what is sealed in it."""

    row: StyleProfile
    profile: Profile


def mine(context: Context) -> Style | None:
    """What was learned of the caller; None where nothing is kept, or nothing that this version understands."""
    try:
        row = context.access.get(StyleProfile, context.caller_id, Action.READ_CONTENT, (Action.READ, Action.UPDATE))
    except NotFound:
        return None
    profile = styles.understood(context.work.vault.open(row, "profile"))
    return None if profile is None else Style(row, profile)


def correct(context: Context, changes: Mapping[str, float | None]) -> Style:
    """Put measures right; agents go by that from the next step on, whatever they learn. None takes one back.

    Raises `NotFound` where nothing was learned, and `BadInput` for what a measure can't be.
    """
    row = context.access.get(StyleProfile, context.caller_id, Action.UPDATE, (Action.READ, Action.READ_CONTENT))
    known = styles.understood(context.work.vault.open(row, "profile"))
    if known is None:
        raise NotFound("StyleProfile", Action.UPDATE)
    if not changes:
        raise BadInput("Name at least one measure to put right.")
    for each in MEASURES:
        value = changes.get(each.name)
        if value is not None and not 0 <= value <= each.largest:  # NaN is neither
            raise BadInput(f"A measure lies between 0 and {each.largest:g}.", field=camel_case(each.name))
    profile = styles.corrected(known, changes)
    context.work.vault.seal(row, profile=profile)
    row.updated_at = context.work.now
    context.work.record(
        events.StyleCorrected(
            resource_id=row.owner_id, subject_id=row.owner_id, corrections=len(styles.corrections(profile))
        )
    )
    context.work.session.flush()
    return Style(row, profile)


def forget(context: Context) -> None:
    """Delete what was learned. What is written from then on is learned from again, while that is allowed.

    Raises `NotFound` where nothing was.
    """
    row = context.access.get(StyleProfile, context.caller_id, Action.UPDATE)
    runs.forget_style(context.work.session, row.owner_id)
    context.work.record(events.StyleForgotten(resource_id=row.owner_id, subject_id=row.owner_id))

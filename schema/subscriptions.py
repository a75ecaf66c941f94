"""What can be followed as it happens. Each event is authorized anew, in a unit of work of its own."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated, TypeVar

import strawberry

from resolvers import lists, prompts, tickets
from resolvers.context import Context
from resolvers.prompts import Progress
from resolvers.subscriptions import LOOK_COST, charge
from schema.deletions import Deletion
from schema.exports import Export
from schema.guards import followed
from schema.ids import decode_id_of
from schema.nodes import Info, Level
from schema.prompts import PromptProgress, progress_of
from storage.bells import RIGHTS
from storage.deletions import DeletionStatus
from storage.exports import ExportStatus

T = TypeVar("T")

Id = Annotated[strawberry.ID, strawberry.argument(description="Which one to follow.")]
Seen = Annotated[
    str | None,
    strawberry.argument(
        description="The `extensions.cursor` of the last event you have seen. What is as it was then is not told again."
    ),
]

_EVERY_SECONDS = 0.25
"""How often it is looked whether something has changed, where nobody tells."""
_AT_LEAST_EVERY_SECONDS = 1.0
"""The same where changes are told, in case that one was not heard; also how soon a right that has run out ends it."""
_AT_MOST_EVERY_SECONDS = 0.1
_ENDED_EXPORTS = frozenset({ExportStatus.READY, ExportStatus.FAILED, ExportStatus.EXPIRED})
_ENDED_DELETIONS = frozenset({DeletionStatus.ERASED, DeletionStatus.PARTIALLY_ERASED})


async def _follow(
    info: Info,
    row_id: uuid.UUID,
    after: str | None,
    look: Callable[[Context], T],
    state: Callable[[T], str],
    ended: Callable[[T], bool],
) -> AsyncGenerator[T, None]:
    """Look, when called and again and again, answer what changed, stop at the end. A right that is gone ends it.

    What is told is a state, not a stream of changes: whoever was away misses nothing by resuming, and is told what is
    true now, unless it is what `after`, or the `Last-Event-ID` of an event stream, says that they know already.
    """
    context: Context = info.context
    followed, keyring = f"{info.field_name} {row_id.hex}", context.house.store.keyring
    after = after if after is not None else context.seen
    if after is not None:
        tickets.demand_state_cursor(keyring, followed, after, "after")

    def cursor_of(seen: T) -> str:
        return tickets.state_cursor(keyring, followed, state(seen).encode())

    bell, called, subscriptions = context.house.bell, asyncio.Event(), context.house.subscriptions
    with (
        subscriptions.opened(context),
        bell.calling(partial(_call, asyncio.get_running_loop(), called), str(row_id), RIGHTS),
    ):
        while True:
            called.clear()  # before looking: what changes meanwhile is looked at again
            look_once = partial(_look_once, context, info.python_name, look, cursor_of, after)
            seen, cursor = await context.in_thread(look_once)
            if cursor != after:
                after = context.cursor = cursor
                yield seen
            if ended(seen):
                return
            pause = _AT_MOST_EVERY_SECONDS * subscriptions.pace(context)
            if not bell.attended:
                await asyncio.sleep(max(_EVERY_SECONDS, pause))
                continue
            await asyncio.sleep(pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(called.wait(), max(0.0, _AT_LEAST_EVERY_SECONDS - pause))


def _call(loop: asyncio.AbstractEventLoop, called: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
        loop.call_soon_threadsafe(called.set)


def _look_once(
    context: Context, attempted: str, look: Callable[[Context], T], cursor_of: Callable[[T], str], after: str | None
) -> tuple[T, str]:
    """What there is to see, with its cursor. The look is charged for, and so is each event but the first."""
    context.renewed(attempted)
    charge(context, LOOK_COST)
    with context.asked(attempted):
        seen = look(context)
    cursor = cursor_of(seen)
    if cursor != after and context.cursor is not None:
        charge(context, context.cost)
    return seen, cursor


def _state_of_run(seen: Progress) -> str:
    """All that may differ between two events; of a text that is being written, its ciphertext: never the same twice."""
    steps = (f"{step.id} {step.status} {step.partial.stored.hex() if step.partial else ''}" for step in seen.steps)
    return " ".join((seen.prompt.status, *steps))


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    """Root subscription fields."""

    @followed("The run of a prompt: its steps, the text so far, how much is done.")
    async def prompt_progress(
        self, info: Info, prompt_id: Id, after: Seen = None
    ) -> AsyncGenerator[PromptProgress, None]:
        row_id = decode_id_of("Prompt", prompt_id, "promptId")
        async for progress in _follow(
            info,
            row_id,
            after,
            lambda context: prompts.progress(context, row_id),
            _state_of_run,
            lambda seen: seen.ended,
        ):
            yield progress_of(progress)

    @followed("An export, until it is ready or has failed.")
    async def export_progress(self, info: Info, export_id: Id, after: Seen = None) -> AsyncGenerator[Export, None]:
        row_id = decode_id_of("Export", export_id, "exportId")
        async for row in _follow(
            info,
            row_id,
            after,
            lambda context: lists.one(context, Export.record, row_id),
            lambda seen: f"{seen.status} {seen.percentage}",
            lambda seen: seen.status in _ENDED_EXPORTS,
        ):
            yield Export(row=row, level=Level([row]))

    @followed("A deletion, until the verifier has counted.")
    async def deletion_progress(
        self, info: Info, deletion_id: Id, after: Seen = None
    ) -> AsyncGenerator[Deletion, None]:
        row_id = decode_id_of("Deletion", deletion_id, "deletionId")
        async for row in _follow(
            info,
            row_id,
            after,
            lambda context: lists.one(context, Deletion.record, row_id),
            lambda seen: str(seen.status),
            lambda seen: seen.status in _ENDED_DELETIONS,
        ):
            yield Deletion(row=row, level=Level([row]))

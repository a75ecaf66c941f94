"""What can be followed as it happens. Each event is authorized anew, in a unit of work of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any, TypeVar

import anyio.to_thread
import strawberry

from resolvers import lists, prompts
from resolvers.context import Context
from schema.deletions import Deletion
from schema.exports import Export
from schema.guards import followed
from schema.ids import decode_id_of
from schema.nodes import Info, Level
from schema.prompts import PromptProgress, progress_of
from storage.deletions import DeletionStatus
from storage.exports import ExportStatus

T = TypeVar("T")

Id = Annotated[strawberry.ID, strawberry.argument(description="Which one to follow.")]

_EVERY_SECONDS = 0.25
_ENDED_EXPORTS = frozenset({ExportStatus.READY, ExportStatus.FAILED, ExportStatus.EXPIRED})
_ENDED_DELETIONS = frozenset({DeletionStatus.ERASED, DeletionStatus.PARTIALLY_ERASED})


async def _follow(
    info: Info, look: Callable[[Context], T], state: Callable[[T], Any], ended: Callable[[T], bool]
) -> AsyncGenerator[T, None]:
    """Look again and again, answer what has changed, stop at the end. A right that is gone ends it with its error."""
    last: Any = None
    while True:
        seen = await anyio.to_thread.run_sync(_look_once, info.context, info.python_name, look)
        now = state(seen)
        if now != last:
            last = now
            yield seen
        if ended(seen):
            return
        await asyncio.sleep(_EVERY_SECONDS)


def _look_once(context: Context, attempted: str, look: Callable[[Context], T]) -> T:
    context.renewed(attempted)
    with context.asked(attempted):
        return look(context)


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    """Root subscription fields."""

    @followed("The run of a prompt: its steps, the text so far, how much is done.")
    async def prompt_progress(self, info: Info, prompt_id: Id) -> AsyncGenerator[PromptProgress, None]:
        row_id = decode_id_of("Prompt", prompt_id, "promptId")
        async for progress in _follow(
            info,
            lambda context: prompts.progress(context, row_id),
            lambda seen: (seen.prompt.status, [(step.id, step.status, step.partial) for step in seen.steps]),
            lambda seen: seen.ended,
        ):
            yield progress_of(progress)

    @followed("An export, until it is ready or has failed.")
    async def export_progress(self, info: Info, export_id: Id) -> AsyncGenerator[Export, None]:
        row_id = decode_id_of("Export", export_id, "exportId")
        async for row in _follow(
            info,
            lambda context: lists.one(context, Export.record, row_id),
            lambda seen: (seen.status, seen.percentage),
            lambda seen: seen.status in _ENDED_EXPORTS,
        ):
            yield Export(row=row, level=Level([row]))

    @followed("A deletion, until the verifier has counted.")
    async def deletion_progress(self, info: Info, deletion_id: Id) -> AsyncGenerator[Deletion, None]:
        row_id = decode_id_of("Deletion", deletion_id, "deletionId")
        async for row in _follow(
            info,
            lambda context: lists.one(context, Deletion.record, row_id),
            lambda seen: seen.status,
            lambda seen: seen.status in _ENDED_DELETIONS,
        ):
            yield Deletion(row=row, level=Level([row]))

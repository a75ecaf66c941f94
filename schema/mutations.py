"""How a mutation runs: in a transaction of its own, with its audit event, or not at all."""

from collections.abc import Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension

from schema.ids import encode_id
from schema.nodes import Info


class Audited(FieldExtension):
    """Runs a root mutation field in one unit of work: the change, its event and the job it queues commit together.

    A document with several mutations runs them one after the other, each in its own transaction, so that an error in
    one says nothing about the others.
    """

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        with info.context.writing(info.python_name):
            return next_(source, info, **kwargs)


def mutation(description: str) -> Any:
    """A root mutation field. The contract test finds every one of them `Audited`."""
    return strawberry.mutation(description=description, extensions=[Audited()])


AUDIT_EVENT_ID = "The event in the audit trail that records this: if it is ever missing there, that can be proven."


def audit_event_id(info: Info) -> strawberry.ID:
    """The id of the event that the mutation at hand recorded."""
    event = info.context.work.last_event_id
    if event is None:
        raise RuntimeError("a mutation answers after it has recorded its event")
    return encode_id("AuditEvent", event)

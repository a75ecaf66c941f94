"""Root fields, closed by default: each demands a signed-in caller, or says why strangers may use it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from policies.errors import Refused
from policies.principals import Kind
from resolvers.context import Context
from resolvers.errors import Code, Unauthenticated
from resolvers.lockdowns import holding
from resolvers.refusals import Refusal
from schema.idempotency import once
from schema.nodes import Info
from schema.observing import observed


class Guarded(FieldExtension):
    """Lets in who is signed in; strangers only where `public` gives the reason."""

    changes = False
    """Whether it is for what changes something: most of that waits while the platform is locked down."""

    def __init__(self, public: str | None = None) -> None:
        self.public = public

    def let_in(self, info: Info) -> None:
        """Raises `Unauthenticated` for strangers at a field that is not public, which is recorded, and `LockedDown`."""
        if self.public is None and info.context.principal.kind is Kind.ANONYMOUS:
            info.context.record(Refusal(info.python_name, "Platform", Code.UNAUTHENTICATED.value))
            raise Unauthenticated(
                "Sign in first: send `Authorization: Bearer <token>`, or put it into connection_init."
            )
        holding.admit(info.context, info.python_name, changes=self.changes)


class Asked(Guarded):
    """A root query field. What it refuses is recorded once the reading is done."""

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        with observed(info.context, f"Query.{info.field_name}"):
            self.let_in(info)
            try:
                return next_(source, info, **kwargs)
            except Refused as refusal:
                info.context.refuse(info.python_name, refusal)
                raise


class Audited(Guarded):
    """A root mutation field, run in one unit of work: the change, its event and the job it queues commit together.

    A document with several mutations runs them one after the other, each in its own transaction, so that an error in
    one says nothing about the others. Under an Idempotency-Key each of them is done once.
    """

    changes = True

    def __init__(
        self,
        public: str | None = None,
        before: Callable[[Context], object] | None = None,
        after: Callable[[Context], object] | None = None,
    ) -> None:
        super().__init__(public)
        self.before = before
        """What takes long and can be done before the transaction begins."""
        self.after = after
        """What this process does about it once it is committed."""

    def apply(self, field: StrawberryField) -> None:
        """Describe the one argument that every mutation has."""
        for argument in field.arguments:
            argument.description = "Everything it needs to know, in one object."

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        with observed(info.context, f"Mutation.{info.field_name}"):
            self.let_in(info)
            if self.before is not None:
                self.before(info.context)
            if info.context.repeatable is not None:
                answer = once(info, partial(next_, source, info, **kwargs))
            else:
                with info.context.writing(info.python_name):
                    answer = next_(source, info, **kwargs)
            if self.after is not None:
                self.after(info.context)
            return answer


class Followed(Guarded):
    """A root subscription field. Each event is authorized anew, in a unit of work of its own."""

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        await info.context.in_thread(partial(self.let_in, info))
        return next_(source, info, **kwargs)


def question(description: str, *, public: str | None = None) -> Any:
    """A root query field. `public` says why a stranger may ask."""
    return strawberry.field(description=description, extensions=[Asked(public)])


def mutation(
    description: str,
    *,
    public: str | None = None,
    before: Callable[[Context], object] | None = None,
    after: Callable[[Context], object] | None = None,
) -> Any:
    """A root mutation field. `public` says why a stranger may do it; `before` and `after` surround its transaction."""
    return strawberry.mutation(description=description, extensions=[Audited(public, before, after)])


def followed(description: str) -> Any:
    """A root subscription field."""
    return strawberry.subscription(description=description, extensions=[Followed()])

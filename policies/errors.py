"""Refusals, and what is wrong with a policy. A refusal is an exception, never a value."""

import uuid
from typing import ClassVar

from policies.actions import Action


class Refused(Exception):
    """Someone may not do something. `code` is for programs; the message is for people and names no content.

    `resource` is a model's name, never an id: what a refusal says must be safe to show to whoever was refused. `asked`
    is the id that they asked for themselves, where it was for one thing: for the trail, and in no message.
    """

    code: ClassVar[str] = "FORBIDDEN"

    def __init__(self, resource: str, action: Action, message: str, asked: uuid.UUID | None = None) -> None:
        super().__init__(message)
        self.resource = resource
        self.action = action
        self.asked = asked


class NotFound(Refused):
    """There is no such thing, or the principal may not know of it. The two are told apart nowhere."""

    code = "NOT_FOUND"

    def __init__(self, resource: str, action: Action = Action.READ, asked: uuid.UUID | None = None) -> None:
        super().__init__(resource, action, f"There is no such {resource}.", asked)


class Forbidden(Refused):
    """The principal may see the thing, but not do this to it."""

    code = "FORBIDDEN"

    def __init__(self, resource: str, action: Action) -> None:
        super().__init__(resource, action, f"You may not {action.replace('_', ' ')} here ({resource}).")


class StepUpRequired(Refused):
    """The principal may do this once they have proved again who they are. Nothing else is missing."""

    code = "STEP_UP_REQUIRED"

    def __init__(self, resource: str, action: Action) -> None:
        message = f"Confirm that it is you (stepUp), then {action.replace('_', ' ')} again ({resource})."
        super().__init__(resource, action, message)


class PolicyError(Exception):
    """A policy can't be used as it stands. The message says where (file:line) and what to write instead."""

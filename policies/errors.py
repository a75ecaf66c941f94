"""Refusals, and what is wrong with a policy. A refusal is an exception, never a value."""

from typing import ClassVar

from policies.actions import Action


class Refused(Exception):
    """Someone may not do something. `code` is for programs; the message is for people and names no content.

    `resource` is a model's name, never an id: what a refusal says must be safe to show to whoever was refused.
    """

    code: ClassVar[str] = "FORBIDDEN"

    def __init__(self, resource: str, action: Action, message: str) -> None:
        super().__init__(message)
        self.resource = resource
        self.action = action


class NotFound(Refused):
    """There is no such thing, or the principal may not know of it. The two are told apart nowhere."""

    code = "NOT_FOUND"

    def __init__(self, resource: str, action: Action = Action.READ) -> None:
        super().__init__(resource, action, f"There is no such {resource}.")


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


class ConsentRequired(Refused):
    """The principal may do this, but somebody whose work it takes has not allowed that use, or no longer does."""

    code = "CONSENT_REQUIRED"

    def __init__(self, resource: str, action: Action, preference: str) -> None:
        """`preference` is its label, as people read it."""
        message = f"Not everybody whose work this is has allowed that: “{preference}” (updatePrivacyPreferences)."
        super().__init__(resource, action, message)


class PolicyError(Exception):
    """A policy can't be used as it stands. The message says where (file:line) and what to write instead."""

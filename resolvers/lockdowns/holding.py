"""What goes on while the platform is locked down: a short list for each kind of caller, and nothing that is not in it.

A lock-down is above the policy and only takes away: what goes on here still needs the policy's word (decision 50).
Contributors, their keys among them, read; of mutations they have those that take out or delete what is theirs, and
those that end something or close a door. Staff have what it takes to look at the lock-down and to end it. Agents go on
where nobody could take out or delete anything without them, and where somebody would not be told of something.
"""

from typing import TYPE_CHECKING

from policies.force import InForce
from policies.principals import AgentName, Kind, Principal
from resolvers.errors import Code, LockedDown
from resolvers.refusals import Refusal

if TYPE_CHECKING:
    from resolvers.context import Context

LEDGER = "ledger"
"""What the ledger agent is called: it has no rules in the policy, since it is let near nobody's things."""

OF_ANYBODY = frozenset(
    {"begin_passkey_sign_in", "begin_passkey_step_up", "revoke_sessions", "sign_in", "sign_out", "step_up"}
)
"""Mutations that go on for whoever has an account."""

OF_CONTRIBUTORS = OF_ANYBODY | frozenset(
    {
        # taking out and deleting what is one's own (R79)
        "delete_account", "delete_asset", "delete_export", "delete_output", "delete_project", "delete_prompt",
        "delete_style_profile", "mint_export_link", "request_export",
        # ending something, or closing a door
        "cancel_prompt", "deny_access", "end_access", "revoke_api_key", "unshare_project",
        # saying what one does not want (any more), and that something is wrong
        "file_complaint", "update_privacy_preferences",
    }
)  # fmt: skip
"""Mutations that go on for contributors and their keys. Reading goes on whole."""

OF_STAFF = OF_ANYBODY | frozenset({"end_lockdown", "lockdowns", "viewer"})
"""All that staff may ask and do."""

OF_AGENTS = frozenset(
    {*(each.value for each in (AgentName.ERASURES, AgentName.EXPORTS, AgentName.NOTIFIER, AgentName.VERIFIER)), LEDGER}
)
"""The agents that go on; the others wait."""


def goes_on(principal: Principal, name: str, *, changes: bool) -> bool:
    """Whether `name`, a root field or a transfer, goes on for this caller; `changes`: whether it may change anything.

    Strangers sign in, and read what is everybody's.
    """
    if principal.kind is Kind.STAFF:
        return name in OF_STAFF
    if principal.kind is Kind.ANONYMOUS:
        return not changes or name in OF_ANYBODY
    return not changes or name in OF_CONTRIBUTORS


def demand(force: InForce, principal: Principal, name: str, *, changes: bool) -> None:
    """Return unless there is a lock-down in which this waits. Raises `LockedDown`."""
    found = force.locked_down
    if found is not None and not goes_on(principal, name, changes=changes):
        raise LockedDown(found.since, found.until)


def admit(context: "Context", name: str, *, changes: bool = False) -> None:
    """`demand`, for whoever asks: that staff tried is recorded. Raises `LockedDown`."""
    try:
        demand(context.house.force, context.principal, name, changes=changes)
    except LockedDown:
        if context.principal.kind is Kind.STAFF:
            context.record(Refusal(name, "Platform", Code.LOCKED_DOWN.value))
        raise

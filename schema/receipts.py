"""What every mutation answers beside the thing itself."""

import strawberry

from schema.ids import encode_id
from schema.nodes import Info

AUDIT_EVENT_ID = "The event in the audit trail that records this: if it is ever missing there, that can be proven."


def audit_event_id(info: Info) -> strawberry.ID:
    """The id of the event that the mutation at hand recorded."""
    event = info.context.work.last_event_id
    if event is None:
        raise RuntimeError("a mutation answers after it has recorded its event")
    return encode_id("AuditEvent", event)

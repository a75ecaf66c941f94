"""What can be asked of the audit trail, and of the log it is hashed into."""

from typing import Annotated

import strawberry

from resolvers import audit, inputs, ledger
from schema.audit import AuditEvent
from schema.connections import After, Before, Connection, First, Last, Order, OrderBy, connect, part_of
from schema.guards import question
from schema.ids import decode_id_of
from schema.ledger import AuditProof, Ledger
from schema.lookups import Id
from schema.nodes import Info, Level

OfAction = Annotated[
    str | None,
    strawberry.argument(description="Only those of this action, such as `asset.created`; see docs/audit-events.md."),
]


@strawberry.type
class TrailQueries:
    """Root query fields."""

    @question("The audit trail, as far as you may read it. Reading it is itself an entry.")
    def audit_events(
        self,
        info: Info,
        action: OfAction = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[AuditEvent]:
        part = part_of(info, "AuditEvent", first, after, last, before, order_by)
        equal = {} if action is None else {"action": inputs.text(action, "action", at_most=100)}
        page = audit.page(info.context, part, **equal)
        connection: Connection[AuditEvent] = connect(AuditEvent, page, Level(page.rows), decided=True)
        return connection

    @question("What others, agents included, did with your work: who, when, and what.")
    def access_log(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[AuditEvent]:
        part = part_of(info, "AuditEvent", first, after, last, before)
        page = audit.access_log(info.context, part)
        connection: Connection[AuditEvent] = connect(AuditEvent, page, Level(page.rows), decided=True)
        return connection

    @question("Proof that an entry you may read is in the log. Null until a checkpoint covers it, about a second.")
    def audit_proof(self, info: Info, id: Id) -> AuditProof | None:
        proven = ledger.proof(info.context, decode_id_of("AuditEvent", id, "id"))
        return None if proven is None else AuditProof(proven=proven)

    @question("The log that the audit trail is hashed into.", public="what is signed for everybody is nobody's secret")
    def ledger(self, info: Info) -> Ledger:
        return Ledger(published=ledger.newest_checkpoint(info.context))

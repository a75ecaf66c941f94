"""Staff in the API's words."""

import strawberry

from resolvers import staff
from schema.guards import mutation
from schema.ids import decode_id_of
from schema.nodes import Info
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from schema.roles import StaffRole


@strawberry.input(description="Who leaves.")
class RemoveStaffInput:
    """Input of removeStaff."""

    staff_id: strawberry.ID = strawberry.field(
        description="Their id, as `viewer.principalId` or a grant's `granteeId`."
    )


@strawberry.type(description="What ended with somebody's account.")
class RemoveStaffPayload:
    """Answer of removeStaff."""

    sessions: int = strawberry.field(description="Sessions that ended, with all that was followed or fetched by them.")
    access_grants: int = strawberry.field(description="Access grants of theirs that had begun, and are over.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="Who is to do which job no more.")
class RevokeRoleInput:
    """Input of revokeRole."""

    staff_id: strawberry.ID = strawberry.field(description="Their id, as for removeStaff.")
    role: StaffRole = strawberry.field(description="The job that they lose.")


@strawberry.type(description="What ended with somebody's job.")
class RevokeRolePayload:
    """Answer of revokeRole."""

    access_grants: int = strawberry.field(description="Access grants that they held in it, had begun, and are over.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class StaffMutations:
    """Mutations about staff."""

    @mutation(
        "Shut out a member of staff who leaves: their account, jobs, second factor, sessions and access grants end "
        "with this answer. Security only, and nobody removes themselves."
    )
    def remove_staff(self, info: Info, input: RemoveStaffInput) -> RemoveStaffPayload:
        gone = staff.remove(info.context, decode_id_of("Staff", input.staff_id, "staffId"))
        return RemoveStaffPayload(
            sessions=gone.sessions, access_grants=gone.grants, audit_event_id=audit_event_id(info)
        )

    @mutation(
        "Take a job from a member of staff, with the access grants held in it, from this answer on. Security only, and "
        "nobody takes one from themselves."
    )
    def revoke_role(self, info: Info, input: RevokeRoleInput) -> RevokeRolePayload:
        ended = staff.take(info.context, decode_id_of("Staff", input.staff_id, "staffId"), input.role)
        return RevokeRolePayload(access_grants=ended, audit_event_id=audit_event_id(info))

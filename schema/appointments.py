"""Appointments in the API's words: who is to work here, and as what."""

import uuid
from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import appointments
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info, Node, plain, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from schema.roles import StaffRole
from storage.appointments import Appointment as AppointmentRow
from storage.appointments import AppointmentStatus

strawberry.enum(
    AppointmentStatus, description="REQUESTED until a second person has APPROVED it, or it was DENIED or taken back."
)
_UNTIL = "When the jobs end by themselves, within a year. Unsaid: never, and an auditor's in 90 days."
_WHY = "Why, for colleagues and auditors: the ticket, the contract. At least 10 letters."


@strawberry.type(
    description="That somebody is to work here, or do one job more: who asked for it, and what became of it."
)
class Appointment(Node):
    """An appointment, as staff see it."""

    record: ClassVar = AppointmentRow
    actions: ClassVar = (Action.APPROVE, Action.DENY, Action.READ, Action.READ_REASON)

    opens_account: bool = plain("opens_account", bool, "Whether they are to get an account by it.")
    ends_at: datetime | None = plain(
        "ends_at", datetime | None, "When the jobs end by themselves, where that was said."
    )
    email: str | None = sealed(
        "email", str | None, "The address of the new account. Null once somebody has decided, and where not yours."
    )
    why: str | None = sealed("why", str | None, "Why. Null where you may not read it.")
    status: AppointmentStatus = plain("status", AppointmentStatus, "Where it stands.")
    requested_at: datetime = plain("requested_at", datetime, "When somebody asked for it.")
    decided_at: datetime | None = plain("decided_at", datetime | None, "When somebody agreed, or did not.")

    @strawberry.field(description="Whose jobs they are; of a new account, the id that it has, or would have had.")
    def staff_id(self) -> strawberry.ID:
        return encode_id("Staff", self.row.staff_id)

    @strawberry.field(description="Who asked for it.")
    def requested_by(self) -> strawberry.ID:
        return encode_id("Staff", self.row.requested_by)

    @strawberry.field(description="Who decided; null before.")
    def decided_by(self) -> strawberry.ID | None:
        found = self.row.decided_by
        return None if found is None else encode_id("Staff", found)

    @strawberry.field(description="The jobs.")
    def roles(self) -> list[StaffRole]:
        return list(self.row.jobs)


@strawberry.input(description="Who is to work here, and as what.")
class AddStaffInput:
    """Input of addStaff."""

    email: str = strawberry.field(description="The address that they will sign in with.")
    roles: list[StaffRole] = strawberry.field(description="Their jobs; none that excludes another one.")
    why: str = strawberry.field(description=_WHY)
    ends_at: datetime | None = strawberry.field(default=None, description=_UNTIL)


@strawberry.input(description="Who is to do which job more.")
class AssignRoleInput:
    """Input of assignRole."""

    staff_id: strawberry.ID = strawberry.field(description="A colleague's id, never one's own.")
    role: StaffRole = strawberry.field(description="The job; none that excludes one that they have.")
    why: str = strawberry.field(description=_WHY)
    ends_at: datetime | None = strawberry.field(default=None, description=_UNTIL)


@strawberry.input(description="Which appointment to agree to.")
class ApproveAppointmentInput:
    """Input of approveAppointment."""

    appointment_id: strawberry.ID = strawberry.field(description="One that somebody else asked for, and not about you.")


@strawberry.input(description="Which appointment to turn down or take back.")
class DenyAppointmentInput:
    """Input of denyAppointment."""

    appointment_id: strawberry.ID = strawberry.field(description="The appointment.")


@strawberry.type(description="What was asked for. Nobody can do anything by it before a second person agrees.")
class AddStaffPayload:
    """Answer of addStaff."""

    appointment: Appointment = strawberry.field(description="The appointment.")
    first_password: str = strawberry.field(
        description="What they sign in with once somebody agreed, together with the second factor that whoever agrees "
        "is shown. Give it to nobody else. Shown this once."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="What was agreed to, and is so from this answer on.")
class ApproveAppointmentPayload:
    """Answer of approveAppointment."""

    appointment: Appointment = strawberry.field(description="The appointment.")
    second_factor: str | None = strawberry.field(
        description="Of a new account: the otpauth URI for their authenticator app. Give it to nobody else. Shown this "
        "once; null where no account was opened."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type(description="The appointment, as it is now.")
class AppointmentPayload:
    """Answer of assignRole and denyAppointment."""

    appointment: Appointment = strawberry.field(description="The appointment.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class AppointmentQueries:
    """Questions about appointments."""

    @question("Who is to work here, or do one job more, and who was. For staff whose job it is, and auditors.")
    def appointments(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Appointment]:
        part = part_of(info, "Appointment", first, after, last, before)
        connection: Connection[Appointment] = listed(info, Appointment, part)
        return connection


@strawberry.type
class AppointmentMutations:
    """Mutations about appointments."""

    @mutation(
        "Ask that somebody gets an account of staff. System administrators and security; somebody else of them has to "
        "agree, and there is no account before."
    )
    def add_staff(self, info: Info, input: AddStaffInput) -> AddStaffPayload:
        asked = appointments.add(info.context, input.email, input.roles, input.ends_at, input.why)
        return AddStaffPayload(
            appointment=Appointment.of(asked.row), first_password=asked.password, audit_event_id=audit_event_id(info)
        )

    @mutation("Ask that a colleague does one job more. Somebody else has to agree, and not the colleague.")
    def assign_role(self, info: Info, input: AssignRoleInput) -> AppointmentPayload:
        whose = decode_id_of("Staff", input.staff_id, "staffId")
        return _payload(info, appointments.assign(info.context, whose, input.role, input.ends_at, input.why))

    @mutation("Agree to an appointment that somebody else asked for: account and jobs are there from this answer on.")
    def approve_appointment(self, info: Info, input: ApproveAppointmentInput) -> ApproveAppointmentPayload:
        agreed = appointments.approve(info.context, _id(input.appointment_id))
        return ApproveAppointmentPayload(
            appointment=Appointment.of(agreed.row),
            second_factor=agreed.second_factor,
            audit_event_id=audit_event_id(info),
        )

    @mutation("Turn an appointment down, or take back your own: nothing comes of it.")
    def deny_appointment(self, info: Info, input: DenyAppointmentInput) -> AppointmentPayload:
        return _payload(info, appointments.deny(info.context, _id(input.appointment_id)))


def _payload(info: Info, row: AppointmentRow) -> AppointmentPayload:
    return AppointmentPayload(appointment=Appointment.of(row), audit_event_id=audit_event_id(info))


def _id(given: strawberry.ID) -> uuid.UUID:
    return decode_id_of("Appointment", given, "appointmentId")

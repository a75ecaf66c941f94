"""The change register in the API's words."""

import uuid
from datetime import datetime
from typing import Annotated, ClassVar

import strawberry

from policies.actions import Action
from resolvers import changes
from resolvers.changes import Plan
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of, encode_id
from schema.nodes import Info, Node, plain, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.changes import Change as ChangeRow
from storage.changes import ChangeEffect, ChangeKind, ChangeStatus, Ran, RunningPart, RunStanding

strawberry.enum(
    ChangeKind, description="What sort of change: of the system, a patch for security, or of what it runs on."
)
strawberry.enum(ChangeEffect, description="What contributors notice of a change.")
strawberry.enum(ChangeStatus, description="REGISTERED until a second person has APPROVED it, or it was DENIED.")
strawberry.enum(RunningPart, description="A part of what runs that has a version of its own.")
strawberry.enum(
    RunStanding,
    description="How what runs stands to the register: the first that ever ran here; approved beforehand; an emergency "
    "that was looked at, awaits it, or that nobody looked at within three days; or approved by nobody.",
)

OfStanding = Annotated[RunStanding | None, strawberry.argument(description="Only what stands so.")]


@strawberry.type(description="The version of a part.")
class PartVersion:
    """A part and its version."""

    part: RunningPart = strawberry.field(description="Which part.")
    version: str = strawberry.field(description="As `python -m muniment changes show` prints it.")


@strawberry.type(
    description="A change of what runs here: what it brings, why, how it was tried, and whether somebody agreed."
)
class Change(Node):
    """A change, as staff see it."""

    record: ClassVar = ChangeRow
    actions: ClassVar = (Action.APPROVE, Action.DENY, Action.READ, Action.READ_REASON)

    kind: ChangeKind = plain("kind", ChangeKind, "What sort of change.")
    effect: ChangeEffect = plain("effect", ChangeEffect, "What contributors notice of it.")
    emergency: bool = plain("emergency", bool, "Whether it may run before a second person has agreed.")
    ticket: str = plain("ticket", str, "Where it is followed.")
    why: str | None = sealed("why", str | None, "Why. Null where you may not read it.")
    tests: str | None = sealed("tests", str | None, "How it was tried. Null where you may not read it.")
    assessment: str | None = sealed(
        "assessment", str | None, "What a model or an agent means for contributors. Null where you may not read it."
    )
    status: ChangeStatus = plain("status", ChangeStatus, "Where it stands.")
    registered_at: datetime = plain("registered_at", datetime, "When it was registered.")
    decided_at: datetime | None = plain("decided_at", datetime | None, "When somebody agreed, or did not.")
    note: str | None = sealed("note", str | None, "What whoever decided has to say. Null before, or where not yours.")

    @strawberry.field(description="What it brings.")
    def versions(self) -> list[PartVersion]:
        return [PartVersion(part=RunningPart(part), version=each) for part, each in sorted(self.row.versions.items())]

    @strawberry.field(description="The notice by which contributors were told of it; null where it concerns none.")
    def notice_id(self) -> strawberry.ID | None:
        found = self.row.notice_id
        return None if found is None else encode_id("PublishedNotice", found)


@strawberry.type(
    description="A version that began to run, as the program says of itself, and how it stands to the register."
)
class Deployment:
    """What ran."""

    ran: strawberry.Private[Ran]

    @strawberry.field(description="Which processes: `server`, `agents`, or `all` of them; or which agent.")
    def component(self) -> str:
        return self.ran.component

    @strawberry.field(description="Which part.")
    def part(self) -> RunningPart:
        return self.ran.part

    @strawberry.field(description="Its version.")
    def version(self) -> str:
        return self.ran.version

    @strawberry.field(description="When it began to run, after another version or as the first.")
    def began_at(self) -> datetime:
        return self.ran.began_at

    @strawberry.field(description="How it stands to the register.")
    def standing(self) -> RunStanding:
        return self.ran.standing

    @strawberry.field(
        description="The number of the change that covers it, or of the proposal of a policy; null where there is none."
    )
    def record(self) -> str | None:
        return None if self.ran.record is None else str(self.ran.record)


@strawberry.input(description="A part, and the version of it that is to run.")
class PartVersionInput:
    """One version that a change brings."""

    part: RunningPart = strawberry.field(description="Which part.")
    version: str = strawberry.field(description="As `python -m muniment changes show` prints it.")


@strawberry.input(description="What is to change.")
class RegisterChangeInput:
    """Input of registerChange."""

    kind: ChangeKind = strawberry.field(description="What sort of change.")
    effect: ChangeEffect = strawberry.field(description="What contributors notice of it.")
    versions: list[PartVersionInput] = strawberry.field(description="What it brings; each part once.")
    ticket: str = strawberry.field(description="Where it is followed: a short name, such as OPS-17.")
    why: str = strawberry.field(description="Why, for colleagues and auditors. At least 20 letters.")
    tests: str = strawberry.field(description="How it was tried, and what came of it. At least 10 letters.")
    notice_id: strawberry.ID | None = strawberry.field(
        default=None, description="The notice that tells contributors of it. Needed unless effect is NONE."
    )
    assessment: str | None = strawberry.field(
        default=None,
        description="What it means for contributors and their work, and what remains of the risk. At least 40 letters. "
        "Needed for AGENT and MODEL, which in production do nothing before it is approved.",
    )
    emergency: bool = strawberry.field(
        default=False, description="Whether it runs before anybody agrees: it is looked at within three days then."
    )


@strawberry.input(description="Which change to approve, and what was looked at.")
class ApproveChangeInput:
    """Input of approveChange."""

    change_id: strawberry.ID = strawberry.field(description="The change, registered by somebody other than you.")
    note: str = strawberry.field(description="What you looked at. At least 10 letters.")


@strawberry.input(description="Which change to turn down or take back, and why.")
class DenyChangeInput:
    """Input of denyChange."""

    change_id: strawberry.ID = strawberry.field(description="The change.")
    note: str = strawberry.field(description="Why. At least 10 letters.")


@strawberry.type(description="The change, as it is now.")
class ChangePayload:
    """Answer of every mutation of the change register."""

    change: Change = strawberry.field(description="The change.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class ChangeQueries:
    """Questions about changes."""

    @question("Changes of what runs here, registered and decided. Staff only.")
    def changes(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Change]:
        part = part_of(info, "Change", first, after, last, before)
        connection: Connection[Change] = listed(info, Change, part)
        return connection

    @question(
        "What runs and ran here, the newest 200, and how each stands to the change register. For staff whose job it is."
    )
    def deployments(self, info: Info, standing: OfStanding = None) -> list[Deployment]:
        return [Deployment(ran=each) for each in changes.deployments(info.context, standing)]


@strawberry.type
class ChangeMutations:
    """Mutations about changes."""

    @mutation("Register a change of what runs here. System administrators and security; somebody else has to agree.")
    def register_change(self, info: Info, input: RegisterChangeInput) -> ChangePayload:
        notice = None if input.notice_id is None else decode_id_of("PublishedNotice", input.notice_id, "noticeId")
        plan = Plan(
            kind=input.kind,
            effect=input.effect,
            emergency=input.emergency,
            versions=[(each.part, each.version) for each in input.versions],
            ticket=input.ticket,
            why=input.why,
            tests=input.tests,
            notice=notice,
            assessment=input.assessment,
        )
        return _payload(info, changes.register(info.context, plan))

    @mutation(
        "Agree to a colleague's change: what it brings may begin to run for 30 days, or was looked at afterwards."
    )
    def approve_change(self, info: Info, input: ApproveChangeInput) -> ChangePayload:
        return _payload(info, changes.approve(info.context, _id(input.change_id), input.note))

    @mutation("Turn a change down, or take back your own. What runs of it runs unregistered.")
    def deny_change(self, info: Info, input: DenyChangeInput) -> ChangePayload:
        return _payload(info, changes.deny(info.context, _id(input.change_id), input.note))


def _payload(info: Info, row: ChangeRow) -> ChangePayload:
    return ChangePayload(change=Change.of(row), audit_event_id=audit_event_id(info))


def _id(given: strawberry.ID) -> uuid.UUID:
    return decode_id_of("Change", given, "changeId")

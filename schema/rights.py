"""Corrections, complaints and their register, in the API's words."""

from datetime import datetime
from typing import ClassVar

import strawberry

from policies.actions import Action
from resolvers import rights
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.contributors import Contributor
from schema.guards import mutation, question
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, reference, sealed
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.clock import now
from storage.rights import RightsKind, RightsStatus, RightsTopic
from storage.rights import RightsRequest as RightsRequestRow

strawberry.enum(RightsKind, name="RightsRequestKind", description="What somebody asks for.")
strawberry.enum(RightsStatus, name="RightsRequestStatus", description="Whether it has been answered.")
strawberry.enum(RightsTopic, name="RightsRequestTopic", description="What a request is about.")


@strawberry.type(
    description="Something a contributor asked about their data: a correction or a complaint, with its deadline. "
    "Copies and deletions stand in exports and deletions."
)
class RightsRequest(Node):
    """A line of the register."""

    record: ClassVar = RightsRequestRow
    actions: ClassVar = (Action.ANSWER, Action.READ, Action.READ_REASON)

    contributor_id: strawberry.ID = reference("owner_id", "Contributor", "Who asked.")
    kind: RightsKind = plain("kind", RightsKind, "What was asked for.")
    topic: RightsTopic = plain("topic", RightsTopic, "What it is about.")
    status: RightsStatus = plain("status", RightsStatus, "Whether it has been answered.")
    identified: bool = plain("identified", bool, "Whether they had just proved again who they are.")
    text: str | None = sealed("text", str | None, "What they wrote. Null where you may not read it, or nothing was.")
    answer: str | None = sealed("answer", str | None, "What was answered. Null where you may not read it.")
    received_at: datetime = plain("received_at", datetime, "When it was asked.")
    due_at: datetime = plain("due_at", datetime, "By when it is to be answered.")
    answered_at: datetime | None = plain("answered_at", datetime | None, "When it was.")

    @strawberry.field(description="Whether the deadline has passed, or had when it was answered.")
    def overdue(self) -> bool:
        return bool((self.row.answered_at or now()) > self.row.due_at)


@strawberry.input(description="What is to be put right. What is left out stays as it is.")
class CorrectMyDataInput:
    """Input of correctMyData."""

    display_name: str | None = strawberry.field(default=None, description="The name shown to people you share with.")
    email: str | None = strawberry.field(default=None, description="The address you sign in with from now on.")
    note: str | None = strawberry.field(
        default=None, description="What else is wrong, that you can't put right yourself. A privacy officer answers it."
    )
    topic: RightsTopic = strawberry.field(default=RightsTopic.OTHER, description="What the note is about.")


@strawberry.type(description="What was corrected.")
class CorrectMyDataPayload:
    """Answer of correctMyData."""

    contributor: Contributor = strawberry.field(description="You, as you are known now.")
    rights_request: RightsRequest = strawberry.field(
        description="Its line in the register: ANSWERED where it was done at once, OPEN where a note waits."
    )
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="What you complain of.")
class FileComplaintInput:
    """Input of fileComplaint."""

    topic: RightsTopic = strawberry.field(description="What it is about.")
    text: str = strawberry.field(description="What happened, in your words, up to 5,000 characters. It is sealed.")


@strawberry.type(description="The complaint as it was entered, or answered.")
class RightsRequestPayload:
    """Answer of fileComplaint and answerRightsRequest."""

    rights_request: RightsRequest = strawberry.field(description="Its line in the register.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.input(description="An answer to a contributor.")
class AnswerRightsRequestInput:
    """Input of answerRightsRequest."""

    rights_request_id: strawberry.ID = strawberry.field(description="What is answered. It is OPEN.")
    answer: str = strawberry.field(description="What the contributor will read.")


@strawberry.type
class RightsQueries:
    """Root query fields about rights."""

    @question("Corrections and complaints: yours; for privacy officers and auditors everybody's, with their deadlines.")
    def rights_requests(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[RightsRequest]:
        part = part_of(info, "RightsRequest", first, after, last, before)
        connection: Connection[RightsRequest] = listed(info, RightsRequest, part)
        return connection


@strawberry.type
class RightsMutations:
    """Mutations about rights beside export and deletion."""

    @mutation("Put right what is held about you: name and e-mail at once, everything else by a note. Needs stepUp.")
    def correct_my_data(self, info: Info, input: CorrectMyDataInput) -> CorrectMyDataPayload:
        person, request = rights.correct(
            info.context, display_name=input.display_name, email=input.email, note=input.note, topic=input.topic
        )
        return CorrectMyDataPayload(
            contributor=Contributor.of(person),
            rights_request=RightsRequest.of(request),
            audit_event_id=audit_event_id(info),
        )

    @mutation("Complain about what is done with your data. A privacy officer answers within 30 days.")
    def file_complaint(self, info: Info, input: FileComplaintInput) -> RightsRequestPayload:
        row = rights.complain(info.context, input.topic, input.text)
        return RightsRequestPayload(rights_request=RightsRequest.of(row), audit_event_id=audit_event_id(info))

    @mutation("Answer a correction or a complaint, once. For privacy officers.")
    def answer_rights_request(self, info: Info, input: AnswerRightsRequestInput) -> RightsRequestPayload:
        row_id = decode_id_of("RightsRequest", input.rights_request_id, "rightsRequestId")
        row = rights.answer(info.context, row_id, input.answer)
        return RightsRequestPayload(rights_request=RightsRequest.of(row), audit_event_id=audit_event_id(info))

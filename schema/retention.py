"""Retention in the API's words."""

import uuid
from datetime import date, datetime
from typing import Annotated, ClassVar

import strawberry

from policies.actions import Action
from resolvers import retention
from schema.connections import After, Before, Connection, First, Last, listed, part_of
from schema.guards import mutation, question
from schema.ids import decode_id_of
from schema.nodes import Info, Node, plain, reference
from schema.receipts import AUDIT_EVENT_ID, audit_event_id
from storage.deletions import DeletionScope
from storage.retention import schedule
from storage.retention.schedule import Disposition, Source
from storage.retention.settings import Retention
from storage.retention.settings import RetentionSetting as RetentionSettingRow

strawberry.enum(
    Retention,
    description="How long work stays: until you delete it, so many days of 24 hours after it was made, or until the "
    "end that you name for a project.",
)
strawberry.enum(Source, name="RetentionSource", description="Who decides how long something stays.")
strawberry.enum(Disposition, name="RetentionDisposition", description="What happens when its time is up.")

Days = Annotated[int, strawberry.argument(description="How far to look ahead, at most 400.")]
As = Annotated[
    Retention | None,
    strawberry.argument(description="As if you chose this now. Left out: by your choices as they are."),
]
InProject = Annotated[strawberry.ID | None, strawberry.argument(description="Only in this project of yours.")]


@strawberry.type(description="How long a contributor has chosen to keep their work, in the account or in a project.")
class RetentionSetting(Node):
    """A choice."""

    record: ClassVar = RetentionSettingRow
    actions: ClassVar = (Action.READ,)

    setting: Retention = plain("setting", Retention, "How long.")
    project_id = reference("project_id", "Project", "The project it is for; null for the account.", optional=True)
    project_ends_at: datetime | None = plain(
        "project_ends_at", datetime | None, "With AT_PROJECT_END: when the project ends, and goes."
    )
    set_at: datetime = plain("set_at", datetime, "Since when. Nothing goes by it before the notice is over.")


@strawberry.type(description="So many things of a kind that go on a day.")
class RetentionForecast:
    """A line of a preview."""

    on: date = strawberry.field(description="The day, in UTC.")
    first_at: datetime = strawberry.field(description="The moment of the first of them.")
    kind: DeletionScope = strawberry.field(description="What goes. A prompt goes with its outputs.")
    count: int = strawberry.field(description="How many.")
    sentence: str = strawberry.field(description="The same in words, such as “12 assets go on 3 May 2027”.")


@strawberry.type(description="How long a class of things stays, who decides that, and what happens then.")
class RetentionRule:
    """A row of the schedule."""

    name: str = strawberry.field(description="The class.")
    what: str = strawberry.field(description="What is in it.")
    types: list[str] = strawberry.field(description="The kinds of records in it.")
    source: Source = strawberry.field(description="Who decides.")
    trigger: str = strawberry.field(description="What its time counts from.")
    period: str = strawberry.field(description="How long.")
    disposition: Disposition = strawberry.field(description="What then happens.")
    owner: str = strawberry.field(description="Who answers for it.")
    reviewed_on: date = strawberry.field(description="When somebody last looked whether it is right.")


@strawberry.input(description="How long work is to stay.")
class SetRetentionInput:
    """Input of setRetention."""

    setting: Retention = strawberry.field(description="How long.")
    project_id: strawberry.ID | None = strawberry.field(
        default=None, description="For this project, which then no longer goes by the account's choice."
    )
    project_ends_at: datetime | None = strawberry.field(
        default=None, description="With AT_PROJECT_END of a project, and only then: when it ends, and goes as a whole."
    )


@strawberry.type(description="The choice, as it is now.")
class SetRetentionPayload:
    """Answer of setRetention."""

    retention_setting: RetentionSetting = strawberry.field(description="The choice.")
    audit_event_id: strawberry.ID = strawberry.field(description=AUDIT_EVENT_ID)


@strawberry.type
class RetentionQueries:
    """Questions about how long things stay."""

    @question("How long you have chosen to keep your work, in the account and in single projects.")
    def retention_settings(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[RetentionSetting]:
        part = part_of(info, "RetentionSetting", first, after, last, before)
        connection: Connection[RetentionSetting] = listed(info, RetentionSetting, part)
        return connection

    @question("What of yours goes in the days ahead, by your own choice. What a legal hold keeps is not in it.")
    def retention_preview(
        self, info: Info, setting: As = None, project_id: InProject = None, days: Days = 90
    ) -> list[RetentionForecast]:
        found = retention.preview(info.context, setting, _project(project_id), days)
        return [
            RetentionForecast(
                on=each.on, first_at=each.first_at, kind=each.scope, count=each.count, sentence=each.sentence
            )
            for each in found
        ]

    @question("How long every class of things stays.", public="what is promised to everybody is nobody's secret")
    def retention_schedule(self, info: Info) -> list[RetentionRule]:
        return [
            RetentionRule(
                name=rule.name,
                what=rule.what,
                types=list(rule.types),
                source=rule.source,
                trigger=rule.trigger,
                period=rule.period,
                disposition=rule.disposition,
                owner=rule.owner,
                reviewed_on=rule.reviewed_on,
            )
            for rule in schedule.SCHEDULE
        ]


@strawberry.type
class RetentionMutations:
    """Mutations about how long things stay."""

    @mutation(
        "Choose how long your work stays. What a shorter choice reaches goes at the earliest when the notice, a week "
        "unless the operator set another, is over; retentionPreview shows it beforehand. Needs stepUp."
    )
    def set_retention(self, info: Info, input: SetRetentionInput) -> SetRetentionPayload:
        row = retention.choose(info.context, input.setting, _project(input.project_id), input.project_ends_at)
        return SetRetentionPayload(retention_setting=RetentionSetting.of(row), audit_event_id=audit_event_id(info))


def _project(given: strawberry.ID | None) -> uuid.UUID | None:
    return None if given is None else decode_id_of("Project", given, "projectId")

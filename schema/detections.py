"""Detections in the API's words."""

import strawberry

from resolvers import detections
from resolvers.detections import Detection as Row
from resolvers.detections import Step as StepRow
from schema.guards import question
from schema.nodes import Info
from storage.incidents import Severity
from storage.measures import Measure
from storage.staff import StaffRole

strawberry.enum(
    Measure,
    name="DetectionMeasure",
    description="What is done at once with a session or key: HOLD_EXPORTS until its owner has stepped up, THROTTLE "
    "for a quarter of an hour, SUSPEND_CREDENTIAL. Never with an account, whose owner keeps every right.",
)


@strawberry.type(description="From how many on something is done at once.")
class DetectionStep:
    """A step of a detection."""

    step: strawberry.Private[StepRow]

    @strawberry.field(description="From so many within the window on.")
    def threshold(self) -> int:
        return self.step.threshold

    @strawberry.field(description="This is done with the session or key.")
    def measure(self) -> Measure:
        return self.step.measure

    @strawberry.field(description="Whether an incident is opened then; else people are told, for nothing is wrong yet.")
    def opens_incident(self) -> bool:
        return self.step.opens

    @strawberry.field(description="For actors of these kinds: CONTRIBUTOR, API_KEY, STAFF; empty for all it counts.")
    def actor_kinds(self) -> list[str]:
        return sorted(self.step.kinds or ())


@strawberry.type(description="A kind of unusual activity that is looked for in the audit trail, all the time.")
class Detection:
    """A detection, as it is in force."""

    row: strawberry.Private[Row]

    @strawberry.field(description="Its name, by which incidents know it: D01.")
    def name(self) -> str:
        return self.row.id

    @strawberry.field(description="Which version of it; it grows with each change.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="What it finds.")
    def title(self) -> str:
        return self.row.title

    @strawberry.field(description="Which entries of the trail it counts.")
    def actions(self) -> list[str]:
        return sorted(self.row.actions)

    @strawberry.field(description="Within how many seconds.")
    def window_seconds(self) -> int:
        return int(self.row.window.total_seconds())

    @strawberry.field(description="From how many on what is done.")
    def steps(self) -> list[DetectionStep]:
        return [DetectionStep(step=step) for step in self.row.steps]

    @strawberry.field(description="How soon people have to look.")
    def severity(self) -> Severity:
        return self.row.severity

    @strawberry.field(description="Which jobs are told at once.")
    def notifies(self) -> list[StaffRole]:
        return list(self.row.notify)

    @strawberry.field(description="Whether the contributor whose account or key it is reads of it in their access log.")
    def tells_owner(self) -> bool:
        return self.row.tells_owner

    @strawberry.field(description="Whether the contributor finds a notice of it in their inbox, once a day at most.")
    def writes_to_contributor(self) -> bool:
        return self.row.letter is not None

    @strawberry.field(description="The page that says what people do.")
    def runbook(self) -> str:
        return self.row.runbook


@strawberry.type
class DetectionQueries:
    """Questions about detections."""

    @question("What unusual activity is looked for, from where on, and what is done about it at once.")
    def detections(self, info: Info) -> list[Detection]:
        return [Detection(row=row) for row in detections.all_of_them(info.context)]

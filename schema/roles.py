"""The jobs of staff in the API's words."""

import strawberry

from resolvers.roles import Job
from storage.staff import StaffRole

__all__ = ["Role", "StaffRole"]

strawberry.enum(StaffRole, description="A job on the platform. `roles` says what each is for.")


@strawberry.type(description="A job on the platform, as the policy in force describes it.")
class Role:
    """A job of staff."""

    job: strawberry.Private[Job]

    @strawberry.field(description="What it is called.")
    def name(self) -> StaffRole:
        return self.job.name

    @strawberry.field(description="What the job needs its access for. Empty if the policy gives it none.")
    def job_statement(self) -> str:
        return self.job.statement

    @strawberry.field(description="Who answers for what the job may do. Empty if the policy gives it nothing.")
    def owner(self) -> str:
        return self.job.owner

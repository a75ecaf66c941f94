"""The jobs of staff: what each is for and who answers for it, as policy.polar says."""

from dataclasses import dataclass

from resolvers.context import Context
from storage.staff import StaffRole


@dataclass(frozen=True)
class Job:
    """One job, in the words of the policy in force. A job that the policy gives nothing to has no words."""

    name: StaffRole
    statement: str
    owner: str


def all_of_them(context: Context) -> list[Job]:
    """Every job there is. Whoever signs in may know them: they say what staff can see."""
    stated = context.house.policy.roles
    return [Job(role, stated[role].job, stated[role].owner) for role in StaffRole]

"""How incidents go, month by month, as far as the caller may see incidents and what is to be done after them."""

from policies.actions import Action
from resolvers import inputs
from resolvers.context import Context
from storage import incident_metrics
from storage.follow_ups import FollowUp
from storage.incident_metrics import IncidentMonth
from storage.incidents import Incident

MOST = 36
"""Months that can be asked for at once."""


def by_month(context: Context, months: int) -> list[IncidentMonth]:
    """The last `months` months, this one too, oldest first; without anything in them for whoever may see none of it.

    Raises `BadInput` for a number that does not lie between 1 and 36.
    """
    inputs.between(months, "months", at_least=1, at_most=MOST)
    incidents = context.access.select(Incident, Action.READ)
    follow_ups = context.access.select(FollowUp, Action.READ)
    moment = context.work.now
    start = incident_metrics.begin(months, moment)
    return incident_metrics.by_month(context.work.session, incidents, follow_ups, start, moment, moment)

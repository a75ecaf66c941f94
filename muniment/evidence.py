"""Evidence on the command line: populations and samples, as an auditor would ask for them at the machine.

Whoever sits there reads as an auditor does, by the policy in force: nobody's name, no content; and it is in the trail.
"""

import uuid

from muniment.house import open_house
from muniment.settings import Settings
from policies.principals import Kind, Principal
from resolvers import populations
from resolvers.context import Asking, Context
from resolvers.house import House
from resolvers.populations import Collected
from storage.populations.catalogue import PopulationName
from storage.populations.envelopes import Sample
from storage.populations.gathering import Period
from storage.staff import StaffRole

_NOBODY = uuid.UUID(int=0)
"""Whoever sits at the machine has no account."""


def collect(settings: Settings, name: PopulationName, period: Period, sample: Sample | None = None) -> Collected:
    """A population, or a sample of one. Raises what `resolvers.populations.collect` raises."""
    with open_house(settings) as house:
        return collected(house, name, period, sample)


def collected(house: House, name: PopulationName, period: Period, sample: Sample | None = None) -> Collected:
    """`collect`, of a house that is open."""
    auditor = Principal(Kind.STAFF, _NOBODY, roles=frozenset({StaffRole.AUDITOR.value}))
    context = Context(house, Asking(auditor))
    with context.asked("collect_evidence"):
        return populations.collect(context, name, period, sample)

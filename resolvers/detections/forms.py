"""What a detection is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from storage.incidents import Severity
from storage.ledger.events import Resource
from storage.measures import Measure
from storage.staff import StaffRole

PEOPLE_AND_KEYS = frozenset({"API_KEY", "CONTRIBUTOR", "STAFF"})
"""Kinds of actors that have a credential of their own."""


def runbook(detection: str) -> str:
    """Where it stands what people do about what this detection found: a page of the repository."""
    return f"docs/runbooks/{detection}.md"


@dataclass(frozen=True)
class Step:
    """From so many within the window on, this is done with the credential of actors of these kinds."""

    threshold: int
    measure: Measure = Measure.NONE
    kinds: frozenset[str] | None = None
    """None: of every kind that the detection counts."""
    opens: bool = True
    """False: people are told, and no incident is opened: nothing is wrong as yet."""
    jobs: tuple[StaffRole, ...] | None = None
    """Which are told at this step. None: those that the detection names."""


@dataclass(frozen=True)
class Letter:
    """What a contributor finds in their inbox at once: whether it was they, and what they can do if not."""

    title: str
    text: str


@dataclass(frozen=True)
class Detection:
    """So many entries (or, with `distinct`, so many different subjects) of one actor within a window are a hit.

    `steps` go up: the first opens the incident, later ones do more. `kinds` are the actors that count, if not all;
    `resources` the kinds of things. Of details, `only` names values that count, of entries that say that at all, and
    `unless` values that do not. `foreign` counts only what was somebody else's, `under_grant` what staff did under an
    access grant, `by_subject` per account that something was done to, `by_thing` per thing, and `of_each` each actor
    with each subject apart. `told` names actions of which people are told and that open no incident; for `pause` a step
    is not reached again.
    With `tells_owner` whoever's account or key it is reads of it in their access log, with a `letter` in their inbox
    (with `of_each` the subject does), once a day at most.
    """

    id: str
    version: int
    title: str
    actions: frozenset[str]
    window: timedelta
    severity: Severity
    notify: tuple[StaffRole, ...]
    steps: tuple[Step, ...]
    kinds: frozenset[str] = frozenset()
    resources: frozenset[Resource] = frozenset()
    distinct: bool = False
    foreign: bool = False
    by_subject: bool = False
    of_each: bool = False
    by_thing: bool = False
    under_grant: bool = False
    pause: timedelta | None = None
    told: frozenset[str] = frozenset()
    tells_owner: bool = False
    letter: Letter | None = None
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unless: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def runbook(self) -> str:
        """Where it stands what people do."""
        return runbook(self.id)

    def steps_of(self, kind: str) -> tuple[Step, ...]:
        """The steps that there are for an actor of this kind, in order."""
        return tuple(step for step in self.steps if step.kinds is None or kind in step.kinds)

"""Where populations come from: the trail, a register, or what is worked out of them whenever it is asked for."""

from dataclasses import dataclass

from storage.ledger.events import Outcome
from storage.records import Record


@dataclass(frozen=True)
class Trail:
    """Entries of the audit trail: of these actions, or with `agents` all that agents did; of one outcome, or of any.

    With `afterwards` each entry of somebody who left says what they did, and were refused, from then on.
    """

    actions: tuple[str, ...] = ()
    agents: bool = False
    outcome: Outcome | None = None
    afterwards: bool = False


@dataclass(frozen=True)
class Register:
    """Rows of a table, by the column that says when they began. `as_of`: all that there were at the period's end.

    With `staff` each says of the member of staff it is about whether they have a second factor, and their last act.
    """

    model: type[Record]
    since: str
    as_of: bool = False
    staff: bool = False


@dataclass(frozen=True)
class Checkpoints:
    """The signed checkpoints of the trail that were published in the period."""


@dataclass(frozen=True)
class Columns:
    """Every column of the database, and how its values are kept: what the program of this release declares."""


@dataclass(frozen=True)
class Months:
    """Which share of each month each part of the platform was there: worked out of the register of outages."""


@dataclass(frozen=True)
class Metrics:
    """How incidents went in each month: worked out of the register of incidents, and of their follow-ups."""


@dataclass(frozen=True)
class Versions:
    """What began to run in the period, and how each stands to the change register."""


@dataclass(frozen=True)
class Missing:
    """Nothing here records it. `where`: where the operator's own record is to be looked for."""

    where: str


Source = Trail | Register | Checkpoints | Columns | Months | Metrics | Versions | Missing

"""What works only once it was approved: models and agents, each noted when it is here for the first time.

It is noted in the same table as everything that runs (`storage.changes.Deployment`), and stands to the same register. A
model goes by its version, an agent by its name.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage.changes import ASSESSED, AlreadyNoted, Deployment, Ran, RunningPart, RunStanding, reconciled
from storage.ids import new_id


def noted(
    session: Session, part: RunningPart, things: Mapping[str, str], moment: datetime
) -> list[tuple[Deployment, bool]]:
    """The row of each thing, by component and version, and whether it was made just now. Raises AlreadyNoted.

    Those that are there when the first of a part is noted are number 1: what the installation began with.
    """
    rows = session.scalars(select(Deployment).where(Deployment.part == part).with_for_update()).all()
    known = {(row.component, row.version): row for row in rows}
    found = []
    for component, version in things.items():
        row = known.get((component, version))
        if row is not None:
            found.append((row, False))
            continue
        last = max((each.number for each in rows if each.component == component), default=1 if rows else 0)
        made = Deployment(
            id=new_id(), component=component, part=part, version=version, number=last + 1, began_at=moment,
            last_began_at=moment,
        )  # fmt: skip
        session.add(made)
        found.append((made, True))
    try:
        session.flush()
    except IntegrityError as error:
        raise AlreadyNoted from error
    return found


def refused(session: Session, moment: datetime) -> list[Ran]:
    """Models and agents that are here and that nobody has approved: in production they do nothing."""
    return [
        each
        for each in reconciled(session, moment)
        if each.part in ASSESSED and each.standing is RunStanding.UNREGISTERED
    ]

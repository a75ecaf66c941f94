"""Populations: an auditor asks for everything of a kind in a period, and gets it with how it came about.

(0) Whoever asks may collect evidence. (1) Rows come through the door like any others. (2) They are counted again past
it, so that what was kept back shows. (3) That it was asked for is in the trail before the answer leaves. MUST: whoever
hands the rows on hands on the envelope with them.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from policies.actions import Action
from policies.principals import Kind
from resolvers.context import Context
from resolvers.errors import BadInput
from storage import migrations
from storage.follow_ups import FollowUp
from storage.ids import new_id
from storage.incidents import Incident
from storage.ledger.entries import AuditEvent
from storage.ledger.events import EvidenceCollected, Identifier
from storage.populations import envelopes, gathering
from storage.populations.catalogue import POPULATIONS, Population, PopulationName
from storage.populations.envelopes import Sample
from storage.populations.gathering import MOST, Gathered, Period
from storage.populations.sources import Checkpoints, Metrics, Missing, Months, Register, Trail, Versions

LONGEST = timedelta(days=400)
MOST_SAMPLED = 1000
_TIMES = 3


@dataclass(frozen=True)
class Collected:
    """The answer: the lines of the rows (JSON, in the one form that is hashed), and the envelope."""

    population: Population
    envelope: dict[str, Any]
    lines: list[bytes]

    @property
    def available(self) -> bool:
        """Whether anything here records it."""
        return not isinstance(self.population.source, Missing)


def collect(context: Context, name: PopulationName, period: Period, sample: Sample | None = None) -> Collected:
    """All rows of a population, or a sample of them.

    Raises Forbidden for whoever may not collect evidence, `BadInput` for a period that is none, lies ahead, or holds
    more than 200,000 rows, and for a sample of nothing.
    """
    context.access.check(Action.COLLECT_EVIDENCE)  # (0)
    _demand_sound(context.work.now, period, sample)
    population = POPULATIONS[name]
    gathered, counted = _counted(context, population, period)
    if len(gathered.rows) > MOST:
        raise BadInput(f"The period holds more than {MOST} rows; ask for a shorter one.", field="period")
    lines = [gathering.line(row) for row in gathered.rows]
    envelope = _envelope(context, population, period, gathered, counted, lines)
    if sample is not None:
        lines = [lines[at] for at in envelopes.drawn(lines, sample)]
        envelope = envelopes.sampled(envelope, lines, sample)
    context.readings.append(  # (3)
        EvidenceCollected(
            resource_id=None,
            subject_id=None,
            population=Identifier(name.value.lower()),
            row_count=len(gathered.rows),
            handed_count=len(lines),
            period_seconds=int((period.end - period.start).total_seconds()),
        )
    )
    return Collected(population, envelope, lines)


def _counted(context: Context, population: Population, period: Period) -> tuple[Gathered, int | None]:
    """The rows, and a second count. What is committed between the two is no difference: then both are done again."""
    for _ in range(_TIMES):
        gathered = _gather(context, population, period)  # (1)
        counted = gathering.counted(context.work.session, population.source, period)  # (2)
        if counted in (None, len(gathered.rows)):
            break
    return gathered, counted


def _demand_sound(moment: datetime, period: Period, sample: Sample | None) -> None:
    if period.start.tzinfo is None or period.end.tzinfo is None:
        raise BadInput("from and to carry their time zones.", field="period")
    if not timedelta(0) < period.end - period.start <= LONGEST:
        raise BadInput(f"to lies after from, by at most {LONGEST.days} days.", field="period")
    if period.end > moment:
        raise BadInput("to lies ahead: a list of what has not been is not complete.", field="period")
    if sample is not None and not 0 < sample.size <= MOST_SAMPLED:
        raise BadInput(f"A sample has between 1 and {MOST_SAMPLED} rows.", field="sample")


def _gather(context: Context, population: Population, period: Period) -> Gathered:
    session = context.work.session
    match population.source:
        case Trail() as source:
            allowed = context.access.select(AuditEvent, Action.READ)
            found = gathering.entries(session, allowed, source, period)
            context.trail_read += len(found.rows)
            return found
        case Register() as source:
            return gathering.rows_of(session, context.access.select(source.model, Action.READ), source, period)
        case Checkpoints():
            return gathering.checkpoints(session, period)
        case Metrics():
            incidents = context.access.select(Incident, Action.READ)
            follow_ups = context.access.select(FollowUp, Action.READ)
            return gathering.incident_months(session, incidents, follow_ups, period, context.work.now)
        case Months():
            return gathering.months(session, period)
        case Versions():
            return gathering.versions(session, period, context.work.now)
        case Missing():
            return Gathered([], "", [], [])
    return gathering.columns()


def _envelope(
    context: Context, population: Population, period: Period, found: Gathered, counted: int | None, lines: list[bytes]
) -> dict[str, Any]:
    facts = gathering.facts(context.work.session)
    said = {"from": period.start.isoformat(), "to": period.end.isoformat()}
    return {
        "version": envelopes.VERSION,
        "id": str(new_id()),
        "name": population.name.value,
        "number": population.number,
        "question": population.question,
        "criteria": list(population.criteria),
        "available": not isinstance(population.source, Missing),
        "query": found.query,
        "parameters": said,
        "filters": found.filters,
        "columns": found.columns,
        "period": {**said, "timeZone": "UTC", "end": "exclusive"},
        "generatedAt": context.work.now.isoformat(),
        "generatedBy": _who(context),
        "source": {
            "origin": context.house.store.origin,
            "database": facts.database,
            "schemaRevision": migrations.newest(),
            "softwareVersion": envelopes.software_version(),
            "policyHash": context.policy.hash,
        },
        "rowCount": len(lines),
        "reconciliation": {
            "sourceCount": counted,
            "agrees": counted == len(lines) if counted is not None else None,
            "method": "counted anew in the source by the same period, past the policy and past the query",
        },
        "firstPlace": found.first_place,
        "lastPlace": found.last_place,
        "gaps": _gaps(context, population, period, found),
        "sha256": envelopes.digest(lines),
        "checkpoint": facts.checkpoint,
        "limitations": _limitations(population, facts.archived),
    }


def _who(context: Context) -> dict[str, Any]:
    principal = context.principal
    nobody = principal.id is None or principal.id == uuid.UUID(int=0)
    jobs = sorted(principal.roles) if principal.kind is Kind.STAFF else []
    return {"kind": principal.kind.value, "id": None if nobody else str(principal.id), "jobs": jobs}


def _gaps(context: Context, population: Population, period: Period, found: Gathered) -> list[dict[str, Any]]:
    """Places of the log that have no entry between the first and the last; and of runs, the days without one."""
    gaps: list[dict[str, Any]] = []
    if found.first_place is not None and found.last_place is not None:
        missing = gathering.missing_places(context.work.session, found.first_place, found.last_place)
        if missing:
            gaps.append({"places": missing, "between": [found.first_place, found.last_place]})
    if population.name is PopulationName.CONTROL_RUNS:
        moments = [datetime.fromisoformat(row["timestamp"]) for row in found.rows]
        gaps += [{"day": day} for day in envelopes.gaps_by_day(moments, period.start, period.end)]
    return gaps


def _limitations(population: Population, archived: int) -> list[str]:
    said = [population.limits] if population.limits else []
    match population.source:
        case Missing(where):
            said.append(f"Nothing here records it. Look at {where}.")
        case Trail():
            said.append("Entries name nobody: who acted opens to security alone, under an investigation.")
            if archived:
                said.append(f"The first {archived} entries of the log are in the archive, and not in this list.")
        case Register():
            said.append("Values kept in clear: names and words are sealed, and in no list.")
    return said

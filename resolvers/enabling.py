"""Whether a model or an agent may work here: approved, with an assessment, by two people, or there from the beginning.

Asked at the moment of use, of the change register. What is here for the first time is told in the trail.
"""

from collections.abc import Iterable, Mapping

import structlog

from storage import changes, enabling
from storage.changes import AlreadyNoted, Deployment, RunningPart, RunStanding
from storage.ledger.events import Identifier, VersionBegan
from storage.ledger.scope import AuditScope
from storage.work import Store, UnitOfWork

MODELS = "agents"
"""The processes that ask models."""

log = structlog.get_logger("muniment.changes")


def model_works(store: Store, scope: AuditScope, version: str) -> bool:
    """Whether the model of this version (`agents.models.providers.Facts.version`) may answer."""
    return not _unapproved(store, scope, RunningPart.MODEL, {MODELS: version})


def strangers(store: Store, scope: AuditScope, agents: Iterable[str]) -> frozenset[str]:
    """Of these agents those that may do nothing yet."""
    return frozenset(_unapproved(store, scope, RunningPart.AGENT, {f"agent:{name}": name for name in sorted(agents)}))


def tell(work: UnitOfWork, row: Deployment) -> RunStanding:
    """Enter in the trail what began to run, and how it stands to the register; answers that."""
    stands = changes.standing_of(work.session, row, work.now)
    work.record(
        VersionBegan(
            resource_id=row.id,
            subject_id=None,
            part=row.part,
            version=Identifier(row.version),
            number=row.number,
            standing=stands,
        )
    )
    return stands


def _unapproved(store: Store, scope: AuditScope, part: RunningPart, things: Mapping[str, str]) -> list[str]:
    """The versions that nobody has approved. Of several processes that note the same one does."""
    try:
        return _asked(store, scope, part, things)
    except AlreadyNoted:
        return _asked(store, scope, part, things)


def _asked(store: Store, scope: AuditScope, part: RunningPart, things: Mapping[str, str]) -> list[str]:
    found = []
    with store.begin(scope) as work:
        for row, fresh in enabling.noted(work.session, part, things, work.now):
            stands = tell(work, row) if fresh else changes.standing_of(work.session, row, work.now)
            if stands not in (RunStanding.APPROVED, RunStanding.BASELINE):
                log.warning("nobody has approved this with an assessment", part=part.value, version=row.version)
                found.append(row.version)
    return found

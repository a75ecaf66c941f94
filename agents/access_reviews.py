"""The reviewer: begins a review of access each quarter, tells whose keys are in it, and ends what nobody confirms.

It opens nothing and decides nothing: what it does follows from dates, and from the policy that came into force. Each
pass is a few transactions, and is taken up again where it was left.
"""

import uuid

import structlog

from agents.runtime import Agents
from resolvers.access_reviews import campaigns
from storage.ledger.scope import AuditScope

NAME = "reviewer"

_AT_ONCE = 100
_log = structlog.get_logger("muniment.reviewer")


class Reviewer:
    """The reviewer of one process; another one beside it does no harm."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    def advance(self) -> None:
        """Do what is due by now. Raises StandStill in a lock-down: nobody of staff could confirm anything meanwhile."""
        self._agents.go_on(NAME)
        self._finish()
        self._open()
        self._tell()

    def _finish(self) -> None:
        more = True
        while more:
            self._agents.go_on()
            with self._agents.store.begin(self._scope()) as work:
                more = campaigns.finish(work, _AT_ONCE)

    def _open(self) -> None:
        with self._agents.store.begin(self._scope()) as work:
            rights = campaigns.rights_by(self._agents.force.policy.source)
            if not campaigns.is_due(work, rights):
                return
            review = campaigns.begin(work, rights, work.now + campaigns.USUAL, None)
            if review is None:
                return
            number, due = review.number, review.due_at.isoformat()
        _log.warning("a review of access has begun: decideAccessReviewItem", number=number, due_at=due)

    def _tell(self) -> None:
        told = _AT_ONCE
        while told == _AT_ONCE:
            self._agents.go_on()
            with self._agents.store.begin(self._scope()) as work:
                told = campaigns.tell(work, _AT_ONCE)

    def _scope(self) -> AuditScope:
        version = self._agents.force.policy.version
        return AuditScope(f"agent:{NAME}", "AGENT", None, None, None, None, uuid.uuid4(), version)

"""The reviewer: begins a review of access each quarter, tells whose keys are in it, and ends what nobody confirms.

It opens nothing and decides nothing: what it does follows from dates, and from the policy that came into force. Each
pass is a few transactions, and is taken up again where it was left.
"""

import uuid
from collections.abc import Callable, Collection

import structlog

from agents import loops
from agents.runtime import Agents
from resolvers.access_reviews import campaigns
from storage import set_aside
from storage.clock import now
from storage.database import transaction
from storage.ledger.scope import AuditScope
from storage.work import UnitOfWork

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
        self._in_pieces("access_reviews", campaigns.finish, campaigns.next_to_finish)

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
        self._in_pieces("access_review_notices", campaigns.tell, campaigns.next_to_tell)

    def _in_pieces(
        self,
        loop: str,
        step: Callable[[UnitOfWork, int, Collection[uuid.UUID]], int],
        following: Callable[[UnitOfWork, Collection[uuid.UUID]], uuid.UUID | None],
    ) -> None:
        """Take some at a time until there are none; where a piece fails one by one, setting aside what fails."""
        store = self._agents.store
        with transaction(store.engine, read_only=True) as session:
            later, again = set_aside.known(session, loop, now())
        without, many, more = set(later), _AT_ONCE, True
        while more:
            self._agents.go_on()
            try:
                with store.begin(self._scope()) as work:
                    more = bool(step(work, many, without))
            except Exception as error:
                if loops.may_pass(error):
                    raise
                if many == 1:
                    with store.begin(self._scope()) as work:
                        item = following(work, without)
                    if item is None:
                        raise
                    without.add(item)
                    loops.set_aside(store, self._scope(), loop, item, error)
                many = 1
        with transaction(store.engine) as session:
            set_aside.remove(session, loop, again - without)

    def _scope(self) -> AuditScope:
        version = self._agents.force.policy.version
        return AuditScope(f"agent:{NAME}", "AGENT", None, None, None, None, uuid.uuid4(), version)

"""Fair order within a queue: contributors take turns, and who has little waiting does not wait for who has much.

DBOS takes the jobs of a partition by `priority`, lowest first. Each job gets its place when it is queued, as in
start-time fair queueing: behind what runs now by one, and by two more for each job that its contributor has in the
queue already. So sixty jobs of one stand two apart, and the first job of another comes before the second of those.
Places only grow while anything runs: nobody is passed by for ever. Jobs of earlier releases have place 0, and go first.

A job that has to wait (for its turn, for a server that does not answer) goes back into the queue with the moment from
which on it may run: no worker sleeps over it.
"""

import uuid
from datetime import timedelta

from sqlalchemy import Engine, TextClause, text
from sqlalchemy.orm import Session

from storage.clock import now
from storage.database import transaction
from storage.queue_tables import SCHEMA

BAND = 1_000_000_000
"""Places of ordinary jobs begin here where a workflow has urgent ones, which all go first."""
_LAST = 2**31 - 1
_MOST_COUNTED = 1_000

_RUNNING = (
    "SELECT max(priority) FROM {table} WHERE queue_name = :queue AND queue_partition_key = :workflow"
    " AND status = 'PENDING' AND priority >= :first AND priority < :last"
)
_OWN = (
    "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE queue_name = :queue AND queue_partition_key = :workflow"
    " AND status IN ('ENQUEUED', 'PENDING', 'DELAYED') AND authenticated_user = :who LIMIT :most) AS own"
)
_OTHERS = (
    "SELECT 1 FROM {table} AS waiting WHERE waiting.queue_name = :queue AND waiting.queue_partition_key = :workflow"
    " AND waiting.status = 'ENQUEUED' AND coalesce(waiting.authenticated_user, '') <> :who AND NOT EXISTS ("
    "SELECT 1 FROM {table} AS running WHERE running.queue_name = :queue AND running.queue_partition_key = :workflow"
    " AND running.status = 'PENDING'"
    " AND coalesce(running.authenticated_user, '') = coalesce(waiting.authenticated_user, '')) LIMIT 1"
)
_PUT_BACK = (
    "UPDATE {table} SET status = 'DELAYED', delay_until_epoch_ms = :due, owner_xid = NULL, started_at_epoch_ms = NULL,"
    " recovery_attempts = 0, updated_at = :moment, priority = coalesce(:place, priority)"
    " WHERE workflow_uuid = :job AND status = 'PENDING'"
)


def place(
    session: Session,
    queue: str,
    workflow: str,
    owner: uuid.UUID | None,
    *,
    ahead: int | None = None,
    urgent: bool | None = None,
) -> int:
    """Return the place of a job that is about to be queued. `ahead`: how many its contributor has there, if known.

    `urgent` is None for a workflow that has no urgent jobs.
    """
    first, last = (1, BAND) if urgent else (BAND, _LAST) if urgent is not None else (1, _LAST)
    given = {"queue": queue, "workflow": workflow, "first": first, "last": last}
    running = session.execute(_on(session, _RUNNING), given).scalar()
    if ahead is None and owner is not None:
        counted = {"queue": queue, "workflow": workflow, "who": str(owner), "most": _MOST_COUNTED}
        ahead = session.execute(_on(session, _OWN), counted).scalar()
    begin = first - 1 if running is None else running
    return int(min(begin + 1 + 2 * min(ahead or 0, _MOST_COUNTED), last - 1))


def others_wait(engine: Engine, queue: str, workflow: str, owner: str) -> bool:
    """Return whether a job of another contributor waits who has none running."""
    with transaction(engine, read_only=True) as session:
        given = {"queue": queue, "workflow": workflow, "who": owner}
        return session.execute(_on(session, _OTHERS), given).first() is not None


def put_back(engine: Engine, job: str, seconds: float, queue: str, workflow: str, *, behind: bool = False) -> bool:
    """Let a running job run again from its beginning, in so many seconds at the earliest. Return whether it ran.

    `behind`: after what has come meanwhile; else it keeps its place. What DBOS would still write of the run under way
    counts for nothing, since it is not that run's any more.
    """
    moment = now()
    with transaction(engine) as session:
        new = place(session, queue, workflow, None, ahead=1) if behind else None
        given = {
            "job": job,
            "due": int((moment + timedelta(seconds=seconds)).timestamp() * 1000),
            "moment": int(moment.timestamp() * 1000),
            "place": new,
        }
        return bool(getattr(session.execute(_on(session, _PUT_BACK), given), "rowcount", 0))


def _on(session: Session, statement: str) -> TextClause:
    sqlite = session.get_bind().dialect.name == "sqlite"
    return text(statement.format(table="workflow_status" if sqlite else f"{SCHEMA}.workflow_status"))

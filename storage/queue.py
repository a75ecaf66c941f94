"""The queue: DBOS's tables inside our own database, so that a job is queued in the transaction that asks for it.

Nothing but ids enters them: `enqueue` takes ids alone, and the serializer below refuses everything else.
"""

import json
import re
import uuid
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from typing import Any

from dbos import DBOS, DBOSClient, EnqueueOptions, Serializer
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from storage import dbos_serialization, fair_queue, queue_formats
from storage.clock import now
from storage.database import looking, open_engine, prepare_sqlite, stay_with_the_file, transaction
from storage.queue_refusals import refuse
from storage.queue_tables import FORMAT, SCHEMA, are_laid_out, are_newest

dbos_serialization.install()

APPLICATION = "muniment"
VERSION = "1"
"""Of the workflows, explicit: DBOS's default is a hash of their source, and an edit would strand what is queued."""

QUEUES = {"work": 2, "errands": 4}
"""The queues, and how many runs of one workflow a process has at a time. Each workflow is a partition of its queue:
DBOS asks the database for each queue, some times a second, and for a workflow only where one is waiting."""
_ERRANDS = frozenset({"announce_export", "deliver_notice", "recall_copies"})
"""The workflows that wait for somebody else's server most of the time."""

_AT_ONCE = 500  # SQLite takes a limited number of parameters

_KNOWN = text(f"SELECT workflow_uuid FROM {SCHEMA}.workflow_status WHERE workflow_uuid = ANY(:names)")  # noqa: S608
_KNOWN_SQLITE = text(
    "SELECT workflow_uuid FROM workflow_status WHERE workflow_uuid IN (SELECT value FROM json_each(:names))"
)

_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{0,128}")


class QueuedFailure(Exception):
    """A job's failure as the queue remembers it: the exception's type and code, never its message."""

    def __init__(self, kind: str, code: str | None) -> None:
        super().__init__(kind, code)
        self.kind = kind
        self.code = code


class IdsOnly(Serializer):
    """JSON of ids, numbers and codes. Anything that could hold a word of somebody's is refused with TypeError."""

    def name(self) -> str:
        """How rows written by this serializer are marked; never reuse the name for another format."""
        return FORMAT

    def serialize(self, data: Any) -> str:
        """`data` as JSON. Raises TypeError where it holds anything but ids, numbers and codes."""
        return json.dumps(_checked(data), separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """What `serialize` was given, tuples as lists and exceptions as `QueuedFailure`.

        Raises RowRefused for anything that `serialize` can't have written.
        """
        try:
            data = json.loads(serialized_data)
            _checked(data)
        except (ValueError, TypeError, RecursionError):
            raise refuse("malformed") from None
        if isinstance(data, dict) and data.keys() == {"failure", "code"}:
            return QueuedFailure(data["failure"], data["code"])
        return data


def _checked(data: Any) -> Any:
    if data is None or isinstance(data, bool | int | float):
        return data
    if isinstance(data, BaseException):
        code = getattr(data, "code", None)
        known = code if isinstance(code, str) and _PLAIN.fullmatch(code) else None
        return {"failure": type(data).__name__, "code": known}
    if isinstance(data, uuid.UUID):
        return str(data)
    if isinstance(data, str) and _PLAIN.fullmatch(data):
        return str(data)
    if isinstance(data, list | tuple):
        return [_checked(item) for item in data]
    if isinstance(data, dict):
        return {_checked(key): _checked(value) for key, value in data.items()}
    raise TypeError(f"the queue holds ids, numbers and codes, not {type(data).__name__}")


def queue_of(workflow: str) -> str:
    """Return the queue in which a workflow's jobs wait."""
    return "errands" if workflow in _ERRANDS else "work"


def enqueue(
    session: Session,
    workflow: str,
    *ids: uuid.UUID,
    owner: uuid.UUID | None = None,
    ahead: int | None = None,
    urgent: bool | None = None,
) -> None:
    """Queue `workflow` with `ids`, in the session's transaction: it runs only if that commits.

    A workflow runs once per `ids`: queueing the same again changes nothing, until `forget`. `agents.runtime` knows
    which workflows there are. `owner` is the contributor for whom it is: each has a turn (`storage.fair_queue`).
    """
    options: EnqueueOptions = {
        "workflow_name": workflow,
        "queue_name": queue_of(workflow),
        "priority": fair_queue.place(session, queue_of(workflow), workflow, owner, ahead=ahead, urgent=urgent),
        "queue_partition_key": workflow,
        "workflow_id": workflow_id(workflow, *ids),
        "app_version": VERSION,
        "application_name": APPLICATION,
    }
    if owner is not None:
        options["authenticated_user"] = str(owner)
    client = _client(session.get_bind().dialect.name)
    client.enqueue_in_transaction(session, options, *(str(_id(value)) for value in ids))


def forget(engine: Engine, workflow: str, *ids: uuid.UUID) -> None:
    """Remove what the queue knows of `workflow` with `ids`, in a transaction of its own. A running one ends first."""
    client = DBOSClient(system_database_engine=engine, dbos_system_schema=SCHEMA, serializer=IdsOnly(), lazy=True)
    client.delete_workflows([workflow_id(workflow, *ids)])


def forget_each(engine: Engine, workflow: str, ids: Iterable[uuid.UUID]) -> None:
    """Remove what the queue knows of `workflow` with each of `ids` alone, in transactions of its own."""
    known = _among(engine, [workflow_id(workflow, value) for value in ids])
    if not known:
        return
    client = DBOSClient(system_database_engine=engine, dbos_system_schema=SCHEMA, serializer=IdsOnly(), lazy=True)
    for start in range(0, len(known), _AT_ONCE):
        client.delete_workflows(known[start : start + _AT_ONCE])


def _among(engine: Engine, names: list[str]) -> list[str]:
    """Of these runs those that the queue knows: few, of many things that a deletion takes at once.

    Asked with one parameter, for DBOS's four statements of as many take longer than the things' own rows.
    """
    sqlite = engine.dialect.name == "sqlite"
    statement, given = (_KNOWN_SQLITE, json.dumps(names)) if sqlite else (_KNOWN, names)
    with looking(engine) as connection:
        return list(connection.execute(statement, {"names": given}).scalars())


def forget_finished(engine: Engine, older_than: timedelta) -> int:
    """Remove what the queue knows of runs that ended so long ago, however; answers how many. What they did stays.

    DBOS keeps them for ever: each run, with what it was queued with. Some hundred a transaction, of its own.
    """
    table = "workflow_status" if engine.dialect.name == "sqlite" else f"{SCHEMA}.workflow_status"
    ended = text(
        f"SELECT workflow_uuid FROM {table} WHERE status IN ('SUCCESS', 'ERROR', 'CANCELLED',"  # noqa: S608
        " 'MAX_RECOVERY_ATTEMPTS_EXCEEDED') AND updated_at < :until LIMIT :most"
    ).bindparams(until=int((now() - older_than).timestamp() * 1000), most=_AT_ONCE)
    client = DBOSClient(system_database_engine=engine, dbos_system_schema=SCHEMA, serializer=IdsOnly(), lazy=True)
    count = 0
    while True:
        with transaction(engine, read_only=True) as session:
            found = list(session.execute(ended).scalars())
        if not found:
            return count
        client.delete_workflows(found)
        count += len(found)


def workflow_id(workflow: str, *ids: uuid.UUID) -> str:
    """The id under which the queue knows `workflow` with `ids`."""
    return ":".join((workflow, *(str(value) for value in ids)))


def ids_of(given: tuple[object, ...]) -> list[uuid.UUID]:
    """Return what a run was queued with. Raises RowRefused for anything but one id or more."""
    try:
        found = [uuid.UUID(str(value)) for value in given]
    except ValueError:
        raise refuse("malformed") from None
    if not found:
        raise refuse("malformed")
    return found


def open_queue_engine(engine: Engine) -> Engine:
    """An engine of DBOS's own to the same database as `engine`, its SQLite connections set as ours are.

    DBOS starts its transactions itself, so it can't share ours, which say BEGIN at their first statement.
    Raises PickleReachable where DBOS could run code out of a row.
    """
    dbos_serialization.require_installed()
    if engine.dialect.name != "sqlite":
        return open_engine(engine.url, pool_size=8)
    own = create_engine(
        engine.url, poolclass=QueuePool, connect_args={"check_same_thread": False}, hide_parameters=True
    )
    event.listen(own, "connect", prepare_sqlite)
    event.listen(own, "connect", _start_immediate)
    stay_with_the_file(own)
    return own


def close_queue_engine(engine: Engine) -> None:
    """Close an engine of `open_queue_engine`, and each connection that a thread still holds as it comes back."""
    event.listen(engine, "checkin", lambda _connection, record: record.invalidate())
    engine.dispose()


def prepare(engine: Engine) -> None:
    """Create DBOS's tables in `engine`'s database, or bring them up to date, and constrain the format of their rows.

    After our migrations, before any job. Raises QueueNotConstrained and PickleReachable.

    Hardly any start has something to do here: it is looked up over a connection that is open, where DBOS makes three.
    """
    if are_newest(engine):
        return
    dbos_serialization.require_installed()
    with looking(engine) as connection:
        there = are_laid_out(connection)
    if not there:
        DBOS.migrate(engine.url.render_as_string(hide_password=False), schema=SCHEMA)
    queue_formats.constrain(engine)


def _start_immediate(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"


def _id(value: Any) -> uuid.UUID:
    if not isinstance(value, uuid.UUID):
        raise TypeError(f"a job takes ids, not {type(value).__name__}")
    return value


@cache
def _client(dialect: str) -> DBOSClient:
    # It only builds statements for a caller's session; this engine names the dialect and never connects.
    engine = create_engine("sqlite://" if dialect == "sqlite" else "postgresql+psycopg://")
    return DBOSClient(
        system_database_engine=engine,
        dbos_system_schema=SCHEMA,
        serializer=IdsOnly(),
        application_name=APPLICATION,
        lazy=True,
    )

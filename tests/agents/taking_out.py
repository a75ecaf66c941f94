"""What tests of exports share: a finished archive's bytes, its files, and what happened to the request."""

import io
import json
import uuid
import zipfile
from typing import Any

from sqlalchemy import select

from agents.runtime import Agents
from storage.database import transaction
from storage.exports import Export, ExportScope
from storage.ids import new_id
from storage.ledger.entries import AuditEvent
from tests.agents.households import Person, scope_of


def ask(agents: Agents, someone: Person, *, sealed: dict[str, str] | None = None, **given: Any) -> uuid.UUID:
    """An export that waits to be built; `sealed` are its sealed columns."""
    with agents.store.begin(scope_of(someone)) as work:
        export = Export(id=new_id(), owner_id=someone.id, **{"scope": ExportScope.ACCOUNT, **given})
        work.vault.seal(export, **(sealed or {}))
        work.session.add(export)
    return export.id


def row(agents: Agents, export_id: uuid.UUID) -> Export:
    """The request as it stands."""
    with transaction(agents.store.engine, read_only=True) as session:
        return session.get_one(Export, export_id)


def content(agents: Agents, export_id: uuid.UUID) -> bytes:
    """The archive, as it would be sent."""
    export = row(agents, export_id)
    assert export.blob_id is not None
    assert export.byte_size is not None
    return b"".join(agents.store.blobs.reader(export.blob_id, export.byte_size, export.file).read())


def files(archive: bytes) -> dict[str, bytes]:
    """What is in an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def lines(written: bytes) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in written.splitlines()]


def told(agents: Agents) -> list[tuple[str, dict[str, Any], str]]:
    """Action, details and outcome of every event, oldest first."""
    with transaction(agents.store.engine, read_only=True) as session:
        found = session.execute(select(AuditEvent.leaf, AuditEvent.outcome).order_by(AuditEvent.id)).all()
    records = [(json.loads(leaf), outcome) for leaf, outcome in found]
    return [(record["action"], record["details"], outcome.value) for record, outcome in records]

"""Announcing: whoever named an address with their request is told there, signed, that the export is ready, or failed.

What is told is ids, a state and a size, never content: a CloudEvents envelope (structured mode), signed as Standard
Webhooks 1.0 says with the secret that `requestExport` answered once. Delivered at least once; `id` tells repeats apart.
"""

import uuid
from typing import Any

from agents.exports.building import ANNOUNCE, NAME
from agents.runtime import Agents, patiently
from agents.turns import TryLater
from agents.webhooks import posted
from policies.actions import Action
from storage import exports
from storage.database import transaction
from storage.exports import UNFINISHED, Export
from storage.ids import global_id
from storage.ledger.envelopes import cloud_event, secrets_of
from storage.ledger.events import DeliveryFailure, ExportAnnounced, Outcome
from storage.work import UnitOfWork

WORKFLOW = ANNOUNCE
TYPE = "dev.muniment.export.v1"

PAUSES = (2, 10, 30, 60, 120)
"""Seconds before what was not received is sent again; then it is given up, and `export` still says how it ended."""


def announce_export(agents: Agents, export_id: uuid.UUID) -> None:
    """Tell the address of this export that it has ended. Does nothing for one without an address, or told already.

    Raises TryLater where it was not received, until it is given up.
    """
    found = patiently(agents, lambda: _letter(agents, export_id))  # anew each time: it may be gone meanwhile
    if found is None:
        return
    owner, url, secret, body = found
    attempt = patiently(agents, lambda: _count(agents, export_id))
    failure = posted(
        url, secrets_of(secret), str(export_id), body, inside_too=agents.inside_too, receivers=agents.receivers
    )
    if failure is not None and attempt <= len(PAUSES):
        raise TryLater(PAUSES[attempt - 1])
    patiently(agents, lambda: _note(agents, export_id, owner, attempt, failure))


def _count(agents: Agents, export_id: uuid.UUID) -> int:
    with transaction(agents.store.engine) as session:
        return exports.count_announcement(session, export_id)


def _note(
    agents: Agents, export_id: uuid.UUID, owner: uuid.UUID, attempts: int, failure: DeliveryFailure | None
) -> None:
    outcome = Outcome.SUCCESS if failure is None else Outcome.FAILED
    with agents.acting(NAME, owner, run=export_id) as (work, _access):
        if exports.notified(work.session, export_id):
            told = ExportAnnounced(resource_id=export_id, subject_id=owner, attempts=attempts, reason=failure)
            work.record(told, outcome)


def _letter(agents: Agents, export_id: uuid.UUID) -> tuple[uuid.UUID, str, str, bytes] | None:
    """Owner, address, secret and body; None where nobody is to be told."""
    with transaction(agents.store.engine, read_only=True) as session:
        owner = exports.owner_of(session, export_id)
    if owner is None:
        return None
    with agents.acting(NAME, owner, run=export_id, read_only=True) as (work, access):
        row = access.get(Export, export_id, Action.READ_CONTENT)
        if row.webhook_url is None or row.notified_at is not None or row.status in UNFINISHED:
            return None
        secret = work.vault.open_as_system(row, "webhook_secret", reason="sign a webhook")
        return owner, work.vault.open(row, "webhook_url"), secret, _body(work, row)


def _body(work: UnitOfWork, row: Export) -> bytes:
    data: dict[str, Any] = {
        "exportId": global_id("Export", row.id),
        "status": row.status.value,
        "byteSize": row.byte_size,
        "expiresAt": None if row.expires_at is None else row.expires_at.isoformat(),
    }
    ended = (row.finished_at or row.created_at).isoformat()
    correlation = str(work.scope.correlation_id)
    return cloud_event(TYPE, str(row.id), ended, data, origin=work.store.origin, correlationid=correlation)

"""Counting what a deletion left: another walk than the one that destroyed.

It does not ask the data cards what belongs to what. It looks for the erased thing's id in every column of every table
that holds ids, then at the files and the keys themselves.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator

from sqlalchemy import ColumnElement, Uuid, func, or_, select
from sqlalchemy.orm import Session

from storage.assets import Blob
from storage.blobs.store import BlobStore
from storage.catalogue import models
from storage.contributors import Contributor
from storage.deletions import Deletion, DeletionScope
from storage.erasures import STAYS
from storage.keys.keyring import Keyring
from storage.keys.names import KeysetName
from storage.ledger import trail
from storage.ledger.entries import AuditPersonal
from storage.query_plans import avoid_scans
from storage.records import Record

EXPECTED = {
    (
        "prompts",
        "author_id",
    ): "a prompt in somebody else's project is theirs; once the account is gone the id opens nothing"
}
"""Columns in which an erased id may stand, and why."""


JOURNAL = "the erasure journal in the key store: the ids alone, so that a restored backup is erased again"
POSTGRESQL = "dead rows and write-ahead log of the database server, sealed under keys that are gone"


def count(
    session: Session, keyring: Keyring, blobs: BlobStore, deletion: Deletion, between: Callable[[], None] = lambda: None
) -> dict[str, int]:
    """What is left of the thing that `deletion` named: every place that was looked into, with 0 where nothing is.

    `between` two tables others may be let pass.
    """
    avoid_scans(session)
    found: Counter[str] = Counter(files=0, keysets=0)
    thing = deletion.object_id
    for model, columns in _places():
        mentions = or_(*(column == thing for column in columns))
        found[str(model.__tablename__)] += session.scalar(select(func.count()).select_from(model).where(mentions)) or 0
        between()
    for blob_id in session.scalars(select(Blob.id).where(or_(*(column == thing for column in _ids_of(Blob))))):
        found["files"] += blobs.exists(blob_id)
        found["keysets"] += keyring.exists(KeysetName("blob", str(blob_id)))
    if deletion.scope is DeletionScope.ASSET:  # an upload of it that is not whole has its id
        found["files"] += blobs.partials.exists(thing)
        found["keysets"] += keyring.exists(KeysetName("blob", str(thing)))
    if deletion.scope is DeletionScope.ACCOUNT:
        found["keysets"] = keyring.count_owned_by(thing)
        found[AuditPersonal.__tablename__] += trail.remembered(session, thing)
    if deletion.scope is DeletionScope.PROJECT:
        found["keysets"] += keyring.exists(KeysetName("project", str(thing)))
    return dict(found)


def staying(session: Session, deletion: Deletion) -> list[dict[str, str | None]]:
    """What is not destroyed with it, why, and until when, for the certificate. Until None: for good."""
    account = deletion.scope is DeletionScope.ACCOUNT
    stays = [{"what": f"records kept as {kind}", "why": why, "until": None} for kind, why in sorted(STAYS.items())]
    places = [
        {"what": f"{table}.{column}", "why": why, "until": None} for (table, column), why in EXPECTED.items() if account
    ]
    journal = {"what": "erasure journal", "why": JOURNAL, "until": None}
    server = {"what": "database server", "why": POSTGRESQL, "until": None}
    return [*stays, *places, journal, *([server] if dialect(session) != "sqlite" else [])]


def forget_departed(session: Session, person_id: uuid.UUID) -> None:
    """Forget whose it was in the trail where their account is gone: what happens after that names nobody."""
    if session.scalar(select(Contributor.id).where(Contributor.id == person_id)) is None:
        trail.forget(session, person_id)


def dialect(session: Session) -> str:
    """Which database it is: sqlite or postgresql."""
    return session.get_bind().dialect.name


def _places() -> Iterator[tuple[type[Record], list[ColumnElement[uuid.UUID]]]]:
    for model in models():
        columns = _ids_of(model)
        if columns and model.card.retention not in STAYS:
            yield model, columns


def _ids_of(model: type[Record]) -> list[ColumnElement[uuid.UUID]]:
    table = model.__table__
    return [c for c in table.columns if isinstance(c.type, Uuid) and (model.__tablename__, c.name) not in EXPECTED]

"""What is written beside an entry: with it in one statement where the database takes several, and never without it."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import IntegrityError

from storage.assets import Asset
from storage.database import transaction
from storage.ids import new_id
from storage.ledger.entries import AuditEvent, AuditPersonal, append
from storage.ledger.events import AssetCreated, EventRefused, Outcome
from storage.ledger.rows import AuditPending
from storage.ledger.scope import AuditScope
from storage.projects import Project
from storage.sealed import Sealed
from storage.search import AssetWord, Words
from storage.vault import Vault

Scopes = Callable[..., AuditScope]
SEALED = dict.fromkeys(("file_name", "title", "description", "tags"), Sealed(b"\x01abc"))
OWNER = uuid.uuid4()


def an_asset(engine: Engine) -> Asset:
    """An asset that is there."""
    project = Project(id=new_id(), owner_id=OWNER, name=Sealed(b"\x01"))
    asset = Asset(id=new_id(), owner_id=OWNER, project_id=project.id, media_type="image/png", byte_size=1, **SEALED)
    with transaction(engine) as session:
        session.add(project)
        session.flush()
        session.add(asset)
    return asset


def words(asset: Asset, tokens: Sequence[bytes], **changes: Any) -> Words:
    """Words of its, as they are written down."""
    own = {"asset_id": asset.id, "owner_id": OWNER, "project_id": asset.project_id}
    return Words(AssetWord.__table__, {**own, **changes}, list(tokens))  # type: ignore[arg-type]


def created(asset: Asset, **changes: Any) -> AssetCreated:
    """The event that says that it is there."""
    usual = {"resource_id": asset.id, "subject_id": OWNER, "project_id": asset.project_id, "byte_size": 1}
    return AssetCreated(**usual | changes)


def counted(engine: Engine) -> list[int | None]:
    """How many entries, personal sides, notes that one waits, and words there are."""
    models = (AuditEvent, AuditPersonal, AuditPending, AssetWord)
    with transaction(engine, read_only=True) as session:
        return [session.scalar(select(func.count()).select_from(model)) for model in models]


@pytest.mark.parametrize("tokens", [[], [b"a" * 16, b"b" * 16]], ids=["none", "two"])
def test_it_is_written_with_the_entry(engine: Engine, vault: Vault, scope: Scopes, tokens: list[bytes]) -> None:
    """Each word is a row, with whose it is; on PostgreSQL all of it is one statement."""
    asset, sent = an_asset(engine), list[str]()
    event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, text, *_rest: sent.append(text))
    with transaction(engine) as session:
        sent.clear()
        append(session, vault, scope(), created(asset), Outcome.SUCCESS, words(asset, tokens))
        writing = [text for text in sent if "INSERT" in text]
    assert counted(engine) == [1, 1, 1, len(tokens)]
    with transaction(engine, read_only=True) as session:
        found = session.execute(select(AssetWord.token, AssetWord.owner_id, AssetWord.asset_id)).all()
        assert sorted(tuple(row) for row in found) == [(token, OWNER, asset.id) for token in tokens]
    assert engine.dialect.name != "postgresql" or len(writing) == 1


def test_it_is_not_written_where_the_event_is_refused(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """An event that may not be recorded leaves nothing, even where somebody takes the refusal for their own."""
    asset = an_asset(engine)
    with transaction(engine) as session, pytest.raises(EventRefused):
        append(session, vault, scope(), created(asset, project_id=OWNER), Outcome.SUCCESS, words(asset, [b"a" * 16]))
    assert counted(engine) == [0, 0, 0, 0]


def test_the_entry_goes_where_it_can_not_be_written(engine: Engine, vault: Vault, scope: Scopes) -> None:
    """Words of an asset that is not there: neither they nor the entry."""
    asset = an_asset(engine)
    with pytest.raises(IntegrityError), transaction(engine) as session:
        lost = words(asset, [b"a" * 16], asset_id=uuid.uuid4())
        append(session, vault, scope(), created(asset), Outcome.SUCCESS, lost)
    assert counted(engine) == [0, 0, 0, 0]

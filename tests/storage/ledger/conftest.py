"""A trail in a fresh database, and someone who acts in it."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from storage.database import open_engine
from storage.ledger.scope import AuditScope
from storage.records import Record
from storage.sealed import Sealed


class OpenVault:
    def seal(self, row: Any, **values: Any) -> None:
        for column, value in values.items():
            setattr(row, column, Sealed(json.dumps(value).encode()))

    def open(self, row: Any, column: str) -> Any:
        assert "read_content" in row.decisions
        value = getattr(row, column)
        return None if value is None else json.loads(value.stored)


@pytest.fixture
def vault() -> Iterator[Any]:
    """A vault."""
    yield OpenVault()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database with the house's tables."""
    engine = open_engine(f"sqlite:///{tmp_path / 'data.db'}")
    Record.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def scope() -> Callable[..., AuditScope]:
    """Makes scopes: a contributor at a browser, except as named."""
    usual = AuditScope(
        component="api",
        actor_kind="CONTRIBUTOR",
        actor_id=uuid.uuid4(),
        on_behalf_of=None,
        ip_address="203.0.113.77",
        user_agent="Mozilla/5.0 (marker-browser)",
        correlation_id=uuid.uuid4(),
        policy_version="0123456789abcdef",
    )
    return lambda **changes: replace(usual, **changes)

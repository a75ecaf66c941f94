"""Alembic's entry: runs the migrations over the connection that `storage.migrations` passes in."""

from typing import Any

from alembic import context

from storage import (  # noqa: F401 - each module enters its tables into the metadata
    contributors,
    deletions,
    exports,
    grants,
    outputs,
    prompts,
    sessions,
    staff,
)
from storage.ledger import entries, rows  # noqa: F401
from storage.records import Record


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Leave alone what is not ours: DBOS keeps its own tables in the same database."""
    return kind != "table" or name in Record.metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Record.metadata,
    include_name=include_name,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()

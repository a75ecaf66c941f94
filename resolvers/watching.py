"""What is noticed of the work, for whoever runs the server: which operations and fields, how long, how they ended.

Names come from the schema, and never from a client: no document, no argument, no id, nothing of anybody's content.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Watch:
    """Watches nothing. `muniment.telemetry` has one that counts and traces."""

    @contextmanager
    def operation(self, correlation_id: uuid.UUID | None) -> Iterator["Ending"]:
        """One operation, without its id where its caller is not to be followed.

        What is said of its `Ending` within the block is what it was.
        """
        yield Ending()

    @contextmanager
    def field(self, within: "Ending | None", name: str) -> Iterator["Ending"]:
        """One root field, as `Query.projects`, of the operation `within`."""
        yield Ending()

    def counted_alone(self) -> None:
        """A caller was counted by this process alone, since the server where several count together did not answer."""

    def queue_rows_refused(self, count: int) -> None:
        """So many rows of the job queue were not in our format, and were refused or removed."""

    def log_damaged(self, count: int) -> None:
        """So many entries of the audit log were found that are not what was hashed into it."""


class Ending:
    """How an operation or a field ended: `kind` of operation, and the code of its first error, None without one."""

    def __init__(self) -> None:
        self.kind = "unknown"
        self.code: str | None = None
        self.span: Any = None
        """What a tracer knows it by."""

"""Rows of the queue that were refused: counted, logged, and passed on to whatever reports them."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from storage.queue_tables import FORMAT

log = structlog.get_logger("muniment.queue")


class RowRefused(Exception):
    """A row of the queue was not written by this program: it is not read. Says the format, never the content."""

    code = "FOREIGN_ROW"


class Refusals:
    """Counts the rows that were refused in this process, and passes each on to one listener."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listener: Callable[[], None] | None = None
        self._probing = threading.local()
        self.count = 0

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call `listener` after each refusal; None stops that."""
        self._listener = listener

    def add(self, how: str) -> None:
        """Count one, log it, and call the listener. An error of the listener is logged and goes no further."""
        if getattr(self._probing, "now", False):
            return
        with self._lock:
            self.count += 1
        log.error("queue.row_refused", code=RowRefused.code, reason=how)
        listener = self._listener
        if listener is None:
            return
        try:
            listener()
        except Exception:
            log.exception("queue.refusal_unreported", code=RowRefused.code)

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Count and log nothing that this thread does in the block: it tries whether rows are refused."""
        library = logging.getLogger("dbos")
        self._probing.now, library.disabled = True, True
        try:
            yield
        finally:
            self._probing.now, library.disabled = False, False


refusals = Refusals()


def refuse(how: str) -> RowRefused:
    """Count a refused row and return the exception to raise. `how` is one of a few fixed words."""
    refusals.add(how)
    return RowRefused(f"a row of the queue is not in the format {FORMAT}")

"""What tests of the process itself may not leave behind: its logging, hooks and umask."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _process_as_found() -> Iterator[None]:
    """Put back what a command takes over when it starts."""
    root = logging.getLogger()
    handlers, level, umask = root.handlers[:], root.level, os.umask(0o022)
    os.umask(umask)
    hooks = (sys.excepthook, threading.excepthook, warnings.showwarning)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    os.umask(umask)
    sys.excepthook, threading.excepthook, warnings.showwarning = hooks
    structlog.reset_defaults()

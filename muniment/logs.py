"""Logs that can't give anything away: what may be logged is a list, and everything else is withheld.

Our own code logs through structlog with a literal event and keys of `ALLOWED`; a value that is free text, not a name
or a number, is redacted as well. Exceptions are reduced to types and frames, for their messages quote what they failed
on. What other libraries say is reduced to the logger's name. JSON lines in production, readable lines otherwise.
"""

import enum
import logging
import re
import sys
import threading
import types
import uuid
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from muniment import leaks, loading

with loading.without("rich", "twisted"):  # by which it would draw tracebacks, with the values of variables in them
    import structlog
    from structlog.typing import EventDict, Processor, WrappedLogger

_OWN_WORDS = frozenset({"event", "level", "timestamp", "logger", "exception"})
"""Written by our own code or by this module, so not searched for free text."""

# fmt: off
ALLOWED = _OWN_WORDS | {
    "action", "actor_kind", "agent", "algorithm", "attempt", "bytes", "category", "claim", "code", "component",
    "correlation_id", "count", "database", "deletion_id", "detection", "drill", "duration_ms", "environment",
    "event_id", "export_id", "frame", "host", "incident_id", "job_id", "jobs", "key_id", "kind", "method",
    "objection", "operation_type", "outcome", "pid", "policy_version", "port", "prompt_id", "reason", "resource",
    "resource_id", "route", "run_id", "runbook", "service_id", "severity", "signal", "status", "step", "task",
    "variation", "version", "workflow",
}
# fmt: on
"""Keys that may appear in a log line. Add one only for ids, numbers and names that come from our own code."""

REDACTED = "[redacted]"

OUR_ROOMS = ("agents", "muniment", "policies", "resolvers", "schema", "storage")
"""The loggers that are ours, by the first part of their name."""

_NAME = re.compile(r"[A-Za-z0-9_.:/{}\[\]-]{0,120}")
_ROOT = Path(__file__).resolve().parent.parent
_MOST_FRAMES = 40


def configure(*, production: bool, level: str = "info") -> None:
    """Take over this process's logging: root handler, uncaught exceptions, warnings. Call it once, first."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    render: list[Processor] = [structlog.processors.JSONRenderer()]
    if not production:
        render = [_join_exception, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False)]
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _reduce_foreign],
            use_get_message=False,  # a foreign message is never even formatted
            processors=[_reduce_exception, _allow, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # below that, a library's withheld message says nothing
    for room in OUR_ROOMS:
        logging.getLogger(room).setLevel(level.upper())
    warnings.showwarning = _warned
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; when one can't be written it says so without the line, which the stock handler would print.

    Where nothing can be written, as on a full disk, it counts, and says how many were lost as soon as it can again: an
    error raised here would end the thread that logged.
    """

    lost = 0

    def handleError(self, record: logging.LogRecord) -> None:
        self.lost += 1
        with suppress(OSError, ValueError):
            self.stream.write(f"a log line of {record.name} could not be written ({self.lost} since the start)\n")
            self.stream.flush()


def _reduce_foreign(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Keep of a record that did not come through structlog only who said it, when, and how grave it is."""
    record: logging.LogRecord = line["_record"]
    kept = {key: line[key] for key in ("level", "timestamp", "_record", "_from_structlog") if key in line}
    return kept | {"event": f"[{record.name}] message withheld", "exc_info": record.exc_info}


def _reduce_exception(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Replace `exc_info` by the exception's types and frames."""
    told = line.pop("exc_info", None)
    error = told if isinstance(told, BaseException) else told[1] if isinstance(told, tuple) else None
    if told is True:
        error = sys.exc_info()[1]
    if error is not None:
        line["exception"] = describe(error)
    return line


def _allow(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    kept = {key: _safe(key, value) if key in ALLOWED else REDACTED for key, value in line.items() if not _internal(key)}
    return leaks.searched(kept)


def _internal(key: str) -> bool:
    return key in ("_record", "_from_structlog")


def _join_exception(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    if "exception" in line:
        line["exception"] = "\n".join(line["exception"])
    return line


def _safe(key: str, value: Any) -> Any:
    if key in _OWN_WORDS:
        return value
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, uuid.UUID):
        return str(value)
    return value if isinstance(value, str) and _NAME.fullmatch(value) else REDACTED


def describe(error: BaseException) -> list[str]:
    """An exception as types and frames, outermost cause last: no message, no locals, no source text."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(_type_name(current))
        lines.extend(_frames(current.__traceback__))
        if isinstance(current, BaseExceptionGroup):
            lines.append("of " + ", ".join(_type_name(member) for member in current.exceptions))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return lines


def _type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _frames(traceback: types.TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"  {_short(code.co_filename)}:{traceback.tb_lineno} in {code.co_qualname}")
        traceback = traceback.tb_next
    return frames[-_MOST_FRAMES:]


def _short(file: str) -> str:
    path = Path(file)
    if path.is_relative_to(_ROOT) and ".venv" not in path.parts:
        return path.relative_to(_ROOT).as_posix()
    return "/".join(path.parts[-2:])


def _uncaught(kind: type[BaseException], error: BaseException, _traceback: types.TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger("muniment").critical("stopped by an error nobody handled", exc_info=error)


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None:
        structlog.get_logger("muniment").critical(
            "a thread was stopped by an error nobody handled", exc_info=told.exc_value
        )


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    structlog.get_logger("muniment").warning(
        "a warning was raised", code=category.__name__, frame=f"{_short(filename)}:{lineno}"
    )

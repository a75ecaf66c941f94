"""Logs give nothing away: planted secrets never come out, what is needed to find a fault does."""

import io
import json
import logging
import re
import sys
import threading
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from muniment import leaks, logs

SECRET = "hunter2-the-content-of-a-prompt"
SAFE = re.compile(r"[A-Za-z0-9_.:/{}\[\]-]{0,120}")
"""What passes for a name: the rest is redacted before it is looked at."""

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Production logging into a buffer; calling it answers the lines so far, and checks that no secret is in them."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logs.configure(production=True)

    def read() -> list[dict[str, Any]]:
        assert SECRET not in out.getvalue()
        return [json.loads(line) for line in out.getvalue().splitlines()]

    return read


def fail_with_secret() -> None:
    """Raise an error that quotes a secret, caused by another that does."""
    local = SECRET
    try:
        raise ValueError(f"could not parse {local}")
    except ValueError as error:
        raise KeyError(local) from error


def test_allowed_keys_pass(lines: Lines) -> None:
    """Ids, numbers and names that our own code chose are logged as they are."""
    run = uuid.uuid4()
    structlog.get_logger("muniment.x").info("run ended", run_id=run, count=3, outcome="SUCCESS")
    (line,) = lines()
    assert (line["event"], line["run_id"], line["count"], line["outcome"]) == ("run ended", str(run), 3, "SUCCESS")
    assert line["level"] == "info"


@pytest.mark.parametrize(
    ("secret", "sort"),
    [
        (f"mun_s_{'a' * 43}", "token"),
        (f"mun_k_0123456789ab_{'b' * 43}", "token"),
        ("eyJhbGciOiJFUzI1.eyJzdWIiOiIxMjM0.c2ln", "token"),
        ("ada@example.org", "address"),
        (f"whsec_{'c' * 32}", "key"),
        ("otpauth://totp/x", "key"),
        ("AGE-SECRET-KEY-1QQQ", "key"),
    ],
)
def test_what_nobody_may_read_is_withheld_whatever_allows_it(lines: Lines, secret: str, sort: str) -> None:
    """As the value of a key that is allowed, or in our own words; it is counted by sort and by logger, and once."""
    leaks.taken()
    log = structlog.get_logger("muniment.x")
    log.info("run ended", task=secret)
    log.info(f"run ended for {secret}", count=3)
    assert [line["event"] for line in lines()] == ["run ended", "[withheld]"]
    assert secret not in str(lines())
    assert leaks.taken() == {(sort, "muniment.x"): 2 if SAFE.fullmatch(secret) else 1}
    assert leaks.taken() == {}


def test_what_our_code_logs_is_nothing_of_the_sort(lines: Lines) -> None:
    """Ids, versions, addresses of services, paths: none looks like what is withheld."""
    leaks.taken()
    told = {"run_id": uuid.uuid4(), "host": "api.example.org", "version": "8882acc03cafb73c", "route": "/graphql"}
    structlog.get_logger("muniment.x").info(
        "an incident: acknowledge it (triageIncident)", **told, runbook="docs/D05.md"
    )
    (line,) = lines()
    assert [line[name] for name in told] == [str(each) for each in told.values()]
    assert leaks.taken() == {}


def test_other_keys_are_redacted(lines: Lines) -> None:
    """A key that is not on the list keeps its name and loses its value."""
    structlog.get_logger("muniment.x").info("run ended", prompt=SECRET, text={"a": SECRET})
    (line,) = lines()
    assert (line["prompt"], line["text"]) == ("[redacted]", "[redacted]")


def test_free_text_under_an_allowed_key_is_redacted(lines: Lines) -> None:
    """An allowed key takes names and numbers; a sentence, a list or bytes may be content."""
    log = structlog.get_logger("muniment.x")
    log.info("run ended", reason=f"because {SECRET}", status=[SECRET], code=SECRET.encode())
    (line,) = lines()
    assert (line["reason"], line["status"], line["code"]) == ("[redacted]",) * 3


def test_context_variables_pass_through_the_same_list(lines: Lines) -> None:
    """What was bound for a request is held to the list like anything else."""
    with structlog.contextvars.bound_contextvars(correlation_id="c1", query=SECRET):
        structlog.get_logger("muniment.x").info("answered")
    (line,) = lines()
    assert (line["correlation_id"], line["query"]) == ("c1", "[redacted]")


def test_exception_is_reduced_to_types_and_frames(lines: Lines) -> None:
    """The chain's types and places are told; messages, locals and source lines are not."""
    try:
        fail_with_secret()
    except KeyError:
        structlog.get_logger("muniment.x").exception("run failed")
    (line,) = lines()
    assert [entry for entry in line["exception"] if not entry.startswith("  ")] == ["KeyError", "ValueError"]
    assert any("tests/muniment/test_logs.py" in entry and "fail_with_secret" in entry for entry in line["exception"])


def test_exception_group_names_its_members(lines: Lines) -> None:
    """What failed together is told together, without messages."""
    group = ExceptionGroup(SECRET, [ValueError(SECRET), OSError(SECRET)])
    structlog.get_logger("muniment.x").error("tasks failed", exc_info=group)
    (line,) = lines()
    assert line["exception"] == ["ExceptionGroup", "of ValueError, OSError"]


def test_other_loggers_are_reduced_to_their_name(lines: Lines) -> None:
    """What a library says may quote anything: that it spoke, how gravely, and an error's place, is all that is kept."""
    try:
        fail_with_secret()
    except KeyError:
        logging.getLogger("dbos").exception("workflow %s failed", SECRET, extra={"prompt": SECRET}, stack_info=True)
    (line,) = lines()
    assert line["event"] == "[dbos] message withheld"
    assert line["level"] == "error"
    assert "KeyError" in line["exception"]
    assert set(line) == {"event", "level", "timestamp", "exception"}


def test_chatter_of_other_loggers_is_dropped(lines: Lines) -> None:
    """Below a warning, a line without its message would only be noise; our own rooms are heard from info on."""
    logging.getLogger("alembic.runtime").info("running %s", SECRET)
    structlog.get_logger("storage.x").info("opened")
    structlog.get_logger("storage.x").debug("looked")
    assert [line["event"] for line in lines()] == ["opened"]


def test_warnings_are_reduced_to_category_and_place(lines: Lines) -> None:
    """A warning's text may quote a value."""
    warnings.showwarning(SECRET, RuntimeWarning, __file__, 7)
    (line,) = lines()
    assert (line["event"], line["code"]) == ("a warning was raised", "RuntimeWarning")
    assert line["frame"] == "tests/muniment/test_logs.py:7"


def test_errors_nobody_handled_are_reduced_too(lines: Lines) -> None:
    """The last resort of the process and of its threads goes through the same reduction."""
    thread = threading.Thread(target=fail_with_secret)
    thread.start()
    thread.join()
    try:
        fail_with_secret()
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    in_thread, in_process = lines()
    assert in_thread["event"] == "a thread was stopped by an error nobody handled"
    assert in_process["event"] == "stopped by an error nobody handled"
    assert "KeyError" in in_thread["exception"]
    assert "KeyError" in in_process["exception"]


def test_line_that_cannot_be_written_is_not_printed_instead(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    """The stock handler would print the record, content and all, when rendering fails."""
    handler = logging.getLogger().handlers[0]
    record = logging.LogRecord("somewhere", logging.ERROR, __file__, 1, SECRET, None, None)
    handler.handleError(record)
    stream = getattr(handler, "stream", None)
    assert isinstance(stream, io.StringIO)
    assert stream.getvalue() == "a log line of somewhere could not be written (1 since the start)\n"
    assert SECRET not in "".join(capsys.readouterr())


def test_development_lines_are_readable_and_as_discreet(monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    """Outside production the form is for people; what may be said is the same."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logs.configure(production=False)
    try:
        fail_with_secret()
    except KeyError:
        structlog.get_logger("muniment.x").exception("run failed", prompt=SECRET, count=2)
    assert "run failed" in out.getvalue()
    assert "count=2" in out.getvalue()
    assert "KeyError" in out.getvalue()
    assert SECRET not in out.getvalue()


def test_a_full_disk_ends_no_thread_that_logs(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be written is counted, and nothing is raised; the count is told when it can be written again."""
    handler = logging.getLogger().handlers[0]
    full = io.StringIO()

    def refuse(_text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(full, "write", refuse, raising=False)
    monkeypatch.setattr(handler, "stream", full)
    structlog.get_logger("muniment").error("something.happened")
    structlog.get_logger("muniment").error("something.happened")
    assert getattr(handler, "lost", 0) == 2

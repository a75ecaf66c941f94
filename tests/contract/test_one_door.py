"""Rows come through the door of policies/, and only one file commits."""

import ast

from tests.contract.source import ROOMS, calls, imported_names, modules

OUTSIDE_THE_DOOR = ("schema", "resolvers", "agents", "muniment")
READING = {"execute", "get", "get_one", "merge", "query", "refresh", "scalar", "scalars", "stream"}


def test_only_the_database_module_commits_or_opens_sessions() -> None:
    """A change, its audit event and the job it queues are one transaction: nobody else ends one."""
    found = []
    for path, tree in modules(*ROOMS):
        if path == "storage/database.py":
            continue
        sessions = imported_names(tree, "sqlalchemy.orm") & {"Session", "sessionmaker", "scoped_session"}
        for call, name, owner in calls(tree):
            if (owner and name == "commit") or (not owner and name in sessions):
                found.append(f"{path}:{call.lineno}")
    assert found == [], "use storage.database.transaction, or the unit of work that the use case was given"


def test_rows_are_selected_through_the_door() -> None:
    """Outside storage/ and policies/ nothing builds a statement: `access.select` and `access.get` do."""
    found = [
        f"{path}:{call.lineno}"
        for path, tree in modules(*OUTSIDE_THE_DOOR)
        for call, name, owner in calls(tree)
        if name in {"select", "text", "update", "delete"} and not owner and name in imported_names(tree, "sqlalchemy")
    ]
    assert found == []


def test_sessions_are_not_read_past_the_door() -> None:
    """Outside storage/ and policies/ a session may be written to and flushed; reading goes through the door."""
    found = [
        f"{path}:{call.lineno}"
        for path, tree in modules(*OUTSIDE_THE_DOOR)
        for call, name, owner in calls(tree)
        if name in READING and (owner == "session" or owner.endswith(".session"))
    ]
    assert found == [], "use access.select with storage.pages, access.get, or a function of storage/"


def test_log_events_are_literal() -> None:
    """What happened is said in words of our own; values go under allow-listed keys, where they can be withheld."""
    found = [
        f"{path}:{call.lineno}"
        for path, tree in modules(*ROOMS)
        for call, name, owner in calls(tree)
        if name in {"debug", "info", "warning", "error", "critical", "exception"}
        and (owner in {"log", "_log", "logger"} or owner.startswith("structlog.get_logger"))
        and not (len(call.args) == 1 and isinstance(call.args[0], ast.Constant))
    ]
    assert found == []

"""Find processes that have an SQLite database open in a way that loses what they write.

A process whose write-ahead log was deleted or replaced goes on writing to a file that ends with it. One that has lost
its locks is about to: the next process that closes the database takes itself for the last, and deletes the log. This
reads /proc, which Linux has, and opens no database.
"""

import enum
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROCESSES = Path("/proc")
_DELETED = " (deleted)"
_AGAIN_SECONDS = 0.1
"""Between two looks: a log comes and goes rightly where the last process closes the database while we look."""

_Identity = tuple[int, int]


class Fault(enum.StrEnum):
    """What is wrong with the files that a process has open."""

    FILE = "the database that it has open is not the one on disk"
    LOG = "the write-ahead log that it writes to is not the one on disk"
    LOCKS = "it has lost its locks on the database, so that any other process may delete its write-ahead log"


@dataclass(frozen=True)
class Holder:
    """A process that has a database open, and a fault of it."""

    pid: int
    database: Path
    fault: Fault


def faulty_holders(database: Path) -> list[Holder]:
    """Return the processes of this user in which a fault was seen twice, each fault once; none where there is no /proc.

    A fault of the locks is not looked for where locks can't be read.
    """
    path = database.resolve()
    found = _look(path)
    if found:
        time.sleep(_AGAIN_SECONDS)
        found &= _look(path)
    return sorted(found, key=lambda each: (each.pid, each.fault))


def _look(path: Path) -> set[Holder]:
    found, locks_are_shown = set(), _locks_are_shown(path.parent)
    for pid in _pids():
        files = dict(_open_files(pid))
        prefixes = {str(path), *(link for link, each in files.items() if each == _identity(path))}
        faults = {fault for prefix in prefixes for fault in _faults(prefix, path, files)}
        logs = {f"{prefix}-wal" for prefix in prefixes}
        if not faults and locks_are_shown and logs & files.keys() and not _has_lock(pid, path):
            faults = {Fault.LOCKS}
        found |= {Holder(pid, path, fault) for fault in faults}
    return found


def _faults(prefix: str, path: Path, files: dict[str, _Identity]) -> Iterator[Fault]:
    for suffix, fault in (("", Fault.FILE), ("-wal", Fault.LOG), ("-shm", Fault.LOG)):
        there = _identity(Path(f"{path}{suffix}"))
        held = {files[name] for name in (prefix + suffix, prefix + suffix + _DELETED) if name in files}
        if held - {there}:
            yield fault


def _pids() -> Iterator[int]:
    if _PROCESSES.is_dir():
        yield from sorted(int(each.name) for each in _PROCESSES.iterdir() if each.name.isdecimal())


def _open_files(pid: int) -> Iterator[tuple[str, _Identity]]:
    """The files that a process has open, by name; nothing where it has ended, or is another user's."""
    place = _PROCESSES / str(pid) / "fd"
    try:
        entries = list(place.iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            link, found = os.readlink(entry), entry.stat()  # noqa: PTH115 - a deleted file's name is no path
        except OSError:
            continue
        yield link, (found.st_dev, found.st_ino)


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _locks_are_shown(place: Path) -> bool:
    """Whether /proc/locks shows a lock that this process takes on a file of its own in this directory."""
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            fcntl.lockf(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return (os.getpid(), os.fstat(probe.fileno()).st_ino) in _locks()
    except OSError:
        return False


def _has_lock(pid: int, path: Path) -> bool:
    found = _identity(path)
    return found is None or (pid, found[1]) in _locks()


def _locks() -> set[tuple[int, int]]:
    """Process and inode of each POSIX lock."""
    lines = (_PROCESSES / "locks").read_text(encoding="utf-8").splitlines()
    words = (line.split() for line in lines if " POSIX " in line and "->" not in line)
    return {(int(each[4]), int(each[5].rsplit(":", 1)[1])) for each in words}

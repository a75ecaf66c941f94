"""Looking for a marker wherever a process can leave something: files, deleted but open files, arguments, tables."""

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.servers import Server


def spellings(marker: str) -> set[bytes]:
    """The marker in the encodings in which it might lie about."""
    raw = marker.encode()
    found = {raw, raw.upper(), marker.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode(), raw[::-1]}
    for shift in range(3):
        # Of base64 only the characters that do not depend on what stands before or after.
        inner = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


class Hunt:
    """Samples every place, again and again, in a thread of its own. `found` names the places where it stood."""

    def __init__(self, server: Server, marker: str) -> None:
        self._server = server
        self._spellings = spellings(marker)
        self._ended = threading.Event()
        self.found: set[str] = set()
        self.samples = 0
        self.seen: set[str] = set()
        self._thread = threading.Thread(target=self._sample_on)

    def __enter__(self) -> "Hunt":
        self._thread.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._ended.set()
        self._thread.join()

    def look(self, name: str, content: bytes) -> None:
        """Note `name` if the marker is in `content`."""
        if any(spelling in content for spelling in self._spellings):
            self.found.add(name)

    def sample(self) -> None:
        """Look everywhere once."""
        for name, content in self._places():
            self.look(name, content)
        self.samples += 1

    def _sample_on(self) -> None:
        while not self._ended.wait(0.1):
            self.sample()

    def _places(self) -> Iterator[tuple[str, bytes]]:
        for path in [path for path in self._server.home.rglob("*") if path.is_file()]:
            self.seen.add(path.name)
            yield from _read(path, str(path.relative_to(self._server.home)))
        for process in _with_children(self._server.pid):
            for name in ("cmdline", "environ"):
                yield from _read(process / name, f"{process.name} {name}")
            for descriptor in list((process / "fd").glob("*")):
                if _target(descriptor).endswith(" (deleted)"):
                    yield from _read(descriptor, f"{process.name} {_target(descriptor)}")


def table_dump(server: Server) -> Iterator[tuple[str, bytes]]:
    """Every row of every table that a PostgreSQL database has, ours and the queue's."""
    named = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'dbos')"
    for schema, table in server.rows(named):
        for (row,) in server.rows(f'SELECT t::text FROM "{schema}"."{table}" t'):  # noqa: S608
            yield f"{schema}.{table}", str(row).encode()


def _read(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    try:
        yield name, path.read_bytes()
    except OSError:
        return  # it has gone meanwhile


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _with_children(pid: int) -> Iterator[Path]:
    process = Path(f"/proc/{pid}")
    yield process
    for children in process.glob("task/*/children"):
        try:
            yield from (Path(f"/proc/{child}") for child in children.read_text().split())
        except OSError:
            continue

"""A file of 2 GiB through the real server, sent and fetched over HTTP: how much its memory grows.

`python -m benchmarks large`; LARGE_MIB says how large (default 2048). SQLite, files in the directory.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.servers import Server

_MIB = 1024 * 1024
_PIECE = (b"All of it is text, and none of it is worth reading.\n" * 20_165)[:_MIB]


def main() -> None:
    """Print the table."""
    mib = int(os.environ.get("LARGE_MIB", "2048"))
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        server = Server(home, f"sqlite:///{home}/data/muniment.sqlite3")
        try:
            server.start()
            _measure(server, mib)
        finally:
            server.close()


def _measure(server: Server, mib: int) -> None:
    api = server.api
    ada = api.register("ada")
    project = api.project(ada)
    small = api.asset(ada, project, _PIECE)  # so that what is loaded once is there
    api.client.get(api.content_url(ada, small))
    before = _memory(server)
    asset, url = api.announce(ada, project, mib * _MIB, fileName="large.txt")
    began = time.perf_counter()
    answer = api.client.put(url, content=_pieces(mib), headers={"content-length": str(mib * _MIB)})
    sent = time.perf_counter() - began
    assert answer.status_code == 201, answer.text  # noqa: S101 - a figure of something else would be none
    after_upload = _memory(server)
    began, got = time.perf_counter(), 0
    with api.client.stream("GET", api.content_url(ada, asset)) as download:
        for piece in download.iter_bytes():
            got += len(piece)
    fetched = time.perf_counter() - began
    assert got == mib * _MIB  # noqa: S101
    sys.stdout.write(f"\na file of {mib:,} MiB over HTTP\n")
    for name, seconds, memory in (("in", sent, after_upload - before), ("out", fetched, _memory(server) - before)):
        grown = f"the server's memory grew by {memory / 1024:.0f} MiB"
        sys.stdout.write(f"  {name:4} {mib / seconds:8,.0f} MiB/s   {grown}   <= 64 MiB\n")


def _pieces(mib: int) -> Iterator[bytes]:
    for _ in range(mib):
        yield _PIECE


def _memory(server: Server) -> int:
    """The most memory the server ever held, in KiB."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

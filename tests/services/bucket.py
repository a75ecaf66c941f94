"""An object store that speaks as much of S3 as one object needs: GET, and PUT under a condition, checked in one step."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class S3:
    """Objects by their path. `status` answers everything with that instead; `asked` notes method and path."""

    port: int = 0
    status: int | None = None
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    before_put: Any = None
    """Called once before the next PUT is looked at: what happens in between."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reach(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """Let S3 be here for this process; answers a bucket's address."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{self.port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        return "s3://trail/of/ours"


def etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@contextmanager
def serving() -> Iterator[S3]:
    """One on loopback while the block runs."""
    found = S3()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked.append(("GET", self.path))
            content = found.objects.get(self.path)
            if found.status is not None or content is None:
                return self.answer(found.status or 404, b"<Error><Code>NoSuchKey</Code></Error>")
            return self.answer(200, content, etag(content))

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.asked.append(("PUT", self.path))
            if found.before_put is not None:
                meanwhile, found.before_put = found.before_put, None
                meanwhile(self.path)
            if found.status is not None:
                return self.answer(found.status, b"<Error><Code>Refused</Code></Error>")
            with found.lock:
                there = found.objects.get(self.path)
                only_new = self.headers.get("if-none-match") == "*"
                wanted = self.headers.get("if-match")
                if not only_new and wanted is None:
                    return self.answer(400, b"<Error><Code>WithoutCondition</Code></Error>")
                if (only_new and there is not None) or (wanted and (there is None or etag(there) != wanted)):
                    return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                found.objects[self.path] = body
            return self.answer(200, b"", etag(body))

        def answer(self, status: int, body: bytes, tag: str | None = None) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("last-modified", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
            if tag is not None:
                self.send_header("etag", tag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield found
        finally:
            server.shutdown()

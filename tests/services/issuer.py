"""An issuer of OpenID Connect tokens on loopback, whose every answer and key a test can turn: a real server, real keys."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

AUDIENCE = "muniment"


@cache
def new_key(kid: str, *, of: str = "issuer") -> RSAKey:
    """A key of the issuer's, or of somebody else's: made once a process, for a new one takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, private=True)


@dataclass
class LocalIssuer:
    """What it serves: its discovery document and its keys. `asked` counts requests for the keys."""

    url: str
    keys: list[RSAKey]
    discovery: dict[str, Any] = field(default_factory=dict)
    padding: str = ""
    status: int = 200
    asked: int = 0

    def token(self, subject: str = "ada-at-work", *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token as it issues them, signed by its newest key; claims that are None are left out."""
        moment, key = int(time.time()), self.keys[-1]
        said = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": moment, "exp": moment + 300} | claims
        given = {name: value for name, value in said.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": key.kid, **(header or {})}, given, key)

    def answer(self, path: str) -> dict[str, Any] | None:
        """What it says at an address."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"} | self.discovery
        if path == "/jwks":
            self.asked += 1
            return {"keys": [key.as_dict(private=False) for key in self.keys], "padding": self.padding}
        return None


@contextmanager
def issuing() -> Iterator[LocalIssuer]:
    """One that runs while the block does."""
    held: list[LocalIssuer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = held[0].answer(self.path)
            self.send_response(404 if found is None else held[0].status)
            if held[0].status == 302:
                self.send_header("location", f"{held[0].url}/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held.append(LocalIssuer(f"http://127.0.0.1:{server.server_port}", [new_key("first")]))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield held[0]
        server.shutdown()

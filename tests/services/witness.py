"""A witness of transparency logs that speaks C2SP tlog-witness over HTTP and keeps to every MUST of it.

It remembers one checkpoint per log, in a file, before it answers; check and write are one step. `Witness.fault` makes it
misbehave. Written from the specification alone: of the code under test it uses the hash of two hashes, and no more.
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from storage.ledger.merkle import node_hash

Reply = tuple[int, str, str]
"""Status, content type, body."""

_BODY = re.compile(r"old (0|[1-9][0-9]*)\n((?:[A-Za-z0-9+/=]+\n){0,63})\n(.+)", re.DOTALL)
_EMPTY = hashlib.sha256().digest()


def _as_it_is(reply: Reply) -> Reply:
    return reply


def refused(status: int, why: str) -> Reply:
    return status, "text/plain", why + "\n"


@dataclass
class Witness:
    """`logs` are the verifier keys it trusts, by origin. `fault` sees each reply before it leaves, and may change it."""

    name: str
    memory: Path
    logs: dict[str, bytes] = field(default_factory=dict)
    post_quantum: bool = False
    fault: Callable[[Reply], Reply] = _as_it_is
    port: int = 0
    submissions: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        seed = hashlib.sha256(self.name.encode()).digest()
        kind = MLDSA44PrivateKey.from_seed_bytes if self.post_quantum else Ed25519PrivateKey.from_private_bytes
        self.key = kind(seed)
        self.material = bytes([6 if self.post_quantum else 4]) + self.key.public_key().public_bytes_raw()
        self.id = hashlib.sha256(self.name.encode() + b"\n" + self.material).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.material).decode()}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/w"

    def seen(self, origin: str) -> tuple[int, bytes]:
        """The newest checkpoint it cosigned for a log: size and root."""
        known = json.loads(self.memory.read_text()) if self.memory.exists() else {}
        size, root = known.get(origin, (0, _EMPTY.hex()))
        return int(size), bytes.fromhex(root)

    def remember(self, origin: str, size: int, root: bytes) -> None:
        """Let this be the newest checkpoint that it has seen of a log."""
        known = json.loads(self.memory.read_text()) if self.memory.exists() else {}
        self.memory.write_text(json.dumps(known | {origin: (size, root.hex())}))

    def reply(self, body: bytes) -> tuple[int, str, bytes]:
        """What an HTTP client would receive."""
        status, kind, answer = self.fault(self.add_checkpoint(body.decode()))
        return status, kind.partition(";")[0], answer.encode()

    def add_checkpoint(self, body: str) -> Reply:
        """The reply that the protocol demands."""
        self.submissions.append(body)
        found = _BODY.fullmatch(body)
        if found is None:
            return refused(400, "not a submission")
        old, note = int(found[1]), found[3]
        proof = [base64.b64decode(line) for line in found[2].splitlines()]
        text, _, signatures = note.rpartition("\n\n")
        text += "\n"
        origin, said, encoded, *_ = text.split("\n")
        size, root = int(said), base64.b64decode(encoded)
        if origin not in self.logs:
            return refused(404, "unknown log")
        if not self._is_signed(origin, text, signatures):
            return refused(403, "invalid signature")
        if old > size:
            return refused(400, "the old size is larger")
        with self._lock:
            known, known_root = self.seen(origin)
            if old != known:
                return 409, "text/x.tlog.size", f"{known}\n"
            is_other = (old == 0 and proof) or (old == size and root != known_root)
            if is_other or not _begins(old, known_root, size, root, proof):
                return refused(422, "the consistency proof shows nothing")
            self.remember(origin, size, root)
        return 200, "text/plain; charset=utf-8", self.cosigned(text)

    def cosigned(self, text: str) -> str:
        """One signature line, of now."""
        now = int(time.time())
        if self.post_quantum:
            origin, size, root, *_ = text.split("\n")
            message = b"subtree/v1\n\0" + _short(self.name) + now.to_bytes(8, "big") + _short(origin) + bytes(8)
            message += int(size).to_bytes(8, "big") + base64.b64decode(root)
        else:
            message = f"cosignature/v1\ntime {now}\n{text}".encode()
        signature = self.id + now.to_bytes(8, "big") + self.key.sign(message)
        return f"\u2014 {self.name} {base64.b64encode(signature).decode()}\n"

    def _is_signed(self, origin: str, text: str, signatures: str) -> bool:
        key = self.logs[origin]
        key_id = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
        lines = [line.split(" ") for line in signatures.splitlines()]
        mine = [raw for _, name, each in lines if name == origin and (raw := base64.b64decode(each))[:4] == key_id]
        try:
            for each in mine:
                Ed25519PublicKey.from_public_bytes(key).verify(each[4:], text.encode())
        except InvalidSignature:
            return False
        return bool(mine)


def _short(name: str) -> bytes:
    return bytes([len(name.encode())]) + name.encode()


def _begins(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """The definition of RFC 6962 section 2.1.2 read backwards: both roots, made out of the proof alone."""
    if old == 0:
        return new != 0 or new_root == _EMPTY
    if old == new:
        return not proof
    rest = list(proof)

    def roots(m: int, n: int, is_whole: bool) -> tuple[bytes, bytes]:
        if m == n:
            each = old_root if is_whole else rest.pop()
            return each, each
        split = 1
        while split * 2 < n:
            split *= 2
        beside = rest.pop()
        if m <= split:
            before, after = roots(m, split, is_whole)
            return before, node_hash(after, beside)
        before, after = roots(m - split, n - split, False)
        return node_hash(beside, before), node_hash(beside, after)

    try:
        return roots(old, new, True) == (old_root, new_root) and not rest
    except IndexError:
        return False


@contextmanager
def serving(witness: Witness) -> Iterator[Witness]:
    """The witness on a port of loopback while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            reply = refused(404, "no such call") if self.path != "/w/add-checkpoint" else witness.add_checkpoint(body)
            status, kind, answer = witness.fault(reply)
            try:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.end_headers()
                self.wfile.write(answer.encode())
            except OSError:
                pass  # whoever asked has gone

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", witness.port), Handler) as server:
        witness.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield witness
        finally:
            server.shutdown()

"""Requests whose bytes are odd: bodies that are nearly JSON, headers out of their bounds, paths that name nothing."""

import random
import urllib.parse
from dataclasses import dataclass, field

from tests.fuzz import values
from tests.fuzz.operations import Operations

PLAIN = "{viewer{kind}}"
BODIES: list[bytes] = [
    b"", b" ", b"null", b"[]", b"{}", b"0", b'"{viewer{kind}}"', b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 5_000,
    b'{"query":"{viewer{kind}}","variables":' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"query":"{viewer{kind}}","variables":{"a":' + b"[" * 900 + b"]" * 900 + b"}}",
    b'{"query":"{viewer{kind}}","extensions":{"a":' + b'{"b":' * 500 + b"1" + b"}" * 500 + b"}}",
    b'{"query":"query($a:Int){viewer{kind}}","variables":{"a":NaN}}', b'{"query":"{viewer{kind}}","variables":{"a":Infinity}}',
    b'{"query":"query($a:Int){projects(first:$a){totalCount}}","variables":{"a":1e400}}',
    b'{"query":"query($a:Int){projects(first:$a){totalCount}}","variables":{"a":' + b"9" * 10_000 + b"}}",
    b'{"query":"query($a:Int){projects(first:$a){totalCount}}","variables":{"a":-0}}',
    b'{"query":"{viewer{kind}}","query":"{nothing}"}', b'{"query":"{viewer{kind}}","query":null}',
    b'{"query":"query($a:String){assets(search:$a){totalCount}}","variables":{"a":"\\ud800"}}',
    b'{"query":"query($a:String){assets(search:$a){totalCount}}","variables":{"a":"\\u0000"}}',
    b'{"query":"query($a:String){assets(search:$a){totalCount}}","variables":{"a":"\\udfff\\ud800"}}',
    b'{"query":"{assets(search:\\"\\ud83d\\"){totalCount}}"}', b'{"query":"{assets(search:\\"\\\\uD83D\\"){totalCount}}"}',
    b'{"query":"{viewer{kind}}","variables":{"\\ud800":1}}', b'{"query":"\xff\xfe{viewer{kind}}"}', b'{"query":"\xc3\x28"}',
    b'\xef\xbb\xbf{"query":"{viewer{kind}}"}', '{"query":"{viewer{kind}}"}'.encode("utf-16"), '{"query":"{viewer{kind}}"}'.encode("utf-32"),
    b'{"query":"{viewer{kind}}","operationName":""}', b'{"query":"{viewer{kind}}","operationName":0}', b'{"query":{}}', b'{"query":1}',
    b'{"query":"{viewer{kind}}","operationName":"' + b"a" * 100_000 + b'"}', b'{"documentId":' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"documentId":"x"}', b'{"extensions":{"persistedQuery":{"sha256Hash":{}}}}', b'{"extensions":{"persistedQuery":[]}}',
    b'{"query":"{viewer{kind}}","extensions":[]}', b'{"query":"' + b"\\n" * 100_000 + b'{a b c d}"}', b'{"query":"' + b"#" * 900_000 + b'"}',
    b'{"query":"' + b"{" * 100_000 + b'"}', b'{"query":"{a(b:' + b"[" * 10_000 + b'"}', b'{"query":"{' + b"a " * 4_990 + b'}"}',
    b'{"query":"{' + b"a@skip(if:true)" * 10_000 + b'}"}', b'{"query":"query(' + b"$a:Int " * 900 + b'){a}"}', b'{"query":"{' + b"...a " * 1_600 + b'}"}',
    b'{"query":"{' + b"assets{edges{node{project{" * 12 + b"id" + b"}" * 49 + b'"}',
    b'{"query":"{' + b"assets(first:999999999){edges{node{project{" * 45 + b"id" + b"}" * 181 + b'"}',
    b'{"query":"' + b"".join(b"fragment F%d on Query{...F%d ...F%d}" % (n, n + 1, n + 1) for n in range(350)) + b'{...F0}"}',
    b'{"query":"' + b"".join(b"fragment F%d on Asset{project{assets(first:999999999){edges{node{...F%d}}}}}" % (n, n + 1) for n in range(150)) + b'{assets{edges{node{...F0}}}}"}',
    b'{"query":"' + b"".join(b"fragment F%d on Query{...F%d}" % (n, (n + 1) % 300) for n in range(300)) + b'{...F0}"}',
    b'{"query":"query($o:Order!){projects(orderBy:$o){totalCount}}","variables":{"o":"' + b" " * 500_000 + b'"}}',
    b'{"query":"query($o:Order!){projects(orderBy:$o){totalCount}}","variables":{"o":"' + b"Did you mean " * 40_000 + b'"}}',
    b'{"query":"query($o:Order!){projects(orderBy:$o){totalCount}}","variables":{"o":"' + b" value: " * 60_000 + b'"}}',
]  # fmt: skip

ACCEPTS = [b"", b"*/*", b"application/json", b"text/event-stream", b"application/graphql-response+json;q=nan", b"*/*;q=1e999", b"a;q=;q=-1",
           b"," * 20_000, b"application/json;" * 2_000, b";q=0.5" * 5_000, b"\xff\xfe", b"application/json;charset=\xb2", b"text/html"]  # fmt: skip
TYPES = [b"application/json", b"application/json; charset=utf-7", b"APPLICATION/JSON;;;", b"text/plain", b"", b"multipart/form-data; boundary=",
         b"multipart/form-data; boundary=" + b"a" * 4_000, b"application/graphql", b"\xff"]  # fmt: skip
ODD_HEADERS = [
    (b"idempotency-key", b"a" * 255), (b"idempotency-key", b"a" * 256), (b"idempotency-key", b'""'), (b"idempotency-key", b"\xff"), (b"idempotency-key", b"k"),
    (b"last-event-id", b"\xff" * 10), (b"last-event-id", b"a" * 5_000), (b"user-agent", b"\xff\xb2" * 300), (b"user-agent", b"a" * 8_000), (b"content-encoding", b"gzip"),
    (b"authorization", b"Bearer"), (b"authorization", b"Bearer " + b"a" * 6_000), (b"authorization", b"Bearer \xff"), (b"authorization", b"Basic " + b"YTpi" * 300),
    (b"authorization", b"Bearer eyJhbGciOiJub25lIn0.e30."), (b"authorization", b"Bearer " + b"." * 3_000), (b"authorization", b"Bearer mun_k_" + b"_" * 4_000),
    (b"authorization", b"Bearer mun_s_\xb2"), (b"range", b"bytes=0-0,1-1"), (b"range", b"bytes=-"), (b"range", b"bytes=999999999999999999-"), (b"range", b"bytes=-0"),
    (b"range", b"bytes=5-1"), (b"range", b"bytes=\xb2-\xb3"), (b"range", b"items=0-1"), (b"if-none-match", b"*"), (b"content-range", b"bytes -1--1/-1"),
    (b"upload-offset", b"-1"), (b"upload-offset", b"\xb2"), (b"upload-offset", b"9" * 30), (b"tus-resumable", b"9.9"), (b"upload-length", b"-1"),
    (b"x-forwarded-for", b"1.2.3.4, " * 500), (b"forwarded", b"for=\"[::1]\""), (b"cookie", b"a=b; " * 1_000), (b"origin", b"null"), (b"origin", b"http://\xff"),
    (b"accept-encoding", b"gzip;q=nan, *;q=0"), (b"accept-language", b"x" * 5_000), (b"traceparent", b"00-" + b"f" * 32 + b"-" + b"f" * 16 + b"-01"), (b"traceparent", b"\xff"),
]  # fmt: skip
SEGMENTS = [
    b"x",
    b"%00",
    b"%ff",
    b"%C3%28",
    b"..%2f..%2fetc",
    b"a" * 4_000,
    b"%F0%9F%A7%B5",
    b".",
    b"-",
    b"_" * 200,
    b"%25",
    b"x" * 200 + b".y",
    b"0",
    b"9" * 40,
    b"%0d%0aa:b",
]
PATHS = [b"/uploads/{}", b"/content/{}", b"/exports/{}", b"/thumbnails/{}", b"/ledger/tile/{}", b"/ledger/tile/0/{}", b"/ledger/tile/entries/{}", b"/ledger/{}", b"/{}",
         b"/ledger/events?after={}", b"/ledger/tile/0/x000/{}.p/1", b"/privacy?version={}", b"/privacy/{}", b"/services/{}", b"/status/{}", b"/.well-known/{}", b"/graphiql/{}",
         b"/passkeys/{}", b"/health/{}", b"/graphql?query={}", b"/graphql?query={viewer{kind}}&variables={}", b"/graphql?query={viewer{kind}}&extensions={}&operationName={}",
         b"/schema.graphql?{}", b"/status.json?{}", b"/services.json?{}"]  # fmt: skip
METHODS = [b"GET", b"POST", b"PUT", b"PATCH", b"HEAD", b"OPTIONS", b"DELETE", b"PURGE"]


@dataclass
class Request:
    """One HTTP request, as bytes."""

    method: bytes = b"POST"
    target: bytes = b"/graphql"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The decoded path, as a server hands it to an application."""
        return urllib.parse.unquote_to_bytes(self.target.partition(b"?")[0]).decode("utf-8", "replace")

    @property
    def query(self) -> bytes:
        return self.target.partition(b"?")[2]

    def __str__(self) -> str:
        headers = {name.decode(): value[:120] for name, value in self.headers}
        return f"{self.method.decode()} {self.target[:500]!r} {headers} {self.body[:4_000]!r} ({len(self.body)} bytes)"


class Requests:
    """Makes one request after another; the same ones for the same source of chance."""

    def __init__(self, operations: Operations, at: random.Random, tokens: list[str]) -> None:
        self._operations = operations
        self._at = at
        self._tokens = tokens
        self.targets: list[bytes] = []
        """Addresses that lead somewhere: of uploads and of content."""

    def next(self) -> Request:
        """The next request: most are operations."""
        at = self._at
        kind = at.random()
        if kind < 0.7:
            body = self._operations.next().body()
            if at.random() < 0.04:
                body = self._damaged(body)
            headers = [(b"content-type", b"application/json"), (b"accept", b"application/graphql-response+json")]
            found = Request(headers=headers, body=body)
        elif kind < 0.82:
            headers = [(b"content-type", b"application/json" if at.random() < 0.8 else at.choice(TYPES))]
            found = Request(headers=headers, body=at.choice(BODIES))
        else:
            found = self._elsewhere()
        if at.random() < 0.1:
            found.headers = [each for each in found.headers if each[0] != b"accept"] + [(b"accept", at.choice(ACCEPTS))]
        while at.random() < 0.12:
            found.headers.append(at.choice(ODD_HEADERS))
        if self._tokens and at.random() < 0.85 and all(name != b"authorization" for name, _ in found.headers):
            found.headers.append((b"authorization", b"Bearer " + at.choice(self._tokens).encode()))
        return found

    def _elsewhere(self) -> Request:
        at = self._at
        if self.targets and at.random() < 0.4:
            target = at.choice(self.targets)
            if at.random() < 0.3:
                place = at.randrange(len(target))
                target = target[:place] + at.choice([b"A", b"%00", b"/", b"-", b""]) + target[place + 1 :]
        else:
            target = at.choice(PATHS)
            while b"{}" in target:
                said = at.choice(SEGMENTS)
                if at.random() < 0.3:
                    said = urllib.parse.quote(values.text(at)).encode()[:3_000]
                target = target.replace(b"{}", said, 1)
        method = at.choice(METHODS) if at.random() < 0.5 else b"GET"
        body = at.choice([b"", b"x" * 1_000, *BODIES[:8]]) if method in (b"PUT", b"PATCH", b"POST") else b""
        headers = [(b"content-type", b"application/offset+octet-stream")] if method == b"PATCH" else []
        return Request(method, target, headers, body)

    def _damaged(self, body: bytes) -> bytes:
        for _ in range(self._at.randrange(1, 4)):
            place = self._at.randrange(len(body) + 1)
            put = self._at.choice(
                [b"", b"\xff", b"\x00", b"\\", b'"', b"{", b"\\ud800", b"NaN", b"1e999", b"\xed\xa0\x80"]
            )
            body = body[:place] + put + body[place + self._at.randrange(3) :]
        return body

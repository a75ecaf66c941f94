"""Takes out a copy of everything, as a program: orders an export, follows it, fetches the archive.

    MUNIMENT_KEY=mun_k_… python take_out.py https://muniment.example.org everything.zip

The key is an API key with the scope `export` (createApiKey). One file, Python's standard library alone: copy it, and
change what you like. Interrupted, it goes on where it was when it is started again with the same file name: what it has
ordered it keeps in `everything.zip.order`, what it has fetched in `everything.zip.part`, until the archive is complete.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

REQUEST = "mutation($input: RequestExportInput!) { requestExport(input: $input) { export { id } } }"
FOLLOW = "subscription($id: ID!) { exportProgress(exportId: $id) { status percentage byteSize } }"
MINT = "mutation($input: MintExportLinkInput!) { mintExportLink(input: $input) { url } }"

BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
"""What a lost connection looks like. `HTTPError`, an answer with a bad status, is one of `URLError`: look first."""
LOCAL = [("http", "127.0.0.1"), ("http", "localhost"), ("http", "::1")]
ATTEMPTS = 6
SILENCE_SECONDS = 60
"""The server says something at least every 12 seconds while it has nothing to tell."""


class Refused(Exception):
    """The server answered with a coded error (docs/errors/): another attempt would end the same way."""

    def __init__(self, error: dict[str, Any]) -> None:
        extensions = error.get("extensions", {})
        super().__init__(f"{extensions.get('code')}: {error.get('message')} (ref {extensions.get('ref')})")
        self.code = extensions.get("code")


class Api:
    """The server at `url`, asked with an API key."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and (parts.scheme, parts.hostname) not in LOCAL:
            raise SystemExit("Use an https address: the key and the archive would go over the network in clear.")
        self.url = url.rstrip("/") + "/"
        self._key = key

    def ask(self, document: str, idempotency_key: str, **variables: Any) -> dict[str, Any]:
        """One mutation. Under the same key it may be sent again: same answer, no second effect. Raises Refused."""
        headers = {"accept": "application/graphql-response+json", "idempotency-key": idempotency_key}
        for pause in _pauses():
            try:
                with self._post(headers, document, variables) as answer:
                    return _data(json.load(answer))
            except BROKEN as error:
                _rethrow(error)
            time.sleep(pause)
        raise TimeoutError(f"{self.url} does not answer.")

    def follow(self, document: str, **variables: Any) -> Iterator[dict[str, Any]]:
        """One subscription as server-sent events, to its end. What is true comes first. Raises Refused."""
        headers = {"accept": "text/event-stream"}
        for pause in _pauses():
            try:
                with self._post(headers, document, variables) as answer:
                    for line in answer:
                        if line.startswith(b"id: "):  # where to go on when the connection breaks
                            headers["last-event-id"] = line[4:].decode().strip()
                        elif line.startswith(b"data: "):
                            yield _data(json.loads(line[6:]))
                        elif line.startswith(b"event: complete"):
                            return
            except BROKEN as error:
                _rethrow(error)
            time.sleep(pause)
        raise TimeoutError(f"{self.url} does not answer.")

    def fetch(self, path: str, file: Path, size: int) -> None:
        """Append to `file` what is missing of the `size` bytes at `path`. Raises what a lost connection looks like."""
        have = file.stat().st_size if file.exists() else 0
        if have < size:
            asked = urllib.request.Request(urljoin(self.url, path), headers={"range": f"bytes={have}-"})
            with urllib.request.urlopen(asked, timeout=SILENCE_SECONDS) as answer, file.open("ab") as to:
                if answer.status != 206:
                    raise SystemExit("Something on the way does not pass ranges on; fetch past it.")
                while piece := answer.read(64 * 1024):
                    to.write(piece)
                    print(f"\rfetched {to.tell()} of {size}", end="", file=sys.stderr)
        if file.stat().st_size != size:
            raise ConnectionError("the connection broke off")

    def _post(self, headers: dict[str, str], document: str, variables: dict[str, Any]) -> Any:
        sent = {**headers, "authorization": f"Bearer {self._key}", "content-type": "application/json"}
        body = json.dumps({"query": document, "variables": variables}).encode()
        request = urllib.request.Request(urljoin(self.url, "graphql"), body, sent)
        return urllib.request.urlopen(request, timeout=SILENCE_SECONDS)


def take_out(api: Api, file: Path) -> None:
    """Everything, into `file`. Raises Refused, or TimeoutError once nobody answers any more."""
    order, part = Path(f"{file}.order"), Path(f"{file}.part")
    if not order.exists():
        order.write_text(str(uuid.uuid4()))
    key = order.read_text()  # the same key, so the same export, also when this program was killed in between
    export = api.ask(REQUEST, key, input={"scope": "ACCOUNT"})["requestExport"]["export"]["id"]
    progress: dict[str, Any] = {}
    for event in api.follow(FOLLOW, id=export):
        progress = event["exportProgress"]
        print(f"{progress['status']} {progress['percentage']} %", file=sys.stderr)
    if progress.get("status") != "READY":
        order.unlink()
        raise SystemExit(f"The export has ended as {progress.get('status')}; start anew for another.")
    for pause in _pauses():
        link = api.ask(MINT, str(uuid.uuid4()), input={"exportId": export})["mintExportLink"]["url"]
        try:
            api.fetch(link, part, progress["byteSize"])
            break
        except BROKEN as error:
            _rethrow(error)
        time.sleep(pause)
    else:
        raise TimeoutError(f"{part} is not complete; start again to go on.")
    part.rename(file)
    order.unlink()


def _pauses() -> Iterator[float]:
    yield from (2.0**attempt / 2 for attempt in range(ATTEMPTS))


def _rethrow(error: Exception) -> None:
    """Raise what the server refused; let pass what another attempt may cure (503, 429, a lost connection)."""
    if isinstance(error, urllib.error.HTTPError) and error.code not in (429, 502, 503, 504):
        try:
            _data(json.load(error))
        except ValueError:
            raise error from None


def _data(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("errors"):
        raise Refused(answer["errors"][0])
    return dict(answer["data"])


def main() -> None:
    """The command."""
    if len(sys.argv) != 3 or "MUNIMENT_KEY" not in os.environ:
        raise SystemExit(__doc__)
    try:
        take_out(Api(sys.argv[1], os.environ["MUNIMENT_KEY"]), Path(sys.argv[2]))
    except (Refused, TimeoutError) as error:
        raise SystemExit(str(error)) from None
    print(f"\n{sys.argv[2]} is complete; check it with: python -m muniment export verify {sys.argv[2]}")


if __name__ == "__main__":
    main()

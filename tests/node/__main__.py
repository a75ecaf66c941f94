"""Checks the API from outside, with the tools of its clients: starts a server of its own and runs `node --test`.

`make check` calls it. It is no part of `make test`, which needs Python alone.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATIENCE = 120
"""Seconds until the server must answer."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

IN_A_BROWSER = {"graphiql.test.mjs", "passkeys.test.mjs"}
"""Left out where there is no browser; requirements/browser has said so by then."""

REGISTER = """mutation($input: RegisterContributorInput!) {
  registerContributor(input: $input) { session { token } }
}"""


DOCUMENTS = {"MUNIMENT_DOCUMENTS": str(HERE / "relay" / "documents.json")}
"""Trusted documents, as relay-compiler wrote them."""


@contextmanager
def serving(*flags: str, **settings: str) -> Iterator[str]:
    """A server on a free port with a home of its own; answers its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "muniment", "serve", "--home", home, "--port", str(port), *flags]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, **settings})
        try:
            _await(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and process.poll() is None:
        try:
            if httpx2.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise SystemExit("The server to check did not start.")


def register(url: str) -> str:
    """The token of a new contributor."""
    given = {"email": "ada@example.org", "password": "correct horse battery", "displayName": "Ada"}
    answer = httpx2.post(f"{url}/graphql", json={"query": REGISTER, "variables": {"input": given}})
    return str(answer.json()["data"]["registerContributor"]["session"]["token"])


def main() -> int:
    """The exit code of `node --test` against fresh servers."""
    node = shutil.which("node")
    if node is None:
        raise SystemExit("These checks need Node 20 or newer on PATH.")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with serving("--no-worker", **DOCUMENTS) as url, serving() as working:
        known = {**os.environ, "SERVER_URL": url, "SERVER_TOKEN": register(url), "CHROMIUM": browser or ""}
        known["WORKING_URL"] = working  # one with agents, for what waits until they are done
        tried = HERE.glob("*.test.mjs")
        files = sorted(str(path) for path in tried if browser or path.name not in IN_A_BROWSER)
        return subprocess.run(
            [node, "--test", "--test-reporter=dot", "--test-timeout=300000", *sys.argv[1:], *files],
            env=known,
            check=False,
        ).returncode


if __name__ == "__main__":
    raise SystemExit(main())

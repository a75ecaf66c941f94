"""The demo: it plays the whole life against a real server, tells failures in words, and finds what it looks for."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from muniment.demo import play
from muniment.demo.disk import sample, scan
from muniment.demo.stage import clean
from muniment.variables import load
from storage.database import open_engine
from storage.services import address_of
from tests.agents.standins import provider
from tests.faults.servers import THRIFTY
from tests.forks import Forked, run
from tests.registered import enter

ROOT = Path(__file__).resolve().parent.parent.parent
WORDS = [f"{word} " for word in re.findall(r"\w+", "A light was left on for the boat that is coming home in the dark")]


def demo(*arguments: str, afresh: bool = False, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m muniment demo` as a person would start it, with no terminal."""
    command = ["-m", "muniment", "demo", *arguments]
    return run(command, afresh=afresh, cwd=ROOT, env=os.environ | {"TERM": "dumb"} | variables, text=True)


@dataclass
class Served:
    """A running server: its address, its home, and where its output goes."""

    url: str
    home: Path
    output: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of Muniment's on a free port, its model a stand-in: an interpreter's first start, in an empty home."""
    place = tmp_path_factory.mktemp("served")
    home, output = place / "home", place / "output"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with provider() as model, output.open("w") as log:
        model.words, model.pause = WORDS, 0.03
        process = Forked(
            ["-c", THRIFTY, "serve", "--home", home, "--port", port],
            afresh=True,
            cwd=ROOT,
            env=os.environ | {"MUNIMENT_MODEL_URL": model.url},
            stdout=log,
            stderr=log,
        )
        try:
            while process.poll() is None and "stops the server" not in output.read_text():
                time.sleep(0.1)
            engine = open_engine(f"sqlite:///{home}/data/muniment.sqlite3")
            enter(engine, address_of(model.url))
            engine.dispose()
            yield Served(f"http://127.0.0.1:{port}", home, output)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


@contextmanager
def impostor(answers: dict[str, str]) -> Iterator[str]:
    """Something else at the address: answers each path with 200 and what is given for it, GraphQL or not."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = answers.get(self.path, "<h1>It works!</h1>").encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.timeout(300)
def test_whole_life_is_played_and_leaves_nothing(server: Served, tmp_path: Path) -> None:
    """Every step holds on a fresh home: nothing in clear on disk or in the server's output, and nothing stays."""
    home = server.home
    played = demo("--url", server.url, "--home", str(home), afresh=True, TMPDIR=str(tmp_path))
    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    assert re.search(r"All \d+ steps did what they should", played.stdout)
    assert "A light was left on for the boat that is coming home" in played.stdout
    assert "She has allowed the services outside that answer here" in played.stdout
    assert played.stdout.count("0 finds of") == 2
    assert re.search(r"0 keysets; 0 of [34] sealed files", played.stdout)  # the fourth is a thumbnail
    for refused in ("NOT_FOUND", "UNAUTHENTICATED", "STEP_UP_REQUIRED", "FORBIDDEN"):
        assert refused in played.stdout
    found = re.search(r"ada\.(\w+)@example\.org", played.stdout)
    assert found is not None
    assert scan([home], {"the word": found[1].encode()}).hits == []
    assert found[1] not in server.output.read_text()
    assert list(home.glob("data/blobs/[0-9a-f][0-9a-f]/*")) == []


@pytest.mark.timeout(300)
def test_own_files_are_played_where_the_home_is_elsewhere(server: Served, tmp_path: Path) -> None:
    """Without the server's home there is no staff and no disk to look at; everything else is played, with any files."""
    poem = tmp_path / "poem.txt"
    poem.write_text("The tide comes in, the tide goes out, and someone keeps the light about.\n")
    played = demo(str(poem), "--url", server.url, "--home", str(tmp_path / "elsewhere"), TMPDIR=str(tmp_path))
    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    assert "poem.txt is there" in played.stdout
    assert "staff and disk are left out of the play" in played.stdout
    assert "support" not in played.stdout.split("what they tried")[1].split("\n")[0]
    assert not (tmp_path / "elsewhere").exists()


def test_refused_file_is_told_with_what_to_do(
    server: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that the server does not take ends the play in words: its code, and where that is explained."""
    program = tmp_path / "program.exe"
    program.write_bytes(b"MZ" * 100)
    assert play(server.url, [program], load(home=tmp_path)) == 1
    told = capsys.readouterr().out
    assert "expected   program.exe is there" in told
    assert "what came  BAD_USER_INPUT: mediaType is not accepted" in told
    assert "docs/errors/BAD_USER_INPUT.md" in told


def test_absent_server_is_one_sentence(tmp_path: Path) -> None:
    """Nobody at the address: exit 1, and how to start one."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    played = demo("--url", f"http://127.0.0.1:{port}", "--home", str(tmp_path))
    assert (played.returncode, played.stderr) == (1, "")
    assert played.stdout.splitlines()[1:] == [
        "No server answers there: start it with `make run`, then play the demo again."
    ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, "Muniment is there, and ready"),
        ({"/graphql": "garbage"}, "She has registered"),
        ({"/graphql": json.dumps({"data": {"registerContributor": None}})}, "She has registered"),
        ({"/graphql": json.dumps({"errors": [{"message": "no code"}]})}, "She has registered"),
    ],
)
def test_garbage_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: dict[str, str], expected: str
) -> None:
    """Whatever answers in Muniment's place: the first step not to be believed says what was expected and what to do."""
    known = {"/health/ready": "ready\n", "/ledger/vkey": "muniment.local+00000000+AAAA\n"} if answers else {}
    with impostor(known | answers) as url:
        assert play(url, [], load(home=tmp_path)) == 1
    told = capsys.readouterr().out
    assert "This step did not do what it should." in told
    assert f"expected   {expected}" in told
    assert "what to do " in told


@pytest.mark.parametrize(
    "disguise",
    [
        lambda word: word,
        lambda word: word.upper(),
        lambda word: word.encode("utf-16-le"),
        lambda word: word.encode().hex(),
        *(lambda word, start=start: base64.b64encode(b"x" * start + word.encode() + b"yyy") for start in range(3)),
    ],
)
def test_search_sees_through_disguises(tmp_path: Path, disguise: object) -> None:
    """What it says is not there would have been found, also across the seam of two pieces and in a file's name."""
    content = disguise("tavomikerula")  # type: ignore[operator]
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "seam").write_bytes(b"\0" * (4 * 1024 * 1024 - 5) + raw)
    (tmp_path / "innocent").write_bytes(b"nothing to see")
    found = scan([tmp_path], {"the word": b"tavomikerula"})
    assert [(path.name, name) for path, name in found.hits] == [("seam", "the word")]
    assert found.files == 2


def test_search_reads_file_names(tmp_path: Path) -> None:
    """A name is content too."""
    (tmp_path / "brief of tavomikerula.txt").touch()
    assert [name for _, name in scan([tmp_path], {"the word": b"tavomikerula"}).hits] == ["the word"]


def test_pieces_that_could_be_found_by_chance_are_not_searched_for() -> None:
    """A run of zeros lies in every database; a varied piece of the file does not."""
    assert sample(b"\0" * 10_000) is None
    assert sample(b"\0" * 10_000 + bytes(range(256))) is not None
    assert sample(b"") is None


def test_nothing_shown_can_steer_a_terminal() -> None:
    """Texts of models and names of files are shown without control characters."""
    assert clean("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"

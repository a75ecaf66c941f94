"""Serving: one process that answers, finishes what it began, and leaves nothing behind however it ends."""

import asyncio
import os
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from muniment import serve
from muniment.serve import CannotServe, demand_free_port, welcome
from muniment.variables import load

ROOT = Path(__file__).resolve().parent.parent.parent

APPLICATION = """
import asyncio, atexit, contextlib, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from muniment import logs, serve, variables

@contextlib.asynccontextmanager
async def lifespan(app):
    if "broken" in sys.argv:
        raise ValueError("hunter2")
    atexit.register(print, "the interpreter has ended")  # in which a thread of the server's could abort it
    yield
    print("closed in order", flush=True)

async def slowly(request):
    print("began", flush=True)
    await asyncio.sleep(1)
    return PlainTextResponse("finished")

async def echo(socket):
    await socket.accept(subprotocol="graphql-transport-ws")
    await socket.send_text(await socket.receive_text())
    await socket.receive_text()

routes = [Route("/slowly", slowly), WebSocketRoute("/echo", echo)]
logs.configure(production=True)
serve.serve(Starlette(routes=routes, lifespan=lifespan), variables.load(port=int(sys.argv[1])))
"""


class Server:
    """A served application in a process group of its own."""

    def __init__(self, *arguments: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", APPLICATION, str(self.port), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.said = ""
        while not self.said.endswith("stops the server.\n\n") and (line := self.process.stdout.readline()):
            self.said += line

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """Send the process a signal; answers its exit code and what else it wrote to stdout and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers."""
    started = Server()
    yield started
    if started.process.poll() is None:
        os.killpg(started.process.pid, signal.SIGKILL)
    started.process.communicate()


def test_an_answer_under_way_is_finished_before_the_server_stops(server: Server) -> None:
    """SIGTERM lets a running request end well; then the application closes in order; then the process ends with 0."""
    asking = subprocess.Popen(
        [sys.executable, "-c", f"import httpx2; print(httpx2.get('http://127.0.0.1:{server.port}/slowly').text)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.process.stdout is not None
    assert server.process.stdout.readline() == "began\n"
    code, out, err = server.end(signal.SIGTERM)
    assert asking.communicate(timeout=30)[0] == "finished\n"
    assert (code, out, err.count("error")) == (0, "closed in order\n", 0)


def test_an_open_websocket_does_not_hold_up_the_end(server: Server) -> None:
    """Subscriptions stay open for ever; Ctrl-C must not wait for them."""
    with connect(f"ws://127.0.0.1:{server.port}/echo", subprotocols=["graphql-transport-ws"]) as websocket:
        websocket.send("hello")
        assert websocket.recv() == "hello"
        code, out, _ = server.end(signal.SIGINT)
        assert (code, out) == (0, "closed in order\n")


def test_killed_server_leaves_no_process_and_no_port(server: Server) -> None:
    """The server is one process: when it is killed outright, nothing of it lives on or holds the port."""
    server.end(signal.SIGKILL)
    with pytest.raises(ProcessLookupError):
        os.killpg(server.process.pid, 0)
    demand_free_port("127.0.0.1", server.port)


def test_two_servers_never_share_a_port(server: Server) -> None:
    """granian would share it, and callers would be answered by either."""
    with pytest.raises(CannotServe, match="taken by another program: choose another with --port"):
        demand_free_port("127.0.0.1", server.port)
    assert httpx2.get(f"http://127.0.0.1:{server.port}/absent").status_code == 404


def test_application_that_cannot_start_ends_the_process_without_its_message() -> None:
    """A start that fails is told by type and place, with a code that says so, and never serves."""
    broken = Server("broken")
    out, err = broken.process.communicate(timeout=30)
    assert broken.process.returncode == 1
    assert (broken.said, out) == ("", "")
    assert "ValueError" in err
    assert "hunter2" not in err


@pytest.mark.parametrize("worker", [False, True])
def test_what_the_first_job_needs_is_loaded_once_the_server_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worker: bool
) -> None:
    """Not before, for a start would wait for it; and not where agents work, who have loaded it themselves."""
    loaded = queue.SimpleQueue[str]()
    monkeypatch.setattr(serve, "_load_queue", lambda: loaded.put("storage.queue"))
    monkeypatch.setattr(serve, "_LATER_SECONDS", 0.01)

    async def announced() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        announcing = asyncio.create_task(serve._announce(load(home=tmp_path, port=port, worker=worker)))
        await asyncio.sleep(0.2)
        assert loaded.empty()
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
            await asyncio.wait_for(announcing, timeout=60)

    asyncio.run(announced())
    if worker:
        assert loaded.empty()
    else:
        assert loaded.get(timeout=60) == "storage.queue"


def test_the_welcome_says_what_to_open_and_where_things_lie(tmp_path: Path) -> None:
    """A newcomer reads addresses, places and the next step."""
    said = welcome(load(home=tmp_path, port=1234))
    for part in (
        "http://127.0.0.1:1234/",
        "/graphql",
        "/schema.graphql",
        f"{tmp_path}/data",
        f"{tmp_path}/keys",
        "make demo",
    ):
        assert part in said

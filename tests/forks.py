"""Second processes that need not import everything anew: forked off one that has, and has done next to nothing else.

Importing takes a process two or three seconds of processor time, and hundreds of them are started only to be killed.
A fork is a process like any other: with memory, files and an end of its own. The policy is compiled and the schema built
before it too, since both are the same in each. All workers of a run have one that forks, so it is not ours: how what it
forked has ended, we are told. Where a start itself is in question (`afresh`, and test_serve.py), an interpreter is started.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOADED = (
    "openai",
    "muniment.cli",
    "muniment.app",
    "muniment.crew",
    "muniment.homes",
    "muniment.keys",
    "muniment.serve",
    "storage.blobs.objects",
    "storage.catalogue",
    "tests.agents.households",
    "tests.agents.working",
    "tests.storage.keyrings",
)
"""What is there before anything is forked. Importing them starts no thread, which a fork would lack."""

_asking = threading.Lock()


class Forked(subprocess.Popen[Any]):
    """A Python that runs these arguments, `-c PROGRAM …` or `-m MODULE …`; the options are those of `Popen`.

    With `afresh`, and elsewhere than on Linux, it is an interpreter started as any other.
    """

    def __init__(self, arguments: Sequence[object], afresh: bool = False, **options: Any) -> None:
        self._afresh = afresh
        super().__init__([sys.executable, *map(str, arguments)], **options)

    if sys.platform == "linux":

        def _execute_child(self, args: list[str], *given: Any) -> None:
            if self._afresh:
                super()._execute_child(args, *given)  # type: ignore[misc]
                return
            cwd, env = given[4:6]
            handles = given[9:15]
            said = {
                "arguments": args[1:],
                "cwd": str(cwd or Path.cwd()),
                "env": dict(os.environ if env is None else env),
            }
            files = [own if own != -1 else number for number, own in enumerate(handles[number] for number in (0, 3, 5))]
            self.pid, self._told = _ask(said, files)
            self._child_created = True
            self._close_pipe_fds(*handles)  # type: ignore[attr-defined]

        def _internal_poll(self, *given: Any, **more: Any) -> int | None:
            if self._afresh:
                return super()._internal_poll(*given, **more)  # type: ignore[misc, no-any-return]
            if self.returncode is None and self._waitpid_lock.acquire(False):  # type: ignore[attr-defined]
                try:
                    pid, status = (0, 0) if self.returncode is not None else self._try_wait(os.WNOHANG)
                    if pid:
                        self._handle_exitstatus(status)  # type: ignore[attr-defined]
                finally:
                    self._waitpid_lock.release()  # type: ignore[attr-defined]
            return self.returncode

        def _try_wait(self, flags: int) -> tuple[int, int]:
            """What `os.waitpid` answers of a child."""
            if self._afresh:
                return super()._try_wait(flags)  # type: ignore[misc, no-any-return]
            os.set_blocking(self._told, not flags & os.WNOHANG)
            try:
                status = os.read(self._told, 4)
            except BlockingIOError:
                return 0, 0
            os.close(self._told)
            assert status, "whoever waited for it was killed"
            return self.pid, int.from_bytes(status, "big")


def run(arguments: Sequence[object], **options: Any) -> "subprocess.CompletedProcess[Any]":
    """The same run to its end, and what it said, as `subprocess.run` has it."""
    with Forked(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            said, complained = process.communicate()
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def _ask(said: dict[str, Any], files: list[int]) -> tuple[int, int]:
    """Have a process forked with these files as its first three. Answers its id, and where its end will be told."""
    told, telling = os.pipe()
    message = json.dumps(said).encode()
    with _asking:
        connection = _parent()
        socket.send_fds(connection, [len(message).to_bytes(4, "big")], [*files, telling])
        connection.sendall(message)
    os.close(telling)
    pid = os.read(told, 4)
    assert pid, "whoever forks has gone: see what it wrote to stderr"
    return int.from_bytes(pid, "big"), told


@cache
def _parent() -> socket.socket:
    """A connection to the process that forks for all workers of this run, and ends when the last of them has.

    Whoever comes first starts it. Its address is an abstract one, which no two can have and which leaves no file.
    """
    address = f"\0muniment-forks-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or uuid.uuid4().hex}"
    while True:
        connection = socket.socket(socket.AF_UNIX)
        with suppress(OSError), socket.socket(socket.AF_UNIX) as listening:  # or another has it
            listening.bind(address)
            listening.listen()
            connection.connect(address)  # before any other, so that it sees somebody
            command = [sys.executable, "-c", f"from tests.forks import _fork_all; _fork_all({listening.fileno()})"]
            process = subprocess.Popen(
                command, cwd=ROOT, pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
            listening.close()  # it is theirs now: should they end, we hear of it
            atexit.register(process.wait)
            atexit.register(connection.close)  # the first of the two
            assert _is_greeted(connection), "whoever forks did not start: see what it wrote to stderr"
            return connection
        with suppress(OSError):  # or it is about to listen, or to end
            connection.connect(address)
            if _is_greeted(connection):
                atexit.register(connection.close)
                return connection
        connection.close()
        time.sleep(0.01)


def _is_greeted(connection: socket.socket) -> bool:
    """Whether somebody is there who forks; waits for it to have loaded."""
    with suppress(ConnectionError):
        return bool(connection.recv(1))
    return False


def _fork_all(descriptor: int) -> None:
    """Fork a process for each that asks, until there is nobody who could."""
    gc.disable()  # nothing of what is loaded goes again
    from schema.api import build
    from tests.house_policy import house_policy

    for name in LOADED:
        importlib.import_module(name)
    house_policy()
    build()
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; this goes when they do
    listening = socket.socket(fileno=descriptor)
    asking: list[socket.socket] = []
    while True:
        for ready in select.select([listening, *asking], [], [])[0]:
            if ready is listening:
                asking += _greeted(listening.accept()[0])
            elif not _fork(ready, [listening, *asking]):
                asking.remove(ready)
                ready.close()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # those that have told everything
                pass
        if not asking:
            return


def _greeted(connection: socket.socket) -> list[socket.socket]:
    """The connection, where it comes from somebody who could do without us: anybody on this machine can ask."""
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    with suppress(ConnectionError):  # of one that was killed meanwhile
        if user == os.getuid():
            connection.sendall(b".")
            return [connection]
    connection.close()
    return []


def _fork(connection: socket.socket, ours: list[socket.socket]) -> bool:
    """Fork the process that is asked for there; whether anything was."""
    try:
        size, files, _, _ = socket.recv_fds(connection, 4, 4)
    except ConnectionError:
        return False
    if not size:
        return False
    said = json.loads(connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
    *files, telling = files
    if not os.fork():
        for each in ours:
            each.close()
        if not (child := os.fork()):
            os.close(telling)
            _become(said, files)
        try:
            for file in files:
                os.close(file)
            os.write(telling, child.to_bytes(4, "big"))
            os.write(telling, os.waitpid(child, 0)[1].to_bytes(4, "big"))
        finally:
            os._exit(0)
    for each in (*files, telling):
        os.close(each)
    return True


def _become(said: dict[str, Any], files: list[int]) -> None:
    """Be the Python that was asked for, to its end."""
    status = 1
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        _open_streams()
        os.chdir(said["cwd"])
        os.environ.clear()
        os.environ.update(said["env"])
        signal.signal(signal.SIGINT, signal.default_int_handler)
        tempfile.tempdir = None
        status = _run(said["arguments"])
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            sys.stderr.write(f"{leaving.code}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter ends: threads, exit handlers, output
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def _open_streams() -> None:
    """As an interpreter does for the files it finds; what is there knows of others, which could be wound back."""
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _run(arguments: list[str]) -> int:
    if arguments[0] == "-W":
        warnings.simplefilter(arguments[1])  # type: ignore[arg-type]
        arguments = arguments[2:]
    kind, program, *rest = arguments
    if kind == "-m":
        sys.argv = [program, *rest]
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        assert kind == "-c", kind
        sys.argv = ["-c", *rest]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), main.__dict__)  # noqa: S102 - what the test gave
    return 0

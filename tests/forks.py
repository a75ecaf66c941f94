"""Second processes that need not import everything anew: forked off one that has, and has done next to nothing else.

Importing takes a process two or three seconds of processor time, and hundreds of them are started only to be killed.
A fork is a process like any other: with memory, files and an end of its own. The policy is compiled and the schema built
before it too, since both are the same in each. Where a start itself is in question
(`afresh`, and test_serve.py), an interpreter is started.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOADED = (
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

_PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h
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
            self.pid = _ask(said, files)
            self._child_created = True
            self._close_pipe_fds(*handles)  # type: ignore[attr-defined]


def run(arguments: Sequence[object], **options: Any) -> "subprocess.CompletedProcess[Any]":
    """The same run to its end, and what it said, as `subprocess.run` has it."""
    with Forked(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            said, complained = process.communicate()
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def _ask(said: dict[str, Any], files: list[int]) -> int:
    """Have a process forked with these files as its first three, and adopt it."""
    with _asking:
        connection, adopt = _parent(), ctypes.CDLL(None).prctl
        adopt(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            message = json.dumps(said).encode()
            socket.send_fds(connection, [len(message).to_bytes(4, "big")], files)
            connection.sendall(message)
            answer = connection.recv(4)
        finally:
            adopt(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    assert len(answer) == 4, "whoever forks has gone: see what it wrote to stderr"
    return int.from_bytes(answer, "big")


@cache
def _parent() -> socket.socket:
    """The connection to the process that forks, which ends with ours."""
    here, there = socket.socketpair()
    command = [sys.executable, "-c", f"from tests.forks import _fork_all; _fork_all({there.fileno()})"]
    process = subprocess.Popen(
        command, cwd=ROOT, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    there.close()
    atexit.register(process.wait)
    atexit.register(here.close)  # the first of the two
    return here


def _fork_all(descriptor: int) -> None:
    """Fork a process for each that asks, until there is nobody who could."""
    from schema.api import build
    from tests.house_policy import house_policy

    for name in LOADED:
        importlib.import_module(name)
    house_policy()
    build()
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; this goes when they do
    connection = socket.socket(fileno=descriptor)
    while True:
        size, files, _, _ = socket.recv_fds(connection, 4, 3)
        if not size:
            return
        said = json.loads(connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
        # A child whose own parent has gone falls to whoever asked: to them it is a child of theirs, to be waited for.
        reading, writing = os.pipe()
        if not (between := os.fork()):
            if not (child := os.fork()):
                for each in (reading, writing):
                    os.close(each)
                connection.close()
                _become(said, files)
            os.write(writing, child.to_bytes(4, "big"))
            os._exit(0)
        os.waitpid(between, 0)
        for each in (writing, *files):
            os.close(each)
        connection.sendall(os.read(reading, 4))
        os.close(reading)


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

"""The offline model's own process: llama.cpp's server on 127.0.0.1, for as long as standard input stays open.

`agents.models.local` runs this file by path with an empty environment; it imports nothing of the project. One line of
JSON comes in on standard input (`model`, `api_key`, `context` in tokens), one line goes out (`port`), and when standard
input ends, however the parent died, this process ends. It can't write a file: the kernel refuses (RLIMIT_FSIZE 0).
"""

import contextlib
import json
import os
import sys
import threading
from typing import Any


def _close_the_disk() -> None:
    if sys.platform == "win32":  # no rlimits there; nothing below asks llama.cpp to write either
        return
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold prompts in clear
    with contextlib.suppress(OSError):
        os.nice(5)  # the API answers first


def _silence() -> int:
    """Point standard output and error at nothing, for llama.cpp prints to both; answers a copy of the real output."""
    announce = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return announce


def main() -> None:
    """Load the model, say on which port it listens, and serve until standard input ends."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    _close_the_disk()
    announce = _silence()
    try:
        server = _load(order)
        port = int(str(server.listening_address).rsplit(":", 1)[1])
        os.write(announce, json.dumps({"port": port}).encode() + b"\n")
        os.close(announce)
        threading.Event().wait()
    finally:
        os._exit(1)  # an ordinary end would wait for llama.cpp's threads, which wait for us


def _end_with_the_parent() -> None:
    while sys.stdin.read(4096):
        pass
    os._exit(0)


def _load(order: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()  # type: ignore[attr-defined]
    parameters.model.path = order["model"]
    parameters.api_keys = [order["api_key"]]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = order["context"]
    parameters.n_parallel = 1
    parameters.n_batch = parameters.n_ubatch = 256  # between two batches a caller who left is noticed
    # One core is left to the API. With a thread on every core the model's threads wait for whichever is disturbed:
    # measured on two busy cores, one thread wrote twice as fast as two.
    threads = max(1, (os.cpu_count() or 2) - 1)
    for part in (parameters.cpuparams, parameters.cpuparams_batch):
        part.n_threads, part.poll = threads, 0
    parameters.n_gpu_layers = 0
    parameters.offline = True
    parameters.sampling.penalty_repeat = 1.1  # a model this small falls into repeating itself
    parameters.warmup = False
    parameters.verbosity = -1
    parameters.ui = False
    parameters.endpoint_slots = False  # slots show the prompts of others
    parameters.endpoint_props = False
    parameters.endpoint_metrics = False
    parameters.cache_prompt = False  # one contributor's words never speed up another's answer
    parameters.cache_idle_slots = False
    parameters.cache_ram_mib = 0
    return xllamacpp.Server(parameters)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()

"""An hour of mixed load by many contributors on two API processes and one of agents, while each is killed at random.

`make soak`; SOAK_MINUTES says how long (default 60), SOAK_PEOPLE how many contributors (default 12), SOAK_SEED what
falls by chance. PostgreSQL with durable commits, the key store a database of its own, Valkey for shared limits, files
in the directory, a stand-in for the model, everything on one machine. In the first half a process is picked at random
every few minutes and ended with kill -9, and started anew at once, as a supervisor would; in the second half nothing is
disturbed, and memory is watched. A caller whose connection breaks sends the same again to the other process, with the
same `Idempotency-Key`. Seconds are what a caller waits who was not cut off; a run or an export from the request until
it is done. A journal keeps what was acknowledged: at the end each thing is asked for, each file compared with its
SHA-256, each event looked up in the trail, each thing counted for being there twice, the trail verified from outside,
and every sealed value opened.

The hour below was of six contributors (SOAK_PEOPLE=6), with work of the lowest priority on the same two cores: times
are somewhat longer than on a machine of its own. Where the sentinel takes a contributor who deletes a thing every few
seconds for a mass deletion (D01), she proves anew who she is, and such are told beside the limits.
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.soak import processes, telling, verdicts
from benchmarks.soak.people import Crowd

_DRAIN_SECONDS = 300


def main() -> None:
    """Print what was found. Raises SystemExit(1) where something acknowledged was lost, or something failed."""
    seconds = float(os.environ.get("SOAK_MINUTES", "60")) * 60
    people = int(os.environ.get("SOAK_PEOPLE", "12"))
    seed = int(os.environ.get("SOAK_SEED", str(time.time_ns() % 1_000_000)))
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())  # a disk: commits are to be durable
    with tempfile.TemporaryDirectory() as place, processes.house(Path(place)) as house:
        began = time.monotonic()
        crowd = Crowd(house, people, seed)
        crowd.start()
        try:
            house.torment(random.Random(seed), until=began + seconds / 2, every=max(20.0, seconds / 24))  # noqa: S311
            house.watch(until=began + seconds)
        finally:
            crowd.stop()
        took = time.monotonic() - began
        crowd.finish(_DRAIN_SECONDS)
        found = verdicts.of(house, crowd)
        sys.stdout.write(telling.table(house, crowd, found, took, seed))
    if found.problems:
        raise SystemExit(1)
